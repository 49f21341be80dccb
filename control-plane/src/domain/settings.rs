//! The system-wide settings.

use gatepass::config::wire::{IdentityHeaders, Mode, ScopeRule, UniqueMap};
use gatepass::token::{DEFAULT_PREFIX, MAX_PREFIXES, Prefix};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::address::{IpList, MAX_GLOBAL_ENTRIES};
use super::malformed::Malformed;
use super::merge_patch::{self, Members};
use super::suspension::{MAX_DAYS, MIN_DAYS};
use super::validity::Validity;
use crate::schema;

/// The built-in scope, which cannot be removed.
pub const READ_ONLY: &str = "read_only";
/// The largest `max_tokens_per_user`.
pub const MAX_TOKENS_PER_USER: u32 = 10_000;

/// What admins decide for everyone. The field names are those of the REST contract and of the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The longest validity that anyone may choose.
    #[schema(value_type = schema::MaxValidity, required)]
    pub max_validity: Validity,
    /// Whether days and dates within the bound may be chosen.
    #[schema(required)]
    pub custom_validity: bool,
    /// Where credentials may come from; empty is everywhere.
    #[schema(value_type = schema::GlobalIps, required)]
    pub allowed_ips: IpList,
    /// Whether Basic credentials that are no token go upstream.
    #[schema(required)]
    pub password_auth: bool,
    /// Whether others than admins are barred from creating tokens.
    #[schema(required)]
    pub only_admins_create_tokens: bool,
    /// Whether token managers may create them nevertheless.
    #[schema(required)]
    pub managers_create_tokens: bool,
    /// Whether others than admins may use tokens while only admins create them.
    #[schema(required)]
    pub users_may_use_tokens: bool,
    /// Named scopes.
    #[schema(value_type = schema::Scopes, required)]
    pub scopes: UniqueMap<Vec<ScopeRule>>,
    /// After how many days without a sign-in somebody's tokens stop until the next one; null is never.
    #[schema(value_type = Option<schema::SuspendAfterDays>, required)]
    pub suspend_after_days: Option<u32>,
    /// Most active tokens of one user.
    #[schema(value_type = schema::TokensPerUser, required)]
    pub max_tokens_per_user: u32,
    /// Requests without credentials.
    #[schema(value_type = schema::Mode, required)]
    pub anonymous: Mode,
    /// Bearer values that are no token, and other schemes.
    #[schema(value_type = schema::Mode, required)]
    pub foreign_credentials: Mode,
    /// Prefixes of paths that want credentials.
    #[schema(value_type = schema::Paths, required)]
    pub protected_paths: Vec<String>,
    /// Further headers whose whole value is a token.
    #[schema(value_type = schema::HeaderNames, required)]
    pub token_headers: Vec<String>,
    /// Headers that tell the upstream who was verified.
    #[schema(value_type = schema::IdentityHeaders, required)]
    pub identity_headers: IdentityHeaders,
    /// Whether the credentials of an admitted token go upstream as well.
    #[schema(required)]
    pub forward_authorization: bool,
    /// What tokens start with; new ones with the first.
    #[schema(value_type = schema::Prefixes, required)]
    pub token_prefixes: Vec<String>,
}

/// What is to change: a JSON merge patch (RFC 7396) of the settings, whose values are read once, by the settings' own
/// types; and beside them what is to happen to tokens that there are.
#[derive(Clone, Debug, Default)]
pub struct SettingsPatch {
    members: Members,
    applies_bound: Option<Box<RawValue>>,
}

/// The member of a patch that is no setting: whether tokens that there are get the bound too.
pub const APPLY_BOUND: &str = "apply_max_validity_to_existing";

impl<'de> Deserialize<'de> for SettingsPatch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Members::deserialize(deserializer)?;
        let applies_bound = members.0.remove(APPLY_BOUND);
        Ok(Self { members, applies_bound })
    }
}

impl SettingsPatch {
    /// Whether the validity of tokens that there are is cut to `max_validity`.
    ///
    /// # Errors
    /// It is neither true nor false.
    pub fn applies_bound(&self) -> Result<bool, Malformed> {
        let Some(value) = &self.applies_bound else { return Ok(false) };
        serde_json::from_str(value.get()).map_err(|error| Malformed::new(APPLY_BOUND, &error))
    }
}

impl Default for Settings {
    fn default() -> Self {
        let methods = ["GET", "HEAD", "OPTIONS"].map(str::to_owned).to_vec();
        let read_only = vec![ScopeRule { methods, paths: None }];
        Self {
            max_validity: Validity::OneYear,
            custom_validity: false,
            allowed_ips: IpList::default(),
            password_auth: false,
            only_admins_create_tokens: false,
            managers_create_tokens: false,
            users_may_use_tokens: true,
            scopes: UniqueMap([(READ_ONLY.to_owned(), read_only)].into()),
            suspend_after_days: None,
            max_tokens_per_user: 100,
            anonymous: Mode::Refuse,
            foreign_credentials: Mode::Refuse,
            protected_paths: vec!["/".to_owned()],
            token_headers: Vec::new(),
            identity_headers: IdentityHeaders::default(),
            forward_authorization: false,
            token_prefixes: vec![DEFAULT_PREFIX.to_owned()],
        }
    }
}

