//! What the audit knows to have happened.

/// One line an action, so that none is left out of any list.
macro_rules! actions {
    ($($(#[$doc:meta])+ $variant:ident => $name:literal,)+) => {
        /// What happened: object, then past tense.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Action {
            $($(#[$doc])+ $variant,)+
        }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name that is stored and shown.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The action of this name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|action| action.as_str() == name)
            }
        }
    };
}

actions! {
    /// A token was made.
    TokenCreated => "token.created",
    /// A token was changed.
    TokenUpdated => "token.updated",
    /// A token was replaced by another.
    TokenRotated => "token.rotated",
    /// A token was ended.
    TokenRevoked => "token.revoked",
    /// Settings were changed.
    SettingsUpdated => "settings.updated",
    /// A person was added.
    UserCreated => "user.created",
    /// A person was changed.
    UserUpdated => "user.updated",
    /// Somebody has not signed in for long: tokens stopped.
    UserSuspended => "user.suspended",
    /// Tokens of somebody who was suspended work again.
    UserResumed => "user.resumed",
    /// A source of entries was made.
    SourceCreated => "source.created",
    /// A source of entries was changed.
    SourceUpdated => "source.updated",
    /// A source of entries was ended, and its entries with it.
    SourceDeleted => "source.deleted",
    /// A source was given a token to push with.
    PushTokenCreated => "push_token.created",
    /// A push token was replaced by another.
    PushTokenRotated => "push_token.rotated",
    /// A push token was ended.
    PushTokenRevoked => "push_token.revoked",
    /// The entries of a source were replaced.
    SnapshotPushed => "snapshot.pushed",
    /// Somebody signed in.
    SignInSucceeded => "sign_in.succeeded",
    /// Somebody tried to sign in and was not let in, perhaps many times.
    SignInFailed => "sign_in.failed",
    /// Sessions of somebody were ended.
    SessionEnded => "session.ended",
    /// An endpoint that is told of tokens was added.
    WebhookCreated => "webhook.created",
    /// An endpoint was changed.
    WebhookUpdated => "webhook.updated",
    /// An endpoint got another secret.
    WebhookRotated => "webhook.rotated",
    /// An endpoint was tried out.
    WebhookTested => "webhook.tested",
    /// An endpoint took no posts for long, or wants no more.
    WebhookDisabled => "webhook.disabled",
    /// An endpoint was removed.
    WebhookDeleted => "webhook.deleted",
    /// The server was started on a database that there was, with a new epoch.
    EpochStarted => "epoch.started",
    /// A backup was put back, or what has ended since one was ended again.
    DatabaseRestored => "database.restored",
}
