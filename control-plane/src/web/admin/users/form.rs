//! What is typed of a user, and what is wrong with it.

use serde::{Deserialize, Serialize};

use crate::domain::groups::Groups;
use crate::domain::user::Role;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::users::{UserPatch, UserView};
use crate::web::fields::Fields;
use crate::web::words;

const ROLES: [Role; 3] = [Role::User, Role::TokenManager, Role::Admin];

/// Something that may be chosen.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: &'static str,
    pub(super) is_chosen: bool,
}

/// What is typed of a user.
#[derive(Default)]
pub(super) struct Form {
    pub(super) name: String,
    pub(super) roles: Vec<Choice>,
    pub(super) display_name: String,
    pub(super) email: String,
    /// One group a line.
    pub(super) groups: String,
    pub(super) active: bool,
    pub(super) exempt: bool,
}

/// What a form showed before anything was typed. Only what differs from it is changed: a form that was open for long must not
/// undo what somebody else has done meanwhile, such as a deactivation.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Loaded {
    role: Role,
    active: bool,
    display_name: Option<String>,
    email: Option<String>,
    groups: Groups,
    exempt: bool,
}

impl Loaded {
    /// What `view` shows, for a hidden field.
    pub(super) fn of(view: &UserView) -> Result<String, Problem> {
        let record = &view.record;
        let loaded = Self {
            role: record.role,
            active: record.active,
            display_name: record.display_name.clone(),
            email: record.email.clone(),
            groups: record.groups.clone(),
            exempt: record.exempt_from_suspension,
        };
        let text = serde_json::to_string(&loaded);
        text.map_err(|error| Error::Internal(format!("a form cannot be written: {error}")).into())
    }

    /// What somebody has changed in the form.
    pub(super) fn changed(fields: &Fields) -> Result<UserPatch, Error> {
        fn changed<T: PartialEq>(now: T, was: &T) -> Option<T> {
            (now != *was).then_some(now)
        }
        let loaded = serde_json::from_str(fields.raw("loaded"));
        let loaded: Self = loaded.map_err(|_| Error::invalid("loaded", "load the page again"))?;
        Ok(UserPatch {
            role: changed(role(fields)?, &loaded.role),
            active: changed(fields.ticked("active"), &loaded.active),
            display_name: changed(fields.given("display_name"), &loaded.display_name),
            email: changed(fields.given("email"), &loaded.email),
            groups: changed(groups(fields)?, &loaded.groups),
            exempt_from_suspension: changed(fields.ticked("exempt"), &loaded.exempt),
        })
    }
}

/// What is wrong, by the field that it is told beside.
#[derive(Default)]
pub(super) struct Errors {
    pub(super) name: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) groups: Option<String>,
    pub(super) password: Option<String>,
    pub(super) other: Option<String>,
}

impl Errors {
    /// What `problem` says, beside the field that it is about.
    pub(super) fn of(problem: &Problem) -> Self {
        let mut errors = Self::default();
        let field = problem.at_field().map_or("", |(field, _)| field);
        let place = match field.split(['[', '.']).next().unwrap_or_default() {
            "name" => &mut errors.name,
            "display_name" => &mut errors.display_name,
            "email" => &mut errors.email,
            "groups" => &mut errors.groups,
            "password" | "old_password" => &mut errors.password,
            _ => &mut errors.other,
        };
        *place = Some(words::sentence(problem.detail()));
        errors
    }
}

impl Form {
    /// What there is of `view`.
    pub(super) fn of(view: &UserView) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            name: view.record.name.clone(),
            roles: roles(view.record.role.as_str()),
            display_name: text(&view.record.display_name),
            email: text(&view.record.email),
            groups: view.record.groups.names().join("\n"),
            active: view.record.active,
            exempt: view.record.exempt_from_suspension,
        }
    }

    /// What was typed.
    pub(super) fn again(fields: &Fields) -> Self {
        let text = |name: &str| fields.raw(name).to_owned();
        Self {
            name: text("name"),
            roles: roles(fields.text("role")),
            display_name: text("display_name"),
            email: text("email"),
            groups: text("groups"),
            active: fields.ticked("active"),
            exempt: fields.ticked("exempt"),
        }
    }
}

/// All roles, one of them `chosen`.
pub(super) fn roles(chosen: &str) -> Vec<Choice> {
    let choice = |role: Role| {
        let value = role.as_str();
        Choice { value, label: words::role(role), is_chosen: value == chosen }
    };
    ROLES.into_iter().map(choice).collect()
}

/// The role that was chosen.
pub(super) fn role(fields: &Fields) -> Result<Role, Error> {
    Role::from_name(fields.text("role")).ok_or_else(|| Error::invalid("role", "choose a role"))
}

/// The groups that were typed, one a line.
pub(super) fn groups(fields: &Fields) -> Result<Groups, Error> {
    let names: Vec<&str> =
        fields.raw("groups").lines().map(str::trim).filter(|name| !name.is_empty()).collect();
    serde_json::from_value(serde_json::json!(names)).map_err(|error| Error::invalid("groups", error))
}
