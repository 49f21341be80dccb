//! What a use case answers when it does not do what it was asked. The edges turn it into replies.

use crate::data_folder::FolderError;
use crate::domain::authority::Denial;
use crate::domain::malformed::Malformed;
use crate::domain::validity::InvalidValidity;
use crate::random::RandomError;
use crate::store::StoreError;

/// Why a use case did nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The caller is not known: 401.
    #[error(transparent)]
    Unauthenticated(#[from] Unauthenticated),
    /// The caller may not: 403.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// What was asked for does not exist, or the caller may not know of it: 404.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A field is wrong: 400.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field's path.
        field: String,
        /// What would be right.
        problem: String,
    },
    /// Rows of a file are wrong: 400.
    #[error("{}", .0.sentence())]
    Rows(RowErrors),
    /// The present state does not allow it: 409.
    #[error("{problem}")]
    Conflict {
        /// The code that scripts see.
        code: &'static str,
        /// What stands against it.
        problem: String,
    },
    /// It was tried too often: 429.
    #[error("{problem}: try again in {seconds} seconds")]
    TooMany {
        /// The code that scripts see.
        code: &'static str,
        /// What there was too much of.
        problem: &'static str,
        /// After how many seconds it may be tried again.
        seconds: u64,
    },
    /// Somebody who came back from a provider is not let in: 403.
    #[error("{problem}")]
    SignIn {
        /// The code that scripts see.
        code: &'static str,
        /// Why, and what to do.
        problem: String,
    },
    /// Another server is needed and of no use: 502. The cause is in the log.
    #[error("{0}")]
    Unavailable(&'static str),
    /// `If-Match` names another version: 412.
    #[error("somebody else has changed this in the meantime: read it again")]
    Stale,
    /// What was done together with other changes was undone with them: it is to be done again by itself.
    #[error("it was undone together with other changes: try again")]
    Undone,
    /// Something failed that is no fault of the caller: 500. The cause is for the log.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// An error at `field`.
    pub fn invalid(field: impl Into<String>, problem: impl std::fmt::Display) -> Self {
        Self::Invalid { field: field.into(), problem: problem.to_string() }
    }
}

/// What is wrong with the rows of a file, as far as it was read.
#[derive(Debug)]
pub struct RowErrors(pub Vec<RowError>);

/// What is wrong with one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Which row.
    pub place: Place,
    /// The field; empty for the whole row.
    pub field: String,
    /// What would be right.
    pub problem: String,
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this line of the file, from 1.
    Line(u64),
    /// At this place of the list `users`, from 0.
    Item(usize),
}

impl RowErrors {
    fn sentence(&self) -> String {
        let first = self.0.first().map(|error| format!("{}: {}", error.path(), error.problem));
        format!("nothing was imported, since rows are wrong; the first: {}", first.unwrap_or_default())
    }
}

impl RowError {
    /// Row and field, as one path.
    pub fn path(&self) -> String {
        let row = match self.place {
            Place::Line(line) => format!("line {line}"),
            Place::Item(index) => format!("users[{index}]"),
        };
        let joint = match self.place {
            _ if self.field.is_empty() => "",
            Place::Line(_) => ": ",
            Place::Item(_) => ".",
        };
        format!("{row}{joint}{}", self.field)
    }
}

/// Why a caller is not known. Each has its own code, sent with 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unauthenticated {
    /// No `Authorization`.
    #[error("send Authorization: Bearer TOKEN, or Basic with user name and token")]
    Missing,
    /// `Authorization` against the grammar.
    #[error("Authorization must be Bearer TOKEN, or Basic with user name and token")]
    Malformed,
    /// No such token, or not this user's.
    #[error("these credentials are not known")]
    Unknown,
    /// Disabled for the time being.
    #[error("the token is disabled")]
    Disabled,
    /// The owner is deactivated, or suspended.
    #[error("the user is deactivated, or has not signed in for too long")]
    UserInactive,
    /// The settings bar the owner from using tokens.
    #[error("the settings do not let the token's owner use tokens")]
    UseNotAllowed,
    /// Past its expiry.
    #[error("the token has expired")]
    Expired,
    /// Outside the token's IP list.
    #[error("the token may not be used from this address")]
    IpNotAllowed,
    /// No such user and password. It does not tell which of them is wrong.
    #[error("user name or password is wrong, or the account has no password or is deactivated")]
    SignInRefused,
    /// There is no such session any more.
    #[error("the session has ended: sign in again")]
    SessionEnded,
    /// A call that is for people who are signed in.
    #[error("nobody is signed in here")]
    NotSignedIn,
}

impl Unauthenticated {
    /// The code that scripts see; the filter's where it has the same reason.
    pub fn code(self) -> &'static str {
        match self {
            Self::Missing => "credentials_missing",
            Self::Malformed => "authorization_malformed",
            Self::Unknown => "credentials_unknown",
            Self::Disabled => "token_disabled",
            Self::UserInactive => "user_inactive",
            Self::UseNotAllowed => "use_not_allowed",
            Self::Expired => "token_expired",
            Self::IpNotAllowed => "ip_not_allowed",
            Self::SignInRefused => "sign_in_refused",
            Self::SessionEnded => "session_ended",
            Self::NotSignedIn => "not_signed_in",
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<RandomError> for Error {
    fn from(error: RandomError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<FolderError> for Error {
    fn from(error: FolderError) -> Self {
        Self::Internal(error.to_string())
    }
}

impl From<InvalidValidity> for Error {
    fn from(error: InvalidValidity) -> Self {
        Self::invalid(error.field, error.problem)
    }
}

impl From<Malformed> for Error {
    fn from(error: Malformed) -> Self {
        Self::invalid(error.field, error.problem)
    }
}
