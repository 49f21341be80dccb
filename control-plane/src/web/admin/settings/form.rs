//! The form of the settings: what it shows, and the patch that it means. Names are those of REST.

mod patch;

use std::collections::BTreeSet;

use gatepass::config::wire::{Mode, ScopeRule};

use crate::domain::settings::{APPLY_BOUND, READ_ONLY, Settings};
use crate::domain::validity::Validity;
use crate::http::problem::Problem;
use crate::web::fields::Fields;
use crate::web::words;
pub(super) use patch::patch;

/// Boxes that are ticked or not, by the names of REST.
const SWITCHES: [&str; 6] = [
    "custom_validity",
    "password_auth",
    "only_admins_create_tokens",
    "managers_create_tokens",
    "users_may_use_tokens",
    "forward_authorization",
];

/// The form as it is shown.
#[derive(Default)]
pub(super) struct SettingsForm {
    pub(super) validities: Vec<Choice>,
    pub(super) applies_bound: bool,
    /// A row each.
    pub(super) ips: Vec<String>,
    switched_on: BTreeSet<&'static str>,
    pub(super) max_tokens_per_user: String,
    pub(super) suspend_after_days: String,
    pub(super) anonymous: bool,
    pub(super) foreign_credentials: bool,
    pub(super) protected_paths: String,
    pub(super) token_headers: String,
    pub(super) token_prefixes: String,
    pub(super) user_header: String,
    pub(super) token_id_header: String,
    /// Names and rules, and an empty one for another.
    pub(super) scopes: Vec<ScopeFields>,
    error_field: String,
    error: Option<String>,
}

/// Something that may be chosen.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: &'static str,
    pub(super) is_chosen: bool,
}

/// A scope: a rule a line, methods first and then paths.
pub(super) struct ScopeFields {
    pub(super) name: String,
    pub(super) rules: String,
    pub(super) is_built_in: bool,
}

impl SettingsForm {
    /// As the settings are.
    pub(super) fn of(settings: &Settings) -> Self {
        let switches = [
            settings.custom_validity,
            settings.password_auth,
            settings.only_admins_create_tokens,
            settings.managers_create_tokens,
            settings.users_may_use_tokens,
            settings.forward_authorization,
        ];
        let scope = |(name, rules): (&String, &Vec<ScopeRule>)| ScopeFields::new(name, rules_text(rules));
        let mut scopes: Vec<_> = settings.scopes.0.iter().map(scope).collect();
        scopes.push(ScopeFields::new("", String::new()));
        Self {
            validities: validities(settings.max_validity.name()),
            ips: settings.allowed_ips.to_strings(),
            switched_on: SWITCHES
                .into_iter()
                .zip(switches)
                .filter(|(_, on)| *on)
                .map(|(name, _)| name)
                .collect(),
            max_tokens_per_user: settings.max_tokens_per_user.to_string(),
            suspend_after_days: settings.suspend_after_days.map(|days| days.to_string()).unwrap_or_default(),
            anonymous: settings.anonymous == Mode::Forward,
            foreign_credentials: settings.foreign_credentials == Mode::Forward,
            protected_paths: settings.protected_paths.join("\n"),
            token_headers: settings.token_headers.join("\n"),
            token_prefixes: settings.token_prefixes.join("\n"),
            user_header: settings.identity_headers.user.clone(),
            token_id_header: settings.identity_headers.token_id.clone(),
            scopes,
            ..Self::default()
        }
    }

