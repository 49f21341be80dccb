//! Users: the names that somebody may mean, for a field that offers them as it is typed in.

use crate::callers::Caller;
use crate::context::Context;
use crate::domain::authority::{self, Owner};
use crate::domain::text;
use crate::domain::user::{UserFilter, name_key};
use crate::error::Error;

/// How many are read for each that is shown: those of admins are left out for whoever is none.
const READ: i64 = 4;

/// The names of at most `most` users in whose name, display name or mail address `part` stands, in any case, and on whose
/// tokens the caller may act.
///
/// # Errors
/// The caller may act on own tokens only, or `part` is no text that could be looked for.
pub async fn names(
    context: &Context,
    caller: &Caller,
    part: &str,
    most: usize,
) -> Result<Vec<String>, Error> {
    let who = caller.principal();
    authority::acts_for_others(who)?;
    text::check(part, &[]).map_err(|problem| Error::invalid("user", problem))?;
    let filter = UserFilter { search: Some(name_key(part)), ..UserFilter::default() };
    let limit = i64::try_from(most).unwrap_or(0).saturating_mul(READ);
    let users = context.store.read().await?.users(&filter, None, limit).await?;
    let meant = users
        .into_iter()
        .filter(|user| authority::acts_for(who, Owner { user_id: user.id, role: user.role }).is_ok());
    Ok(meant.map(|user| user.name).take(most).collect())
}
