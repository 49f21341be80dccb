//! The form that makes a token: what it offers, what was typed, and what is wrong with it.

use serde_json::json;

use crate::domain::address::IpList;
use crate::domain::settings::{READ_ONLY, Settings};
use crate::domain::validity::Validity;
use crate::error::Error;
use crate::http::problem::Problem;
use crate::tokens::NewToken;
use crate::web::fields::Fields;
use crate::web::once::FIELD;
use crate::web::words;

/// Chosen in place of a validity: so many days.
const DAYS: &str = "days";
/// Chosen in place of a validity: up to the end of a day.
const DATE: &str = "date";

/// The form as it is shown.
#[derive(Default)]
pub(super) struct TokenForm {
    /// What tells this form from others, see [`crate::web::once`].
    pub(super) once: String,
    /// The owner, where that is to be chosen.
    pub(super) user: String,
    pub(super) description: String,
    pub(super) validities: Vec<Choice>,
    /// Whether any number of days or a date may be chosen.
    pub(super) has_custom: bool,
    pub(super) days: String,
    pub(super) date: String,
    pub(super) scopes: Vec<Choice>,
    /// One address, CIDR or range a line.
    pub(super) ips: String,
    pub(super) control_plane: bool,
    pub(super) errors: Errors,
}

/// What is wrong, by the field that it is told beside.
#[derive(Default)]
pub(super) struct Errors {
    pub(super) user: Option<String>,
    pub(super) description: Option<String>,
    pub(super) validity: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) ips: Option<String>,
    /// What no field is at fault for.
    pub(super) other: Option<String>,
}

/// Something that may be chosen.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
    pub(super) is_chosen: bool,
}

impl TokenForm {
    /// As it is at first.
    pub(super) fn empty(once: String, settings: &Settings) -> Self {
        let longest = settings.max_validity.min(Validity::OneYear).name();
        Self { once, ..Self::default() }.offering(settings, longest, "")
    }

    /// As it was sent, with what is wrong.
    pub(super) fn again(fields: &Fields, problem: &Problem, settings: &Settings) -> Self {
        let text = |name: &str| fields.raw(name).to_owned();
        let typed = Self {
            once: text(FIELD),
            user: text("user"),
            description: text("description"),
            days: text("days"),
            date: text("expires_on"),
            ips: text("allowed_ips"),
            control_plane: fields.ticked("control_plane"),
            errors: Errors::of(problem),
            ..Self::default()
        };
        typed.offering(settings, fields.text("valid_for"), fields.text("scope"))
    }

    fn offering(self, settings: &Settings, validity: &str, scope: &str) -> Self {
        let mut validities: Vec<_> = Validity::within(settings.max_validity)
            .into_iter()
            .map(|choice| Choice::new(choice.name(), words::validity(choice), validity))
            .collect();
        if settings.custom_validity {
            validities.push(Choice::new(DAYS, "A number of days", validity));
            validities.push(Choice::new(DATE, "Until a date", validity));
        }
        let named = settings.scopes.0.keys().map(|name| {
            let label = if name == READ_ONLY { "Reading only (read_only)" } else { name.as_str() };
            Choice::new(name, label, scope)
        });
        let scopes =
            std::iter::once(Choice::new("", "Everything that I may do", scope)).chain(named).collect();
        Self { validities, has_custom: settings.custom_validity, scopes, ..self }
    }

    /// What `fields` wish for.
    pub(super) fn wish(fields: &Fields, for_others: bool) -> Result<NewToken, Error> {
        let user = fields.given("user");
        if for_others && user.is_none() {
            return Err(Error::invalid("user", "say for whom the token is"));
        }
        let (valid_for, expires_at) = validity(fields)?;
        Ok(NewToken {
            description: fields.text("description").to_owned(),
            user: user.filter(|_| for_others),
            valid_for,
            expires_at,
            scope: fields.given("scope"),
            allowed_ips: Some(ips(fields.raw("allowed_ips"))?),
            control_plane: fields.ticked("control_plane"),
        })
    }
}

