//! "Why was I refused?": what the filter would decide, which rule decides, and how that is changed. The decision is the
//! filter's own code's, on what proxies are told; nothing here knows its rules, only what to say of them.

mod advice;
mod gate;
mod question;

use std::net::IpAddr;

use gatepass::reply::Reply;
use serde::Serialize;
use utoipa::ToSchema;

use crate::callers::Caller;
use crate::clock::rfc3339;
use crate::context::Context;
use crate::domain::authority::{self, Owner};
use crate::domain::listing::{Sort, SortBy};
use crate::domain::settings::Settings;
use crate::domain::source::{entry_id, is_entry, source_of};
use crate::domain::token::{State, Token};
use crate::domain::user::User;
use crate::error::Error;
use crate::schema;
use crate::store::{TokenFilter, Transaction};
use crate::tokens::TokenView;
use advice::Facts;
pub(crate) use advice::{Advice, Who};
use gate::{Asked, Credentials, Gate};
pub use question::{MAX_METHOD, MAX_PATH, Question};

/// Most tokens of a user that are looked at, the newest ones, and as many entries of sources.
pub const MAX_TOKENS: usize = 20;
/// One more tells whether there are more.
const ENTRIES_AND_ONE: u32 = 21;

/// What the filter decides, and why.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Explanation {
    /// What proxies are to enforce: this is the decision of one that does. See `GET /fleet`.
    pub(crate) epoch: String,
    /// As in the plugin configuration, a decimal string.
    pub(crate) revision: String,
    /// The time that was asked about; settings and tokens are those of now.
    #[schema(value_type = schema::Time)]
    pub(crate) at: String,
    /// The address as lists are compared with it: an IPv4-mapped one as IPv4.
    #[schema(value_type = schema::Ip)]
    pub(crate) address: IpAddr,
    /// For a token one; for a user each of the newest tokens and entries, then a password, another token and no credentials
    /// at all.
    pub(crate) cases: Vec<Case>,
    /// Whether the user has more tokens, or entries, than were looked at; ask for one by its id.
    pub(crate) more_tokens: bool,
}

/// One decision.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ExplainedCase)]
pub struct Case {
    /// What the request would carry.
    pub(crate) credentials: Kind,
    /// The token, if it is one that somebody made here.
    #[schema(required)]
    pub(crate) token: Option<TokenView>,
    /// The entry, if it is one that a source has pushed.
    #[schema(required)]
    pub(crate) entry: Option<Entry>,
    /// Whether the request goes on to the service.
    pub(crate) allowed: bool,
    /// The decision as the access log has it: `allow.token`, `refuse.ip_not_allowed`, …
    pub(crate) decision: &'static str,
    /// What the filter answers; null if it lets the request on.
    #[schema(required)]
    pub(crate) status: Option<u16>,
    /// The reply's code; null if the filter lets the request on.
    #[schema(required)]
    pub(crate) code: Option<&'static str>,
    #[serde(flatten)]
    pub(crate) advice: Advice,
}

/// An entry of a source.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = ExplainedEntry)]
pub(crate) struct Entry {
    #[schema(value_type = schema::SourceName)]
    pub(crate) source: String,
    /// Within its source.
    #[schema(value_type = schema::EntryId)]
    pub(crate) id: String,
    /// As proxies know it.
    #[schema(value_type = schema::TokenId)]
    pub(crate) token_id: String,
    #[schema(value_type = schema::UserName)]
    pub(crate) user: String,
    pub(crate) state: State,
    /// When it ends; null is never.
    #[schema(value_type = Option<schema::Time>, required)]
    pub(crate) expires_at: Option<String>,
}

impl Entry {
    /// `None` for a token that nobody has pushed.
    fn of(token: &Token, now: i64) -> Option<Self> {
        token.is_entry().then(|| Self {
            source: source_of(&token.id).to_owned(),
            id: entry_id(&token.id).to_owned(),
            token_id: token.id.clone(),
            user: token.owner.clone(),
            state: token.state(now),
            expires_at: token.expires_at.map(rfc3339),
        })
    }
}

/// What a request carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ExplainedCredentials)]
pub(crate) enum Kind {
    /// A token of this product's.
    Token,
    /// A user name and what is no token.
    Password,
    /// Bearer with what is no token of this product's.
    Other,
    /// Nothing.
    None,
}

