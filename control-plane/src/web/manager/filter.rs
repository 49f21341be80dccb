//! What the token manager's list is to hold: what its address says, what REST reads of that, and what the form shows.

use crate::api::tokens::query;
use crate::domain::listing::{Preset, TimeField};
use crate::domain::time::day_after;
use crate::domain::token::State;
use crate::http::problem::Problem;
use crate::tokens::ListWish;
use crate::web::fields::{self, Fields};
use crate::web::words;

/// Chosen in place of a preset: the two dates beside it.
const RANGE: &str = "range";

/// The columns by which the list can be ordered: the name that REST gives the order, and what the heading says.
const COLUMNS: [(&str, &str); 6] = [
    ("user", "User"),
    ("description", "Description"),
    ("", "State"),
    ("created", "Created"),
    ("expires", "Expires"),
    ("last_used", "Last used"),
];

/// The filter as its form shows it.
pub(super) struct Filter {
    /// Those who are chosen.
    pub(super) users: Vec<String>,
    pub(super) description: String,
    pub(super) states: Vec<Choice>,
    pub(super) periods: [PeriodField; 3],
    sort: String,
    pub(super) user_error: Option<String>,
    pub(super) description_error: Option<String>,
}

/// One time by which is filtered.
pub(super) struct PeriodField {
    /// As REST calls it.
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) choices: Vec<Choice>,
    /// The first day, in UTC.
    pub(super) from: String,
    /// The last day, in UTC.
    pub(super) to: String,
    pub(super) error: Option<String>,
}

/// Something that may be chosen.
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: &'static str,
    pub(super) is_chosen: bool,
}

/// A column's heading.
pub(super) struct Heading {
    pub(super) label: &'static str,
    /// Where the list is in this order, or the other way round; nowhere if there is no such order.
    pub(super) link: Option<String>,
    /// `ascending` or `descending`, if the list is in this order.
    pub(super) order: Option<&'static str>,
}

impl Filter {
    /// What `fields` say.
    pub(super) fn read(fields: &Fields) -> Self {
        let states = fields.chosen("state");
        let period = |name, label, kind| PeriodField::read(fields, name, label, kind);
        let mut users = fields.chosen("user");
        // Somebody may type a name that is chosen already.
        let mut known = std::collections::HashSet::new();
        users.retain(|user| known.insert(user.clone()));
        Self {
            users,
            description: fields.text("description").to_owned(),
            states: State::ALL
                .map(|state| Choice {
                    value: state.as_str(),
                    label: words::state(state),
                    is_chosen: states.iter().any(|chosen| chosen == state.as_str()),
                })
                .into(),
            periods: [
                period("created", "Created", TimeField::Created),
                period("last_used", "Last used", TimeField::LastUsed),
                period("expires", "Expires", TimeField::Expires),
            ],
            sort: fields.text("sort").to_owned(),
            user_error: None,
            description_error: None,
        }
    }

    /// With what is wrong beside its field.
    pub(super) fn wrong(mut self, problem: &Problem) -> Self {
        let said = Some(words::sentence(problem.detail()));
        match problem.at_field().map_or("user", |(field, _)| field) {
            "user" => self.user_error = said,
            "description" => self.description_error = said,
            field => {
                let found = self.periods.iter_mut().find(|period| field.starts_with(period.name));
                if let Some(period) = found {
                    period.error = said;
                }
            }
        }
        self
    }

    /// Whether something is told beside a field.
    pub(super) fn has_error(&self) -> bool {
        let periods = self.periods.iter().any(|period| period.error.is_some());
        periods || self.user_error.is_some() || self.description_error.is_some()
    }

    /// Whether anything is filtered at all.
    pub(super) fn is_set(&self) -> bool {
        self.pairs().iter().any(|(name, _)| name != "sort")
    }

    /// What REST makes of it.
    pub(super) fn wish(&self, cursor: Option<String>, limit: usize) -> Result<ListWish, Problem> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in self.pairs() {
            match self.periods.iter().find(|period| period.is_about(&name)) {
                Some(period) => parameters.extend(period.parameter(&name, &value)?),
                None => parameters.push((name, value)),
            }
        }
        parameters.extend(cursor.map(|cursor| ("cursor".to_owned(), cursor)));
        Ok(ListWish { limit, ..query::wish(parameters)? })
    }

    /// Where the list is with this filter.
    pub(super) fn place(&self, path: &str, cursor: Option<&str>) -> String {
        let pairs = self.pairs();
        let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let query = fields::query(pairs.chain(cursor.map(|cursor| ("cursor", cursor))));
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    /// The same as a file.
    pub(super) fn export(&self) -> String {
        self.place("/manager/export.csv", None)
    }

    /// The order that was chosen, to be kept.
    pub(super) fn sort(&self) -> &str {
        &self.sort
    }

    /// The columns' headings.
    pub(super) fn headings(&self) -> Vec<Heading> {
        COLUMNS.iter().map(|(name, label)| self.heading(name, label)).collect()
    }

    fn heading(&self, name: &str, label: &'static str) -> Heading {
        if name.is_empty() {
            return Heading { label, link: None, order: None };
        }
        let descending = format!("-{name}");
        // Of times the latest first, of names the first.
        let is_time = !matches!(name, "user" | "description");
        let (order, next) = match self.sort.as_str() {
            sort if sort == name => (Some("ascending"), descending),
            sort if sort == descending => (Some("descending"), name.to_owned()),
            _ if is_time => (None, descending),
            _ => (None, name.to_owned()),
        };
        let other = self.with_sort(next);
        Heading { label, link: Some(other), order }
    }

    fn with_sort(&self, sort: String) -> String {
        let mut pairs = self.pairs();
        pairs.retain(|(name, _)| name != "sort");
        pairs.push(("sort".to_owned(), sort));
        let query = fields::query(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        format!("{}?{query}", super::LIST)
    }

    /// What the address says: nothing of what is left empty.
    fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs: Vec<(&str, &str)> = self.users.iter().map(|user| ("user", user.as_str())).collect();
        pairs.push(("description", &self.description));
        pairs.extend(self.states.iter().filter(|state| state.is_chosen).map(|state| ("state", state.value)));
        let mut pairs: Vec<_> =
            pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        for period in &self.periods {
            let chosen =
                period.choices.iter().find(|choice| choice.is_chosen).map_or("", |choice| choice.value);
            pairs.push((period.name.to_owned(), chosen.to_owned()));
            pairs.push((format!("{}_from", period.name), period.from.clone()));
            pairs.push((format!("{}_to", period.name), period.to.clone()));
        }
        pairs.push(("sort".to_owned(), self.sort.clone()));
        pairs.retain(|(_, value)| !value.is_empty());
        pairs
    }
}

