//! Which entries, on the command line.

use clap::Args;

use crate::cli::client::call::Call;
use crate::clock::rfc3339;
use crate::domain::audit::Action;
use crate::domain::audit::filter::{AuditFilter, TargetFilter};
use crate::domain::time;

/// Conditions on entries, all of which must hold.
#[derive(Clone, Debug, Default, Args)]
pub struct FilterArgs {
    /// Only what this user did
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only what was done to this: user:NAME (also to the user's tokens), token:ID or settings
    #[arg(long, value_name = "TARGET")]
    target: Option<String>,
    /// Only this kind, such as token.created
    #[arg(long, value_name = "ACTION", value_parser = action)]
    action: Option<Action>,
    /// Not before this time, such as 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    from: Option<i64>,
    /// Before this time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<i64>,
}

impl FilterArgs {
    /// The same conditions, asked of a server.
    pub(super) fn ask(&self) -> Call {
        Call::get(&["audit"])
            .queries("actor", &self.actor)
            .queries("target", &self.target)
            .queries("action", self.action.map(Action::as_str))
            .queries("from", self.from.map(rfc3339))
            .queries("until", self.until.map(rfc3339))
    }
}

impl From<FilterArgs> for AuditFilter {
    fn from(args: FilterArgs) -> Self {
        let FilterArgs { actor, target, action, from, until } = args;
        Self { actor, target: target.as_deref().map(TargetFilter::parse), action, from, until }
    }
}

fn action(name: &str) -> Result<Action, String> {
    Action::from_name(name).ok_or_else(|| {
        let known: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        format!("known actions are {}", known.join(", "))
    })
}

fn moment(text: &str) -> Result<i64, String> {
    time::parse(text).map_err(|_| "not an RFC 3339 time such as 2027-01-31T00:00:00Z".to_owned())
}
