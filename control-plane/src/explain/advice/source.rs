//! What is said otherwise of an entry that a source has pushed: its owner can change nothing about it, and a manager neither.
//! What changes it is the next push.

use gatepass::decision::Refusal;

use super::{Advice, Rule, Who};
use crate::domain::source::{entry_id, source_of};
use crate::domain::token::Token;
use crate::domain::user::Role;

/// `said`, with what changes the refusal of `entry`.
pub(super) fn changed(said: Advice, refusal: Refusal, of_token: bool, entry: &Token) -> Advice {
    let (source, id) = (source_of(&entry.id), entry_id(&entry.id));
    let document = format!("the document of the source {source}");
    let by_push = |change: String| Advice { who: Who::Source, change, ..said.clone() };
    match refusal {
        Refusal::TokenDisabled => by_push(format!("push {document} with the entry {id} not disabled")),
        Refusal::TokenExpired => by_push(format!(
            "push {document} with a later expires_at of the entry {id}, within max_validity from when its secret was pushed \
             first, or with another secret. If that is too early, look at the clock of the proxy's machine, which is the one \
             that counts"
        )),
        Refusal::IpNotAllowed if of_token => by_push(format!(
            "push {document} with the address in allowed_ips of the entry {id}. If the list is right, compare with `source` in \
             the access log"
        )),
        Refusal::ScopeExceeded => by_push(format!(
            "push {document} with another scope of the entry {id}. If the scope is to admit this request for everyone, an admin \
             adds a rule to it"
        )),
        Refusal::UseNotAllowed if entry.owner_role != Role::User => Advice {
            rule: Rule::OwnerRole,
            reason: format!(
                "{} was a user when the source {source} pushed the entry {id}, and is more now: a source names users alone",
                entry.owner
            ),
            change: format!("an admin takes the role back, or {document} names another user"),
            who: Who::Admin,
            setting: None,
            ..said
        },
        Refusal::CredentialsUnknown if said.who == Who::Owner => {
            by_push(format!("push {document} with another secret for the entry {id}"))
        }
        _ => said,
    }
}
