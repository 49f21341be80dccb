//! Which entries of the audit somebody wants to see.

use super::{Action, Entry};

/// What stands between a token and its owner in an entry's target: `token:01J… user:fred`. No user name has a colon.
const OWNER: &str = " user:";

/// Conditions on entries. All that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Done by exactly this user or system actor.
    pub actor: Option<String>,
    /// Done to this.
    pub target: Option<TargetFilter>,
    /// Of this kind.
    pub action: Option<Action>,
    /// Unix time in seconds: not before.
    pub from: Option<i64>,
    /// Unix time in seconds: before.
    pub until: Option<i64>,
}

/// What an entry's target must be: a whole one, or the part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetFilter {
    /// What stands first: `token:01J…`, `user:fred`, `settings`.
    pub subject: Option<String>,
    /// Whom it concerns, first or behind the token: `user:fred`.
    pub user: Option<String>,
}

impl TargetFilter {
    /// From text: `user:fred` is what happened to fred and to fred's tokens, `token:01J…` what happened to that token.
    pub fn parse(text: &str) -> Self {
        let owned = |text: &str| Some(text.to_owned());
        match text.find(OWNER) {
            Some(at) => {
                let (subject, user) = text.split_at(at);
                Self { subject: owned(subject), user: owned(user.trim_start()) }
            }
            None if text.starts_with("user:") => Self { subject: None, user: owned(text) },
            None => Self { subject: owned(text), user: None },
        }
    }

    fn admits(&self, target: &str) -> bool {
        let parts = Self::parse(target);
        // A target that is a person has that one as both parts.
        let subject = parts.subject.as_ref().or(parts.user.as_ref());
        let user = parts.user.as_ref().or(parts.subject.as_ref());
        let is = |wish: &Option<String>, part| wish.is_none() || wish.as_ref() == part;
        is(&self.subject, subject) && is(&self.user, user)
    }
}

impl AuditFilter {
    /// Whether `entry` is one of them.
    pub fn admits(&self, entry: &Entry) -> bool {
        let draft = &entry.draft;
        self.actor.as_ref().is_none_or(|actor| *actor == draft.actor)
            && self.target.as_ref().is_none_or(|target| target.admits(&draft.target))
            && self.action.is_none_or(|action| action.as_str() == draft.action)
            && self.from.is_none_or(|from| draft.at >= from)
            && self.until.is_none_or(|until| draft.at < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_met_by_its_parts() {
        for (wish, target, met) in [
            ("user:fred", "user:fred", true),
            ("user:fred", "token:01 user:fred", true),
            ("user:fred", "user:fred f", false),
            ("user:fred", "token:01 user:fred f", false),
            ("user:fred f", "token:01 user:fred f", true),
            ("user:f", "token:01 user:fred f", false),
            ("user:fred", "user:freda", false),
            ("token:01", "token:01 user:fred", true),
            ("token:01", "token:011 user:fred", false),
            ("token:01", "token:01", true),
            ("token:01 user:fred", "token:01 user:fred", true),
            ("token:01 user:fred", "token:02 user:fred", false),
            ("token:01 user:fred", "token:01 user:anna", false),
            ("settings", "settings", true),
            ("settings", "user:settings", false),
        ] {
            assert_eq!(TargetFilter::parse(wish).admits(target), met, "{wish} {target}");
        }
    }
}
