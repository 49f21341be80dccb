//! Signing in with a password. Who reads only the reply, and its time, cannot tell an unknown name from a wrong password.

use std::net::IpAddr;

use super::{SignedIn, begin, note, note_nobodys, written};
use crate::change::Change;
use crate::context::Context;
use crate::domain::session::{Method, SecretHash};
use crate::domain::sign_in::{Failures, NameHash};
use crate::domain::user::{User, name_key, system_actor};
use crate::error::{Error, Unauthenticated};
use crate::password::{self, MAX_TRIED};

/// An attempt to sign in.
pub struct Attempt<'a> {
    /// The user's name, in any case.
    pub name: &'a str,
    /// The password.
    pub password: &'a str,
    /// Where it comes from; `None` when that cannot be read.
    pub address: Option<IpAddr>,
    /// The session that the browser had before.
    pub old: Option<SecretHash>,
}

/// A person whose password was shown.
pub struct Known {
    /// Who it is.
    pub user: User,
    /// The hash that the password has.
    pub hash: String,
}

/// Signs somebody in.
///
/// # Errors
/// Name or password are wrong, or there were too many attempts.
pub async fn with_password(context: &Context, attempt: Attempt<'_>) -> Result<SignedIn, Error> {
    let Attempt { name, password, address, old } = attempt;
    let known = check_password(context, name, password, address).await?;
    let mut change = Change::by_system(context, &known.user.name).await?;
    change.comes_from(written(address));
    // The password was looked at before this change began.
    let user = change.tx.user_by_id(known.user.id).await?.filter(|user| user.active);
    let user = user.ok_or(Unauthenticated::SignInRefused)?;
    if change.tx.password_hash(user.id).await?.as_ref() != Some(&known.hash) {
        return Err(Unauthenticated::SignInRefused.into());
    }
    super::reset::forget(&mut change, context, &user).await?;
    let signed_in = begin(context, &mut change, user, Method::Password, old).await?;
    change.commit().await?;
    Ok(signed_in)
}

/// Whose password this is. Failures are counted, and told to the audit.
///
/// # Errors
/// It is nobody's, or there were too many attempts.
pub async fn check_password(
    context: &Context,
    name: &str,
    password: &str,
    address: Option<IpAddr>,
) -> Result<Known, Error> {
    context.sign_ins.take(address, context.clock.now().as_microsecond())?;
    // Held to the end: failures are counted before the next guess is looked at.
    let turn = context.sign_ins.turn().await?;
    let name = Name::new(context, name);
    let (user, hash, wait) = name.look_up(context).await?;
    if wait > 0 {
        name.count(context, user.as_ref(), address, Outcome::Refused).await?;
        let problem = "there were too many failed attempts to sign in as this user";
        let seconds = u64::try_from(wait).unwrap_or(1);
        return Err(Error::TooMany { code: "sign_in_delayed", problem, seconds });
    }
    // Made at the first attempt, whose it may be.
    let nobodys = context.sign_ins.nobodys_hash(context).await?;
    let tried = hash.clone().unwrap_or(nobodys);
    let text = if password.len() <= MAX_TRIED { password.to_owned() } else { String::new() };
    let right = password::verify_apart(tried, text).await?;
    if let (true, Some(user), Some(hash)) = (right, user.clone().filter(|user| user.active), hash) {
        context.sign_ins.give_back(address);
        return Ok(Known { user, hash });
    }
    name.count(context, user.as_ref(), address, Outcome::Failed).await?;
    drop(turn);
    Err(Unauthenticated::SignInRefused.into())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It was looked at, and wrong.
    Failed,
    /// It was not looked at.
    Refused,
}

/// A name as somebody typed it.
struct Name {
    key: String,
    hash: NameHash,
}

impl Name {
    fn new(context: &Context, typed: &str) -> Self {
        let key = if typed.len() <= MAX_TRIED { name_key(typed) } else { String::new() };
        let hash = name_hash(context, &key);
        Self { key, hash }
    }

    /// The user of this name, the hash of the password, and how many seconds there are to wait.
    async fn look_up(&self, context: &Context) -> Result<(Option<User>, Option<String>, i64), Error> {
        let mut tx = context.store.read().await?;
        let user = tx.user_by_key(&self.key).await?;
        // Of nobody, too: it takes as long.
        let hash = tx.password_hash(user.as_ref().map_or(-1, |user| user.id)).await?;
        let failures = tx.sign_in_failures(&self.hash).await?;
        let wait = failures.map_or(0, |failures| failures.wait(context.clock.now().as_second()));
        Ok((user, hash, wait))
    }

    async fn count(
        &self,
        context: &Context,
        user: Option<&User>,
        address: Option<IpAddr>,
        outcome: Outcome,
    ) -> Result<(), Error> {
        let (ip, user_id) = (written(address), user.map(|user| user.id));
        let mut change = Change::by_system(context, system_actor::SIGN_IN).await?;
        let now = change.at();
        let known = change.tx.sign_in_failures(&self.hash).await?;
        let known = known.unwrap_or_else(|| Failures::none(self.hash, user_id));
        let known = Failures { user_id, ..known };
        let counted = match outcome {
            Outcome::Failed => known.failed(now, ip.clone()),
            Outcome::Refused => known.refused(ip.clone()),
        };
        if user.is_some() {
            note(&mut change, counted, user).await?;
        } else {
            change.tx.put_sign_in_failures(&Failures { unaudited: 0, ip: None, ..counted }).await?;
            note_nobodys(&mut change, ip).await?;
        }
        change.commit().await?;
        Ok(())
    }
}

/// Under which attempts with a name are counted.
pub(super) fn name_hash(context: &Context, key: &str) -> NameHash {
    context.audit_key.hash("gatepass sign-in name 1", key)
}