impl Settings {
    /// These settings with `patch` merged in: lists and plain values are replaced, objects (`scopes`,
    /// `identity_headers`) merged by name, and `null` takes a scope away or a setting back to its default.
    ///
    /// # Errors
    /// The first unknown or malformed setting.
    pub fn patched(&self, patch: &SettingsPatch) -> Result<Self, Malformed> {
        let text = |value: Result<String, _>| value.map_err(|error: serde_json::Error| invalid("", error));
        let all = text(serde_json::to_string(self))?;
        let mut all: Members = serde_json::from_str(&all).map_err(|error| invalid("", error))?;
        for (name, value) in &patch.members.0 {
            if !all.0.contains_key(name) {
                return Err(no_setting(name, &all));
            }
            let one = UniqueMap([(name.clone(), value.clone())].into());
            merge_patch::apply(&mut all, &one).map_err(|error| Malformed::new(name, &error))?;
        }
        let all = text(serde_json::to_string(&all))?;
        let patched: Self = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_str(&all))
            .map_err(|error| match error.path().to_string().as_str() {
            // Its type takes more numbers than the setting does.
            name @ "max_tokens_per_user" => invalid(name, count_of_tokens()),
            name @ "suspend_after_days" => invalid(name, count_of_days()),
            path => Malformed::new(path, error.inner()),
        })?;
        patched.check()?;
        patched.refuse_tokens()?;
        Ok(patched)
    }

    /// Settings are kept in clear, pushed to proxies and shown in the audit.
    fn refuse_tokens(&self) -> Result<(), Malformed> {
        let prefixes = self.prefixes();
        let all = serde_json::to_value(self).unwrap_or_default();
        let holds =
            |value: &serde_json::Value| gatepass::token::occurs_in(value.to_string().as_bytes(), &prefixes);
        match all.as_object().and_then(|fields| fields.iter().find(|(_, value)| holds(value))) {
            Some((name, _)) => Err(invalid(name, "holds a token: settings are kept in clear")),
            None => Ok(()),
        }
    }

    /// The prefixes of known tokens; new ones take the first.
    pub fn prefixes(&self) -> Vec<Prefix> {
        self.token_prefixes.iter().filter_map(|text| text.parse().ok()).collect()
    }

    /// What the plugin configuration does not know and its parser can therefore not check.
    fn check(&self) -> Result<(), Malformed> {
        if self.allowed_ips.len() > MAX_GLOBAL_ENTRIES {
            return Err(invalid("allowed_ips", format!("has more than {MAX_GLOBAL_ENTRIES} CIDRs")));
        }
        if !(1..=MAX_TOKENS_PER_USER).contains(&self.max_tokens_per_user) {
            return Err(invalid("max_tokens_per_user", count_of_tokens()));
        }
        if self.suspend_after_days.is_some_and(|days| !(MIN_DAYS..=MAX_DAYS).contains(&days)) {
            return Err(invalid("suspend_after_days", count_of_days()));
        }
        if !self.scopes.0.contains_key(READ_ONLY) {
            return Err(invalid("scopes", "must keep the built-in scope read_only"));
        }
        if !(1..=MAX_PREFIXES).contains(&self.token_prefixes.len()) {
            return Err(invalid("token_prefixes", format!("must have 1 to {MAX_PREFIXES} entries")));
        }
        for (place, text) in self.token_prefixes.iter().enumerate() {
            text.parse::<Prefix>().map_err(|error| invalid(&format!("token_prefixes[{place}]"), error))?;
        }
        Ok(())
    }
}

fn count_of_tokens() -> String {
    format!("must be a whole number from 1 to {MAX_TOKENS_PER_USER}")
}

fn count_of_days() -> String {
    format!("must be a whole number from {MIN_DAYS} to {MAX_DAYS}, or null for never")
}

fn no_setting(name: &str, all: &Members) -> Malformed {
    let mut known: Vec<_> = all.0.keys().map(|name| format!("`{name}`")).collect();
    known.push(format!("`{APPLY_BOUND}`"));
    invalid(name, format!("is no setting; known: {}", known.join(", ")))
}

