//! From the claims of a provider to a person of ours.

use gatepass::token::Prefix;
use serde_json::Value;

use super::Settings;
use super::provider::Claims;
use crate::domain::groups::{Groups, MAX_GROUPS};
use crate::domain::text;
use crate::domain::user::Role;

/// Longest subject, in characters (OpenID Connect Core 1.0 §2).
const MAX_SUBJECT: usize = 255;

/// What a provider says of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    /// Who it is to the provider.
    pub(super) subject: String,
    /// The name that the person would have here.
    pub(super) name: Option<String>,
    /// How the person is shown.
    pub(super) display_name: Option<String>,
    /// Where mail goes; shown, and nothing else.
    pub(super) email: Option<String>,
    /// The groups, if the provider says them.
    pub(super) groups: Option<Groups>,
    /// The role, if groups decide it; `Some(None)` is none, for somebody who is not let in.
    pub(super) role: Option<Option<Role>>,
}

impl Person {
    /// Reads what a provider says. `None`: it does not say who it is.
    pub(super) fn read(settings: &Settings, claims: &Claims, prefixes: &[Prefix]) -> Option<Self> {
        let string = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let shown = |name: &str| string(name).filter(|value| text::check(value, prefixes).is_ok());
        let subject = string("sub").filter(|sub| (1..=MAX_SUBJECT).contains(&sub.chars().count()))?;
        let named = settings.groups_claim.as_ref().map(|claim| names(claims.get(claim)));
        let role = (!settings.roles.is_empty()).then(|| {
            let all = named.as_deref().unwrap_or_default();
            let brought =
                settings.roles.iter().filter(|(group, _)| all.contains(group)).map(|(_, role)| *role);
            brought.max_by_key(|role| rank(*role)).or(settings.default_role)
        });
        let groups = named.map(|names| kept(names, prefixes));
        Some(Self {
            subject,
            name: string(&settings.user_claim),
            display_name: shown("name"),
            email: shown("email"),
            groups,
            role,
        })
    }
}

fn rank(role: Role) -> u8 {
    match role {
        Role::User => 0,
        Role::TokenManager => 1,
        Role::Admin => 2,
    }
}

/// One name or a list of names.
fn names(claim: Option<&Value>) -> Vec<String> {
    match claim {
        Some(Value::String(name)) => vec![name.clone()],
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Those that can be kept; a role comes from any of them.
fn kept(names: Vec<String>, prefixes: &[Prefix]) -> Groups {
    let good = |name: &String| Groups::from(vec![name.clone()]).check(prefixes).is_ok();
    names.into_iter().filter(good).take(MAX_GROUPS).collect::<Vec<_>>().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn settings(roles: &[(&str, Role)], default_role: Option<Role>) -> Settings {
        Settings {
            public_url: "https://gate.example.com".parse().unwrap(),
            issuer: String::new(),
            client_id: String::new(),
            client_secret_file: None,
            scopes: Vec::new(),
            user_claim: "preferred_username".to_owned(),
            groups_claim: Some("groups".to_owned()),
            roles: roles.iter().map(|(group, role)| ((*group).to_owned(), *role)).collect(),
            default_role,
        }
    }

    fn read(settings: &Settings, claims: Value) -> Option<Person> {
        Person::read(settings, claims.as_object().unwrap(), &[Prefix::default()])
    }

    #[test]
    fn the_highest_role_of_the_groups_counts() {
        let roles = [("ops", Role::TokenManager), ("root", Role::Admin), ("staff", Role::User)];
        for (groups, default, role) in [
            (json!(["staff", "root", "ops"]), None, Some(Role::Admin)),
            (json!(["ops", "staff"]), None, Some(Role::TokenManager)),
            (json!("ops"), None, Some(Role::TokenManager)),
            (json!(["Root"]), Some(Role::User), Some(Role::User)),
            (json!([]), None, None),
            (json!(null), Some(Role::User), Some(Role::User)),
            (json!({"root": true}), None, None),
            (json!(["root "]), None, None),
        ] {
            let person = read(&settings(&roles, default), json!({"sub": "1", "groups": groups})).unwrap();
            assert_eq!(person.role, Some(role), "{groups}");
        }
        let person = read(&settings(&[], None), json!({"sub": "1", "groups": ["root"]})).unwrap();
        assert_eq!(person.role, None, "roles are given here");
    }

    #[test]
    fn what_cannot_be_kept_is_left_out_and_a_subject_is_needed() {
        let settings = settings(&[], None);
        let claims = json!({"sub": "1", "name": "a\nb", "email": "", "preferred_username": "fred",
                            "groups": ["good", "a;b", 7, "", "good"]});
        let person = read(&settings, claims).unwrap();
        assert_eq!((person.display_name, person.email, person.name), (None, None, Some("fred".to_owned())));
        assert_eq!(person.groups.unwrap().names(), ["good"]);
        for bad in [json!({}), json!({"sub": ""}), json!({"sub": 7}), json!({"sub": "x".repeat(256)})] {
            assert_eq!(read(&settings, bad), None);
        }
    }
}