fn validity(fields: &Fields) -> Result<(Option<String>, Option<String>), Error> {
    let plain =
        |text: &str, rule: fn(char) -> bool| !text.is_empty() && text.len() <= 10 && text.chars().all(rule);
    match fields.text("valid_for") {
        DAYS => {
            let days = fields.text("days");
            let is_number = plain(days, |c| c.is_ascii_digit());
            let days = is_number.then(|| format!("P{days}D"));
            Ok((Some(days.ok_or_else(|| Error::invalid("valid_for", "say how many days"))?), None))
        }
        DATE => {
            let date = fields.text("expires_on");
            let is_date = plain(date, |c| c.is_ascii_digit() || c == '-');
            // Its whole day, in UTC.
            let end = is_date.then(|| format!("{date}T23:59:59Z"));
            Ok((None, Some(end.ok_or_else(|| Error::invalid("expires_at", "choose a date"))?)))
        }
        "" => Ok((None, None)),
        named => Ok((Some(named.to_owned()), None)),
    }
}

/// One entry a line, or separated by commas. An empty text is everywhere.
fn ips(text: &str) -> Result<IpList, Error> {
    let entries: Vec<_> =
        text.split(['\n', '\r', ',']).map(str::trim).filter(|entry| !entry.is_empty()).collect();
    for entry in &entries {
        if let Err(error) = serde_json::from_value::<IpList>(json!([entry])) {
            return Err(Error::invalid("allowed_ips", format!("{entry} is {error}")));
        }
    }
    serde_json::from_value(json!(entries)).map_err(|error| Error::invalid("allowed_ips", error))
}

impl Choice {
    fn new(value: &str, label: &str, chosen: &str) -> Self {
        Self { value: value.to_owned(), label: label.to_owned(), is_chosen: value == chosen }
    }
}

impl Errors {
    fn of(problem: &Problem) -> Self {
        let mut errors = Self::default();
        let (field, _) = problem.at_field().unwrap_or_default();
        let place = match field.split(['[', '.']).next().unwrap_or_default() {
            "user" => &mut errors.user,
            "description" => &mut errors.description,
            "valid_for" | "expires_at" => &mut errors.validity,
            "scope" => &mut errors.scope,
            "allowed_ips" => &mut errors.ips,
            _ => &mut errors.other,
        };
        *place = Some(words::sentence(problem.detail()));
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(form: &str) -> Result<NewToken, String> {
        let fields = Fields::read(form.as_bytes()).unwrap();
        TokenForm::wish(&fields, false).map_err(|error| error.to_string())
    }

    #[test]
    fn a_form_wishes_for_what_it_says() {
        let plain = wish("description=+nightly+&valid_for=P6M&scope=&allowed_ips=&user=ann").unwrap();
        assert_eq!((plain.description.as_str(), plain.valid_for.as_deref()), ("nightly", Some("P6M")));
        assert_eq!(
            (plain.user, plain.scope, plain.control_plane),
            (None, None, false),
            "of others it is another form"
        );
        let custom = wish("description=x&valid_for=days&days=30&scope=read_only&control_plane=on").unwrap();
        assert_eq!((custom.valid_for.as_deref(), custom.control_plane), (Some("P30D"), true));
        let until = wish("description=x&valid_for=date&expires_on=2027-01-31").unwrap();
        assert_eq!((until.valid_for, until.expires_at.as_deref()), (None, Some("2027-01-31T23:59:59Z")));
        for bad in [
            "valid_for=days&days=",
            "valid_for=days&days=-1",
            "valid_for=date&expires_on=",
            "valid_for=date&expires_on=now",
        ] {
            assert!(wish(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_stand_one_a_line() {
        let list =
            wish("allowed_ips=10.0.0.0/8%0D%0A%0D%0A2001:db8::7,+192.0.2.1-192.0.2.2").unwrap().allowed_ips;
        assert_eq!(list.unwrap().to_strings(), ["10.0.0.0/8", "192.0.2.1", "192.0.2.2", "2001:db8::7"]);
        let error = wish("allowed_ips=10.0.0.0/8%0D%0A10.0.0.x").unwrap_err();
        assert!(error.starts_with("allowed_ips: 10.0.0.x is not an IP address"), "{error}");
    }
}
