//! Who may do what: pure functions of the caller, the target and the settings.

use super::settings::Settings;
use super::user::Role;

/// Who asks: a person, through a token or a session.
#[derive(Clone, Copy, Debug)]
pub struct Principal {
    /// The person's id in the database.
    pub user_id: i64,
    /// The person's role.
    pub role: Role,
    /// Whether what is in use may manage: a token with `control_plane`, or a session.
    pub may_manage: bool,
    /// Whether the person is signed in, rather than calls by a token.
    pub signed_in: bool,
}

/// Whom it concerns: the owner of a token.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// The person's id in the database.
    pub user_id: i64,
    /// The person's role.
    pub role: Role,
}

/// Whose tokens a caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only the caller's own.
    Own,
    /// Those of everyone but admins, and the caller's own.
    AllButAdmins,
    /// Those of everyone.
    All,
}

/// Why somebody may not do something. Each has its own code, sent with 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The token in use was not made to manage.
    #[error("this token may not manage: it was not made with control_plane")]
    ControlPlaneRequired,
    /// Only admins may.
    #[error("only admins may do this")]
    AdminRequired,
    /// Others' tokens are for managers and admins.
    #[error("only token managers and admins may act on the tokens of others")]
    NotOwner,
    /// Tokens of admins are for admins.
    #[error("only admins may act on the tokens of admins")]
    TargetIsAdmin,
    /// The setting `only_admins_create_tokens`.
    #[error(
        "only admins may create tokens: the setting only_admins_create_tokens is on; ask an admin for a token"
    )]
    CreationNotAllowed,
    /// Tokens that may manage come from admins or from people who are signed in.
    #[error("only an admin or somebody who is signed in may create a token with control_plane")]
    ControlPlaneNotAllowed,
    /// A token makes none with a wider scope for its own owner.
    #[error("a token cannot make one with a wider scope than its own")]
    ScopeWider,
    /// What somebody else disabled, the owner does not enable.
    #[error("somebody else has disabled this token: a token manager or an admin can enable it")]
    DisabledByOther,
    /// A token makes none with a wider IP list for its own owner.
    #[error("a token cannot make one with a wider IP list than its own")]
    IpsWider,
}

impl Denial {
    /// The code that scripts see.
    pub fn code(self) -> &'static str {
        match self {
            Self::ControlPlaneRequired => "control_plane_required",
            Self::AdminRequired => "admin_required",
            Self::NotOwner => "not_owner",
            Self::TargetIsAdmin => "target_is_admin",
            Self::CreationNotAllowed => "creation_not_allowed",
            Self::ControlPlaneNotAllowed => "control_plane_not_allowed",
            Self::DisabledByOther => "disabled_by_other",
            Self::ScopeWider => "scope_wider",
            Self::IpsWider => "ips_wider",
        }
    }
}

/// Whose tokens `who` may list and show.
pub fn reach(who: Principal) -> Reach {
    match who.role {
        _ if !who.may_manage => Reach::Own,
        Role::User => Reach::Own,
        Role::TokenManager => Reach::AllButAdmins,
        Role::Admin => Reach::All,
    }
}

/// Whether `who` may see a token of `owner`. What one may not see is reported as not found.
pub fn sees(who: Principal, owner: Owner) -> bool {
    match reach(who) {
        _ if who.user_id == owner.user_id => true,
        Reach::Own => false,
        Reach::AllButAdmins => owner.role != Role::Admin,
        Reach::All => true,
    }
}

/// Everything but reading one's own needs a token that may manage.
///
/// # Errors
/// The token in use may not.
pub fn manages(who: Principal) -> Result<(), Denial> {
    if who.may_manage { Ok(()) } else { Err(Denial::ControlPlaneRequired) }
}

/// Settings, users and audit are for admins.
///
/// # Errors
/// The caller is none.
pub fn administers(who: Principal) -> Result<(), Denial> {
    manages(who)?;
    if who.role == Role::Admin { Ok(()) } else { Err(Denial::AdminRequired) }
}

/// Whether `who` may act on the tokens of others at all; asked before the other is looked up, so that the answer does
/// not tell who exists.
///
/// # Errors
/// The caller may act on own tokens only.
pub fn acts_for_others(who: Principal) -> Result<(), Denial> {
    manages(who)?;
    if who.role == Role::User { Err(Denial::NotOwner) } else { Ok(()) }
}

/// Whether `who` may create and revoke tokens of `owner`.
///
/// # Errors
/// The caller may act on own tokens only, or not on those of admins.
pub fn acts_for(who: Principal, owner: Owner) -> Result<(), Denial> {
    manages(who)?;
    if sees(who, owner) {
        return Ok(());
    }
    Err(if who.role == Role::User { Denial::NotOwner } else { Denial::TargetIsAdmin })
}

/// Whether `who` may create tokens at all under these settings, and this kind of token.
///
/// # Errors
/// What the settings or the role forbid.
pub fn creates(who: Principal, settings: &Settings, control_plane: bool) -> Result<(), Denial> {
    manages(who)?;
    let included = match who.role {
        Role::Admin => true,
        Role::TokenManager => settings.managers_create_tokens,
        Role::User => false,
    };
    if settings.only_admins_create_tokens && !included {
        return Err(Denial::CreationNotAllowed);
    }
    if control_plane && who.role != Role::Admin && !who.signed_in {
        return Err(Denial::ControlPlaneNotAllowed);
    }
    Ok(())
}

