//! A token as pages show it.

use std::net::IpAddr;

use crate::domain::token::State;
use crate::tokens::TokenView;
use crate::web::moment::Moment;
use crate::web::words;

/// How many days ahead an end is pointed out.
const SOON: i64 = 14;

/// A token as pages show it.
pub(crate) struct TokenRow {
    /// The public id.
    pub(crate) id: String,
    /// The owner.
    pub(crate) user: String,
    /// Who made it.
    pub(crate) creator: String,
    /// What it is for.
    pub(crate) description: String,
    /// The last characters of the secret.
    pub(crate) hint: String,
    /// What has become of it.
    pub(crate) state: State,
    /// The same, as the page's style knows it.
    pub(crate) state_class: &'static str,
    /// The same, in a word.
    pub(crate) state_word: &'static str,
    /// When it was made.
    pub(crate) created: Moment,
    /// When it ends; never if absent.
    pub(crate) expires: Option<Moment>,
    /// Whether it ends within a fortnight.
    pub(crate) ends_soon: bool,
    /// When it was used last; never if absent.
    pub(crate) used: Option<Use>,
    /// What it is good for; everything if absent.
    pub(crate) scope: Option<String>,
    /// Where it may be used from; everywhere if there are none.
    pub(crate) ips: Vec<String>,
    /// Whether it may manage.
    pub(crate) control_plane: bool,
    /// When and by whom it was disabled.
    pub(crate) disabled: Option<By>,
    /// When and by whom it was deleted.
    pub(crate) revoked: Option<By>,
    /// The token that it replaced.
    pub(crate) predecessor: Option<String>,
    /// The token that replaced it.
    pub(crate) successor: Option<String>,
}

/// The last use of a token.
pub(crate) struct Use {
    /// When.
    pub(crate) at: Moment,
    /// From where, if that is known.
    pub(crate) ip: Option<IpAddr>,
    /// By what, as it says itself.
    pub(crate) user_agent: Option<String>,
}

/// What somebody did to a token.
pub(crate) struct By {
    /// When.
    pub(crate) at: Moment,
    /// Who.
    pub(crate) name: String,
}

impl TokenRow {
    /// What is seen of `view` at `now`, in Unix seconds.
    pub(crate) fn new(view: TokenView, now: i64) -> Self {
        let (record, last_used) = (view.record, view.last_used);
        let moment = |text: String| Moment::read(&text, now);
        let by = |at: Option<String>, name: Option<String>| Some(By { at: moment(at?), name: name? });
        let expires = record.expires_at.map(moment);
        Self {
            state_class: record.state.as_str(),
            state_word: words::state(record.state),
            created: moment(record.created_at),
            ends_soon: record.state == State::Active && expires.is_some_and(|end| end.is_within_days(SOON)),
            expires,
            used: last_used.map(|used| Use { at: moment(used.at), ip: used.ip, user_agent: used.user_agent }),
            ips: record.allowed_ips.to_strings(),
            disabled: by(record.disabled_at, record.disabled_by),
            revoked: by(record.revoked_at, record.revoked_by),
            id: record.id,
            user: record.user,
            creator: record.creator,
            description: record.description,
            hint: record.hint,
            state: record.state,
            scope: record.scope,
            control_plane: record.control_plane,
            predecessor: record.predecessor,
            successor: record.successor,
        }
    }

    /// Whether it works, and is the last of its chain.
    pub(crate) fn is_rotatable(&self) -> bool {
        self.state == State::Active && self.successor.is_none()
    }

    /// Whether it works.
    pub(crate) fn is_active(&self) -> bool {
        self.state == State::Active
    }

    /// Whether it is disabled, for the time being.
    pub(crate) fn is_disabled(&self) -> bool {
        self.state == State::Disabled
    }

    /// Whether it is not deleted yet.
    pub(crate) fn is_there(&self) -> bool {
        self.state != State::Revoked
    }
}