    /// As it was sent, with what is wrong.
    pub(super) fn again(fields: &Fields, problem: Option<&Problem>) -> Self {
        let text = |name: &str| fields.raw(name).to_owned();
        let field = problem.and_then(Problem::at_field).map_or("", |(field, _)| field);
        let scope = |(name, rules): (&str, &str)| ScopeFields::new(name.trim(), rules.to_owned());
        let mut scopes: Vec<_> = fields.all("scope_name").zip(fields.all("scope_rules")).map(scope).collect();
        if scopes.last().is_none_or(|last| !last.name.is_empty() || !last.rules.is_empty()) {
            scopes.push(ScopeFields::new("", String::new()));
        }
        Self {
            validities: validities(fields.text("max_validity")),
            applies_bound: fields.ticked(APPLY_BOUND),
            ips: fields.all("allowed_ips").map(str::to_owned).collect(),
            switched_on: SWITCHES.into_iter().filter(|name| fields.ticked(name)).collect(),
            max_tokens_per_user: text("max_tokens_per_user"),
            suspend_after_days: text("suspend_after_days"),
            anonymous: fields.text("anonymous") == "forward",
            foreign_credentials: fields.text("foreign_credentials") == "forward",
            protected_paths: text("protected_paths"),
            token_headers: text("token_headers"),
            token_prefixes: text("token_prefixes"),
            user_header: text("user_header"),
            token_id_header: text("token_id_header"),
            scopes,
            error: problem.map(|problem| place_and_sentence(field, problem.detail())),
            error_field: field.split(['[', '.']).next().unwrap_or_default().to_owned(),
        }
    }

    /// Whether a box is ticked.
    pub(super) fn on(&self, name: &str) -> bool {
        self.switched_on.contains(name)
    }

    /// What is wrong with a setting.
    pub(super) fn error_at(&self, setting: &str) -> Option<&String> {
        self.error.as_ref().filter(|_| self.error_field == setting)
    }

    /// What no setting is at fault for.
    pub(super) fn other_error(&self) -> Option<&String> {
        self.error.as_ref().filter(|_| self.error_field.is_empty())
    }
}

impl ScopeFields {
    fn new(name: &str, rules: String) -> Self {
        Self { name: name.to_owned(), rules, is_built_in: name == READ_ONLY }
    }
}

/// Of a list it is told which entry is wrong.
fn place_and_sentence(field: &str, detail: &str) -> String {
    let place = field.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(place, _)| place);
    match place.and_then(|place| place.parse::<usize>().ok()) {
        Some(place) => format!("Entry {}: {}", place.saturating_add(1), words::sentence(detail)),
        None => words::sentence(detail),
    }
}

fn validities(chosen: &str) -> Vec<Choice> {
    let choice = |validity: Validity| {
        let label = if validity == Validity::Never { "No limit" } else { words::validity(validity) };
        Choice { value: validity.name(), label, is_chosen: validity.name() == chosen }
    };
    Validity::within(Validity::Never).into_iter().map(choice).collect()
}