/// Whether `who` may enable a token of `owner` that is disabled: not one's own that somebody else has disabled.
///
/// # Errors
/// The owner did not disable it.
pub fn enables(who: Principal, owner: Owner, disabled_by_owner: bool) -> Result<(), Denial> {
    acts_for(who, owner)?;
    if who.user_id == owner.user_id && !disabled_by_owner {
        return Err(Denial::DisabledByOther);
    }
    Ok(())
}

/// Whether tokens of an owner with this role work at all. With `only_admins_create_tokens` on and
/// `users_may_use_tokens` off only those of admins do, whoever made them.
pub fn may_use(owner: Role, settings: &Settings) -> bool {
    owner == Role::Admin || !settings.only_admins_create_tokens || settings.users_may_use_tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 3] = [Role::User, Role::TokenManager, Role::Admin];

    fn who(role: Role) -> Principal {
        Principal { user_id: 1, role, may_manage: true, signed_in: false }
    }

    fn other(role: Role) -> Owner {
        Owner { user_id: 2, role }
    }

    #[test]
    fn acting_on_the_tokens_of_others() {
        use Denial::{NotOwner, TargetIsAdmin};
        let table = [
            (Role::User, [Err(NotOwner), Err(NotOwner), Err(NotOwner)]),
            (Role::TokenManager, [Ok(()), Ok(()), Err(TargetIsAdmin)]),
            (Role::Admin, [Ok(()), Ok(()), Ok(())]),
        ];
        for (role, expected) in table {
            assert_eq!(ROLES.map(|owner| acts_for(who(role), other(owner))), expected, "{role:?}");
            assert_eq!(
                ROLES.map(|owner| sees(who(role), other(owner))),
                expected.map(|e| e.is_ok()),
                "{role:?}"
            );
            assert_eq!(acts_for_others(who(role)).is_ok(), role != Role::User);
            assert_eq!(acts_for(who(role), Owner { user_id: 1, role }), Ok(()), "own tokens always");
        }
    }

    #[test]
    fn a_token_without_control_plane_sees_its_owners_tokens_and_does_nothing() {
        for role in ROLES {
            let weak = Principal { may_manage: false, ..who(role) };
            let own = Owner { user_id: 1, role };
            assert_eq!(reach(weak), Reach::Own);
            assert!(sees(weak, own) && !sees(weak, other(Role::User)));
            let required = Err(Denial::ControlPlaneRequired);
            assert_eq!(acts_for(weak, own), required);
            assert_eq!(acts_for_others(weak), required);
            assert_eq!(administers(weak), required);
            assert_eq!(creates(weak, &Settings::default(), false), required);
        }
    }

    #[test]
    fn only_admins_administer() {
        assert_eq!(ROLES.map(|role| administers(who(role)).is_ok()), [false, false, true]);
    }

    #[test]
    fn creation_follows_the_settings() {
        for (only_admins, managers, expected) in [
            (false, false, [true, true, true]),
            (false, true, [true, true, true]),
            (true, false, [false, false, true]),
            (true, true, [false, true, true]),
        ] {
            let settings = Settings {
                only_admins_create_tokens: only_admins,
                managers_create_tokens: managers,
                ..Settings::default()
            };
            let created = ROLES.map(|role| creates(who(role), &settings, false).is_ok());
            assert_eq!(created, expected, "{only_admins} {managers}");
            let managing = ROLES.map(|role| creates(who(role), &settings, true).is_ok());
            assert_eq!(managing, [false, false, true], "control_plane is for admins to give");
            let signed_in = ROLES
                .map(|role| creates(Principal { signed_in: true, ..who(role) }, &settings, true).is_ok());
            assert_eq!(signed_in, expected, "and for whoever is signed in");
        }
    }

    #[test]
    fn what_somebody_else_disabled_its_owner_does_not_enable() {
        for role in ROLES {
            let own = Owner { user_id: 1, role };
            assert_eq!(enables(who(role), own, true), Ok(()), "{role:?}");
            assert_eq!(enables(who(role), own, false), Err(Denial::DisabledByOther), "{role:?}, admins too");
            let weak = Principal { may_manage: false, ..who(role) };
            assert_eq!(enables(weak, own, true), Err(Denial::ControlPlaneRequired));
        }
        for disabled_by_owner in [false, true] {
            assert_eq!(enables(who(Role::TokenManager), other(Role::User), disabled_by_owner), Ok(()));
            let admins = enables(who(Role::TokenManager), other(Role::Admin), disabled_by_owner);
            assert_eq!(admins, Err(Denial::TargetIsAdmin));
        }
    }

    #[test]
    fn use_follows_the_settings() {
        for (only_admins, users_may_use, expected) in [
            (false, true, [true, true, true]),
            (false, false, [true, true, true]),
            (true, true, [true, true, true]),
            (true, false, [false, false, true]),
        ] {
            let settings = Settings {
                only_admins_create_tokens: only_admins,
                users_may_use_tokens: users_may_use,
                ..Settings::default()
            };
            assert_eq!(ROLES.map(|role| may_use(role, &settings)), expected, "{only_admins} {users_may_use}");
        }
    }
}