fn invalid(field: &str, problem: impl std::fmt::Display) -> Malformed {
    Malformed { field: field.to_owned(), problem: problem.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn patch(value: &Value) -> Result<Settings, Malformed> {
        Settings::default().patched(&serde_json::from_str(&value.to_string()).unwrap())
    }

    #[test]
    fn a_scope_named_twice_is_refused() {
        let twice = r#"{"scopes": {"read_only": [], "ci": [], "ci": []}}"#;
        let error = Settings::default().patched(&serde_json::from_str(twice).unwrap()).unwrap_err();
        assert!(error.field.starts_with("scopes") && error.problem.contains("duplicate"), "{error:?}");
    }

    #[test]
    fn defaults_are_the_safe_ones() {
        let defaults = json!({
            "max_validity": "P1Y", "custom_validity": false, "allowed_ips": [], "password_auth": false,
            "only_admins_create_tokens": false, "managers_create_tokens": false, "users_may_use_tokens": true,
            "scopes": {"read_only": [{"methods": ["GET", "HEAD", "OPTIONS"]}]}, "max_tokens_per_user": 100,
            "suspend_after_days": null,
            "anonymous": "refuse", "foreign_credentials": "refuse", "protected_paths": ["/"], "token_headers": [],
            "identity_headers": {"user": "x-gatepass-user", "token_id": "x-gatepass-token-id"},
            "forward_authorization": false, "token_prefixes": ["gp_"],
        });
        assert_eq!(serde_json::to_value(Settings::default()).unwrap(), defaults);
        assert_eq!(patch(&defaults), Ok(Settings::default()));
        assert_eq!(patch(&json!({})), Ok(Settings::default()));
    }

    fn again(settings: &Settings, value: &Value) -> Settings {
        settings.patched(&serde_json::from_str(&value.to_string()).unwrap()).unwrap()
    }

    #[test]
    fn objects_are_merged_and_everything_else_is_replaced() {
        let ci = json!([{"methods": ["POST"], "paths": ["/a/"]}]);
        let first =
            patch(&json!({"scopes": {"ci": ci}, "max_validity": "never", "allowed_ips": ["10.0.0.1"],
                                  "identity_headers": {"user": "x-user"}}))
            .unwrap();
        let read_only = json!([{"methods": ["GET", "HEAD", "OPTIONS"]}]);
        assert_eq!(
            serde_json::to_value(&first.scopes).unwrap(),
            json!({"ci": ci, "read_only": read_only}),
            "the built-in one stays"
        );
        assert_eq!(first.identity_headers.token_id, "x-gatepass-token-id");
        let second =
            again(&first, &json!({"allowed_ips": ["10.0.0.2"], "scopes": {"ci": [{"methods": ["PUT"]}]}}));
        assert_eq!(second.allowed_ips.to_strings(), ["10.0.0.2"]);
        assert_eq!(serde_json::to_value(&second.scopes).unwrap()["ci"], json!([{"methods": ["PUT"]}]));
        assert_eq!(second.max_validity, Validity::Never, "what is not given stays");
        let third = again(
            &second,
            &json!({"scopes": {"ci": null, "unknown": null}, "allowed_ips": null,
                                           "max_validity": null, "identity_headers": {"user": null}}),
        );
        assert_eq!(third, Settings::default());
    }

    #[test]
    fn the_bound_on_tokens_that_there_are_is_asked_for_beside_the_settings() {
        let asked = |text: &str| serde_json::from_str::<SettingsPatch>(text).unwrap();
        assert_eq!(asked("{}").applies_bound(), Ok(false));
        assert_eq!(asked(r#"{"apply_max_validity_to_existing": true}"#).applies_bound(), Ok(true));
        assert_eq!(
            Settings::default().patched(&asked(r#"{"apply_max_validity_to_existing": true}"#)).unwrap(),
            Settings::default()
        );
        for bad in ["1", "null", "\"true\""] {
            let error = asked(&format!(r#"{{"apply_max_validity_to_existing": {bad}}}"#)).applies_bound();
            assert_eq!(error.unwrap_err().field, "apply_max_validity_to_existing", "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (value, field) in [
            (json!({"colour": 1}), "colour"),
            (json!({"max_validity": "P3Y"}), "max_validity"),
            (json!({"password_auth": "yes"}), "password_auth"),
            (json!({"allowed_ips": ["10.0.0.1", "x"]}), "allowed_ips[1]"),
            (json!({"scopes": {"read_only": null}}), "scopes"),
            (json!({"scopes": []}), "scopes"),
            (json!({"identity_headers": "x"}), "identity_headers"),
            (json!({"scopes": {"read_only": [{"methods": [], "verbs": []}]}}), "scopes.read_only[0].verbs"),
            (json!({"max_tokens_per_user": 0}), "max_tokens_per_user"),
            (json!({"max_tokens_per_user": 10_001}), "max_tokens_per_user"),
            (json!({"max_tokens_per_user": -1}), "max_tokens_per_user"),
            (json!({"suspend_after_days": 29}), "suspend_after_days"),
            (json!({"suspend_after_days": 3651}), "suspend_after_days"),
            (json!({"suspend_after_days": -1}), "suspend_after_days"),
            (json!({"suspend_after_days": "30"}), "suspend_after_days"),
            (json!({"anonymous": "allow"}), "anonymous"),
            (json!({"token_prefixes": []}), "token_prefixes"),
            (json!({"token_prefixes": ["gp_", "a b"]}), "token_prefixes[1]"),
            (json!({"identity_headers": {"users": "x"}}), "identity_headers.users"),
        ] {
            assert_eq!(patch(&value).unwrap_err().field, field, "{value}");
        }
    }
}