/// Says what the filter would decide, and why.
///
/// # Errors
/// The caller may not ask about this user or token, there is none, or a field is wrong.
pub async fn explain(context: &Context, caller: &Caller, question: Question) -> Result<Explanation, Error> {
    authority::manages(caller.principal())?;
    let now = context.clock.now();
    let mut tx = context.store.read().await?;
    let settings = tx.settings().await?.settings;
    let asked = question.asked(&settings, now.as_second())?;
    let subject = Subject::of(tx.as_mut(), caller, &question, now.as_second()).await?;
    let snapshot = context.newest.of(tx.as_mut(), context.report.as_ref(), now).await?;
    drop(tx);
    let gate = Gate::new(&snapshot, &settings, &subject.tokens, context.random.as_ref())?;
    let answer = Answer { settings: &settings, gate: &gate, asked: &asked, now: now.as_second() };
    Ok(Explanation {
        epoch: snapshot.version.epoch.clone(),
        revision: snapshot.version.revision.to_string(),
        at: rfc3339(asked.at),
        address: asked.address,
        cases: answer.cases(&subject, question.basic_user.as_deref()),
        more_tokens: subject.more,
    })
}

/// Whom or what it is about.
struct Subject {
    tokens: Vec<Token>,
    more: bool,
    /// Without it, it is about the one token.
    user: Option<User>,
}

impl Subject {
    async fn of(
        tx: &mut dyn Transaction,
        caller: &Caller,
        question: &Question,
        now: i64,
    ) -> Result<Self, Error> {
        let who = caller.principal();
        if let Some(id) = &question.token {
            let token = if is_entry(id) { tx.entry(id).await? } else { tx.token(id).await? };
            let token = token.filter(|token| authority::sees(who, token.owner_for_authority()));
            let tokens = vec![token.ok_or(Error::NotFound("token"))?];
            return Ok(Self { tokens, more: false, user: None });
        }
        let name = question.user.as_deref().unwrap_or(&caller.user.name);
        if name != caller.user.name {
            authority::acts_for_others(who)?;
        }
        let user = tx.user(name).await?.ok_or(Error::NotFound("user"))?;
        authority::acts_for(who, Owner { user_id: user.id, role: user.role })?;
        let filter = TokenFilter {
            owners: vec![user.id],
            states: vec![State::Active, State::Disabled, State::Expired],
            sort: Sort { by: SortBy::Created, descending: true },
            now,
            limit: MAX_TOKENS,
            ..TokenFilter::default()
        };
        let page = tx.tokens(&filter).await?;
        let mut entries = tx.entries_of(user.id, ENTRIES_AND_ONE).await?;
        let more = page.next.is_some() || entries.len() > MAX_TOKENS;
        entries.truncate(MAX_TOKENS);
        let tokens = page.tokens.into_iter().chain(entries).collect();
        Ok(Self { tokens, more, user: Some(user) })
    }
}

struct Answer<'a> {
    settings: &'a Settings,
    gate: &'a Gate,
    asked: &'a Asked,
    now: i64,
}

impl Answer<'_> {
    fn cases(&self, subject: &Subject, basic_user: Option<&str>) -> Vec<Case> {
        let of_token = |(number, token): (usize, &Token)| {
            self.case(Kind::Token, Some(token), Credentials::Token { number, basic_user })
        };
        let mut cases: Vec<Case> = subject.tokens.iter().enumerate().map(of_token).collect();
        if let Some(user) = &subject.user {
            cases.push(self.case(Kind::Password, None, Credentials::Password(&user.name)));
            cases.push(self.case(Kind::Other, None, Credentials::Other));
            cases.push(self.case(Kind::None, None, Credentials::None));
        }
        cases
    }

    fn case(&self, credentials: Kind, token: Option<&Token>, presented: Credentials<'_>) -> Case {
        let outcome = self.gate.decide(self.asked, presented);
        let basic_user = match presented {
            Credentials::Token { basic_user, .. } => basic_user,
            _ => None,
        };
        let facts = Facts { settings: self.settings, token, basic_user, asked: self.asked };
        let reply = outcome.refusal.map(Reply::to);
        Case {
            credentials,
            token: token.filter(|token| !token.is_entry()).map(|token| TokenView::new(token, self.now)),
            entry: token.and_then(|token| Entry::of(token, self.now)),
            allowed: reply.is_none(),
            decision: outcome.decision,
            status: reply.as_ref().map(|reply| reply.status),
            code: reply.as_ref().map(|reply| reply.code),
            advice: advice::on(outcome, &facts),
        }
    }
}
