//! People.

use gatepass::names::check_user_name;
use serde::{Deserialize, Serialize};
use unicase::UniCase;
use unicode_normalization::UnicodeNormalization as _;
use utoipa::ToSchema;

use super::groups::Groups;

/// What a person may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Manages own tokens.
    User,
    /// Manages the tokens of everyone but admins.
    TokenManager,
    /// Manages everything.
    Admin,
}

impl Role {
    /// The name that is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::TokenManager => "token_manager",
            Self::Admin => "admin",
        }
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::User, Self::TokenManager, Self::Admin].into_iter().find(|role| role.as_str() == name)
    }
}

/// One person. Never deleted, only deactivated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The database's id.
    pub id: i64,
    /// The name, which never changes.
    pub name: String,
    /// What the person may do.
    pub role: Role,
    /// Whether the person's tokens work.
    pub active: bool,
    /// How the person is shown.
    pub display_name: Option<String>,
    /// Where mail goes.
    pub email: Option<String>,
    /// The groups that the person is in.
    pub groups: Groups,
    /// Whether the person has a password.
    pub has_password: bool,
    /// Unix time in seconds.
    pub created_at: i64,
    /// When the person signed in last, in Unix seconds.
    pub last_sign_in_at: Option<i64>,
    /// Attempts that failed since.
    pub failed_sign_ins: i64,
    /// Since when tokens do not work because there was no sign-in for long, in Unix seconds; `None` if that is not so.
    pub suspended_at: Option<i64>,
    /// Whether tokens go on working without sign-ins, as those of services do.
    pub exempt_from_suspension: bool,
}

/// Who a person is to a provider of identities: both together, as it says them (OpenID Connect Core 1.0 §5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The provider.
    pub issuer: String,
    /// The person, as the provider alone knows it; never used for another one.
    pub subject: String,
    /// The person's id in the database.
    pub user_id: i64,
    /// Unix time in seconds.
    pub created_at: i64,
}

impl User {
    /// Whether the person's tokens work, as far as that is the person's matter.
    pub fn tokens_work(&self) -> bool {
        self.active && self.suspended_at.is_none()
    }

    /// What the person is looked for by: name, display name and mail address, folded, a line each.
    pub fn search_key(&self) -> String {
        let texts = [Some(&self.name), self.display_name.as_ref(), self.email.as_ref()];
        texts.map(|text| text.map(|text| name_key(text)).unwrap_or_default()).join("\n")
    }
}

/// Which users a list holds. All conditions must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserFilter {
    /// Only those in whose [`User::search_key`] this occurs.
    pub search: Option<String>,
    /// Only those with this role.
    pub role: Option<Role>,
    /// Only the active ones, or only the others.
    pub active: Option<bool>,
    /// Only those in this group.
    pub group: Option<String>,
}

/// Actors of the audit that are no people. Nobody may have such a name.
pub mod system_actor {
    /// The first start of an empty database.
    pub const FIRST_START: &str = "first-start";
    /// Whoever can write to the data folder.
    pub const DATA_FOLDER: &str = "data-folder";
    /// Whoever tries to sign in and is not let in.
    pub const SIGN_IN: &str = "server:sign-in";
    /// The server, which suspends people who have not signed in for long.
    pub const SUSPENSION: &str = "server:suspension";
    /// The server, which disables an endpoint that takes no posts.
    pub const WEBHOOKS: &str = "server:webhooks";
    /// The start of a server on a database that there was. No name of a user has a colon.
    pub const SERVER_START: &str = "server:start";
    /// Whoever puts a backup back.
    pub const RESTORE: &str = "server:restore";
}

/// What stands in a path where a name does.
const IMPORT: &str = "import";

/// The key under which a name is unique: canonical caseless matching (Unicode 3.13, D145).
pub fn name_key(name: &str) -> String {
    let decomposed: String = name.nfd().collect();
    UniCase::unicode(decomposed).to_folded_case().nfc().collect()
}

/// Checks the name of a new user.
///
/// # Errors
/// What a name should look like.
pub fn check_new_name(name: &str) -> Result<(), String> {
    check_user_name(name).map_err(|error| error.to_string())?;
    // Two names that look alike must not be two people in the audit, and `..` is no part of a URL.
    if name.chars().any(is_invisible) || matches!(name, "." | "..") {
        return Err("a user name has no invisible characters, and is not . or ..".to_owned());
    }
    let key = name_key(name);
    if key == IMPORT {
        return Err("this name is kept for the path under which users are imported".to_owned());
    }
    if key == system_actor::FIRST_START || key == system_actor::DATA_FOLDER {
        return Err("this name is kept for the audit".to_owned());
    }
    Ok(())
}

/// Format characters and line separators: they show nothing, or turn around what is shown.
fn is_invisible(c: char) -> bool {
    use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};
    matches!(
        c.general_category(),
        GeneralCategory::Format | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// fred, made at 0, who has never signed in.
    pub(crate) fn user() -> User {
        User {
            id: 1,
            name: "fred".into(),
            role: Role::User,
            active: true,
            display_name: None,
            email: None,
            groups: Groups::default(),
            has_password: false,
            created_at: 0,
            last_sign_in_at: None,
            failed_sign_ins: 0,
            suspended_at: None,
            exempt_from_suspension: false,
        }
    }

    #[test]
    fn names_that_differ_only_in_case_or_composition_share_a_key() {
        for (one, other) in [
            ("fred", "FRED"),
            ("Maße", "MASSE"),
            ("Jo\u{308}rg", "JÖRG"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("ǰ", "J\u{30c}"),
        ] {
            assert_eq!(name_key(one), name_key(other), "{one} {other}");
        }
        for (one, other) in [("fred", "freda"), ("jorg", "jörg"), ("ı", "i")] {
            assert_ne!(name_key(one), name_key(other), "{one} {other}");
        }
    }

    #[test]
    fn actors_of_the_audit_are_no_user_names() {
        assert!(check_new_name("fred").is_ok());
        let unseen = [
            "admin\u{200b}",
            "\u{feff}admin",
            "ad\u{202e}min",
            "data-folder\u{200b}",
            "a\u{2028}b",
            ".",
            "..",
        ];
        for bad in
            ["data-folder", "Data-Folder", "first-start", "Import", "a:b", ""].into_iter().chain(unseen)
        {
            assert!(check_new_name(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn roles_are_stored_by_their_name() {
        for role in [Role::User, Role::TokenManager, Role::Admin] {
            assert_eq!(Role::from_name(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!(Role::from_name("root"), None);
    }
}