impl PeriodField {
    fn read(fields: &Fields, name: &'static str, label: &'static str, kind: TimeField) -> Self {
        let chosen = fields.text(name);
        let choice = |value, label| Choice { value, label, is_chosen: value == chosen };
        let presets =
            Preset::of(kind).iter().map(|preset| choice(preset.name(), words::preset(*preset, kind)));
        let choices = std::iter::once(choice("", "At any time")).chain(presets);
        let day = |end: &str| fields.text(&format!("{name}_{end}")).to_owned();
        Self {
            name,
            label,
            choices: choices.chain([choice(RANGE, "Between two days")]).collect(),
            from: day("from"),
            to: day("to"),
            error: None,
        }
    }

    /// Whether a range is asked for.
    pub(super) fn has_range(&self) -> bool {
        !self.from.is_empty()
            || !self.to.is_empty()
            || self.choices.iter().any(|choice| choice.is_chosen && choice.value == RANGE)
    }

    fn is_about(&self, name: &str) -> bool {
        name.strip_prefix(self.name).is_some_and(|rest| matches!(rest, "" | "_from" | "_to"))
    }

    /// The parameter of REST: days become times, the last one with all of its hours.
    fn parameter(&self, name: &str, value: &str) -> Result<Option<(String, String)>, Problem> {
        if name == self.name {
            return Ok((value != RANGE).then(|| (name.to_owned(), value.to_owned())));
        }
        let wrong = || Problem::invalid(name, "must be a day such as 2027-01-31");
        let day =
            if name.ends_with("_to") { day_after(value) } else { day_after(value).map(|_| value.to_owned()) };
        Ok(Some((name.to_owned(), format!("{}T00:00:00Z", day.ok_or_else(wrong)?))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &str) -> Filter {
        Filter::read(&Fields::read(query.as_bytes()).unwrap())
    }

    #[test]
    fn the_address_says_what_is_filtered_and_nothing_else() {
        for (asked, kept) in [
            ("", "/manager"),
            ("user=&description=&created=&created_from=&sort=&done=deleted&csrf=x", "/manager"),
            ("user=fred&user=ann&user=&user=fred", "/manager?user=fred&user=ann"),
            ("state=active&state=expired&state=none", "/manager?state=active&state=expired"),
            ("created=range&created_from=2026-01-01", "/manager?created=range&created_from=2026-01-01"),
            (
                "created=nonsense&sort=-expires&description=%C3%BC+b",
                "/manager?description=%C3%BC+b&sort=-expires",
            ),
        ] {
            assert_eq!(filter(asked).place("/manager", None), kept);
        }
        assert!(!filter("sort=user").is_set() && filter("state=active").is_set());
        assert_eq!(filter("user=a").place("/manager", Some("c")), "/manager?user=a&cursor=c");
    }

    #[test]
    fn days_are_whole_days_of_utc() {
        use crate::domain::listing::Period;
        let wish =
            filter("created=range&created_from=2026-11-21&created_to=2026-11-22").wish(None, 50).unwrap();
        // 2026-11-21T00:00:00Z until before 2026-11-23T00:00:00Z.
        assert_eq!(wish.created, Some(Period::Range(Some(1_795_219_200), Some(1_795_392_000))));
        for bad in ["created_from=x", "created_to=2026-02-30", "created=today&created_from=2026-11-21"] {
            let problem = filter(bad).wish(None, 50).unwrap_err();
            assert!(filter(bad).wrong(&problem).periods[0].error.is_some(), "{bad}");
        }
    }

    #[test]
    fn a_heading_turns_its_order_round() {
        let link = |query: &str, column: usize| filter(query).headings().remove(column);
        assert_eq!(link("", 0).link.as_deref(), Some("/manager?sort=user"));
        assert_eq!(link("", 3).link.as_deref(), Some("/manager?sort=-created"));
        let now = link("user=a&sort=-created", 3);
        assert_eq!(
            (now.link.as_deref(), now.order),
            (Some("/manager?user=a&sort=created"), Some("descending"))
        );
        assert_eq!((link("", 2).link, link("", 2).order), (None, None));
    }
}