fn rules_text(rules: &[ScopeRule]) -> String {
    let line = |rule: &ScopeRule| {
        let paths = rule.paths.iter().flatten();
        rule.methods.iter().chain(paths).map(String::as_str).collect::<Vec<_>>().join(" ")
    };
    rules.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Error;

    /// What a browser sends of a form that shows these settings, and whatever else.
    fn sent(form: &SettingsForm, more: &[(&str, &str)]) -> Fields {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        let chosen = form.validities.iter().find(|choice| choice.is_chosen).map_or("", |choice| choice.value);
        let mode = |forward: bool| if forward { "forward" } else { "refuse" };
        query.append_pair("max_validity", chosen);
        query.append_pair("max_tokens_per_user", &form.max_tokens_per_user);
        query.append_pair("suspend_after_days", &form.suspend_after_days);
        query.append_pair("anonymous", mode(form.anonymous));
        query.append_pair("foreign_credentials", mode(form.foreign_credentials));
        query.append_pair("protected_paths", &form.protected_paths.replace('\n', "\r\n"));
        query.append_pair("token_headers", &form.token_headers);
        query.append_pair("token_prefixes", &form.token_prefixes);
        query.append_pair("user_header", &form.user_header);
        query.append_pair("token_id_header", &form.token_id_header);
        for ip in &form.ips {
            query.append_pair("allowed_ips", ip);
        }
        for name in SWITCHES.iter().filter(|name| form.on(name)) {
            query.append_pair(name, "on");
        }
        for scope in &form.scopes {
            query.append_pair("scope_name", &scope.name).append_pair("scope_rules", &scope.rules);
        }
        query.extend_pairs(more);
        Fields::read(query.finish().as_bytes()).unwrap()
    }

    fn settings(json: &Value) -> Settings {
        Settings::default().patched(&serde_json::from_str(&json.to_string()).unwrap()).unwrap()
    }

    #[test]
    fn a_form_that_nobody_touched_changes_nothing() {
        let unusual = json!({
            "max_validity": "never", "custom_validity": true, "allowed_ips": ["10.0.0.0/8", "2001:db8::7"],
            "password_auth": true, "only_admins_create_tokens": true, "managers_create_tokens": true,
            "users_may_use_tokens": false, "max_tokens_per_user": 7, "anonymous": "forward", "suspend_after_days": 90,
            "foreign_credentials": "forward", "protected_paths": ["/rest/", "/api"], "token_headers": ["x-api-key"],
            "identity_headers": {"user": "x-user"}, "forward_authorization": true, "token_prefixes": ["gp_", "ci_"],
            "scopes": {"search": [{"methods": ["POST", "PUT"], "paths": ["/a", "/b"]}, {"methods": ["GET"]}]},
        });
        for settings in [Settings::default(), settings(&unusual)] {
            let fields = sent(&SettingsForm::of(&settings), &[]);
            assert_eq!(settings.patched(&patch(&fields, &settings).unwrap()), Ok(settings.clone()));
            // What is shown again is what was typed.
            let again = sent(&SettingsForm::again(&fields, None), &[]);
            assert_eq!(settings.patched(&patch(&again, &settings).unwrap()), Ok(settings));
        }
    }

    #[test]
    fn scopes_are_added_changed_and_taken_away() {
        let old =
            settings(&json!({"scopes": {"search": [{"methods": ["POST"]}], "gone": [{"methods": ["GET"]}]}}));
        let mut form = SettingsForm::of(&old);
        for scope in &mut form.scopes {
            match scope.name.as_str() {
                "search" => scope.rules = "POST, PUT /rest/api\r\n\r\nGET".to_owned(),
                "gone" => scope.rules.clear(),
                "" => (scope.name, scope.rules) = ("new".to_owned(), "DELETE".to_owned()),
                _ => {}
            }
        }
        let new = old.patched(&patch(&sent(&form, &[]), &old).unwrap()).unwrap();
        let scopes = serde_json::to_value(&new.scopes).unwrap();
        assert_eq!(
            scopes,
            json!({"read_only": [{"methods": ["GET", "HEAD", "OPTIONS"]}], "new": [{"methods": ["DELETE"]}],
                   "search": [{"methods": ["POST", "PUT"], "paths": ["/rest/api"]}, {"methods": ["GET"]}]})
        );
        for more in [
            &[("scope_name", "new"), ("scope_rules", "GET")][..],
            &[("scope_name", ""), ("scope_rules", "GET")],
        ] {
            assert!(patch(&sent(&form, more), &old).is_err(), "{more:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_beside_its_setting() {
        for (name, value, setting) in [
            ("allowed_ips", "10.0.0.x", "allowed_ips"),
            ("max_tokens_per_user", "many", "max_tokens_per_user"),
            ("protected_paths", "rest", "protected_paths"),
            ("suspend_after_days", "soon", "suspend_after_days"),
        ] {
            let old = Settings::default();
            let mut form = SettingsForm::of(&old);
            match name {
                "allowed_ips" => form.ips.push(value.to_owned()),
                "max_tokens_per_user" => form.max_tokens_per_user = value.to_owned(),
                "suspend_after_days" => form.suspend_after_days = value.to_owned(),
                _ => form.protected_paths = value.to_owned(),
            }
            let fields = sent(&form, &[]);
            let checked = old.patched(&patch(&fields, &old).unwrap()).map_err(Error::from);
            let checked = checked.and_then(|new| crate::snapshot::check_settings(&new));
            let problem = Problem::from(checked.unwrap_err());
            let again = SettingsForm::again(&fields, Some(&problem));
            assert!(again.error_at(setting).is_some() && again.other_error().is_none(), "{problem:?}");
        }
    }
}
