//! The query of `GET /tokens`. Names may be repeated where several are meant, so it is read by hand.

use utoipa::IntoParams;

use crate::api::cursor;
use crate::domain::listing::{Period, Preset, TimeField};
use crate::domain::time;
use crate::domain::token::State;
use crate::http::problem::Problem;
use crate::schema;
use crate::tokens::ListWish;

const KNOWN: &str = "`user`, `creator`, `description`, `state`, `created`, `created_from`, `created_to`, `last_used`, \
                     `last_used_from`, `last_used_to`, `expires`, `expires_from`, `expires_to`, `sort`, `limit`, `cursor`";

/// The parameters, for the document.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "a description: the query is read by hand")]
pub(in crate::api) struct ListQuery {
    /// Only of these owners; repeated for several.
    #[param(value_type = schema::UserNames, required = false)]
    user: (),
    /// Only made by one of these; repeated for several.
    #[param(value_type = schema::UserNames, required = false)]
    creator: (),
    /// Only those whose description holds this, in any case.
    #[param(value_type = schema::DescriptionPart, required = false)]
    description: (),
    /// Only in this state; repeated for several.
    #[param(value_type = schema::TokenStates, required = false)]
    state: (),
    /// Only those made then.
    #[param(value_type = schema::CreatedPreset, required = false)]
    created: (),
    /// Not made before this time; instead of `created`.
    #[param(value_type = schema::Time, required = false)]
    created_from: (),
    /// Made before this time; instead of `created`.
    #[param(value_type = schema::Time, required = false)]
    created_to: (),
    /// Only those used last then.
    #[param(value_type = schema::LastUsedPreset, required = false)]
    last_used: (),
    /// Used last not before this time; instead of `last_used`.
    #[param(value_type = schema::Time, required = false)]
    last_used_from: (),
    /// Used last before this time; instead of `last_used`.
    #[param(value_type = schema::Time, required = false)]
    last_used_to: (),
    /// Only those that end then.
    #[param(value_type = schema::ExpiresPreset, required = false)]
    expires: (),
    /// Those that do not end before this time; instead of `expires`.
    #[param(value_type = schema::Time, required = false)]
    expires_from: (),
    /// Those that end before this time; instead of `expires`.
    #[param(value_type = schema::Time, required = false)]
    expires_to: (),
    /// The order.
    #[param(value_type = schema::TokenOrder, required = false)]
    sort: (),
    /// How many at most.
    #[param(value_type = schema::Limit, required = false)]
    limit: (),
    /// Where the page begins.
    #[param(value_type = schema::Cursor, required = false)]
    cursor: (),
}

/// Parameters that may be given more than once.
const REPEATED: [&str; 3] = ["user", "creator", "state"];

/// The wish of a query.
pub(crate) fn wish(parameters: Vec<(String, String)>) -> Result<ListWish, Problem> {
    let mut given = Given(parameters);
    given.refuse_repeated()?;
    let states = given.all("state").iter().map(|name| state(name)).collect::<Result<_, _>>()?;
    let sort = given.one("sort").map(|text| text.parse()).transpose();
    let wish = ListWish {
        users: given.all("user"),
        creators: given.all("creator"),
        description: given.one("description"),
        created: period(&mut given, "created", TimeField::Created)?,
        last_used: period(&mut given, "last_used", TimeField::LastUsed)?,
        expires: period(&mut given, "expires", TimeField::Expires)?,
        states,
        sort: sort.map_err(|problem: String| Problem::invalid("sort", problem))?,
        in_use: false,
        cursor: cursor::decode(given.one("cursor"))?,
        limit: cursor::limit(given.one("limit").as_deref())?,
    };
    match given.0.first() {
        Some((name, _)) => Err(Problem::invalid(name.clone(), format!("is unknown; known: {KNOWN}"))),
        None => Ok(wish),
    }
}

/// What has not been read yet.
struct Given(Vec<(String, String)>);

impl Given {
    fn all(&mut self, name: &str) -> Vec<String> {
        let found = self.0.extract_if(.., |(given, _)| given == name);
        found.map(|(_, value)| value).collect()
    }

    fn one(&mut self, name: &str) -> Option<String> {
        self.all(name).pop()
    }

    fn refuse_repeated(&self) -> Result<(), Problem> {
        let mut names: Vec<_> = self.0.iter().map(|(name, _)| name.as_str()).collect();
        names.retain(|name| !REPEATED.contains(name));
        names.sort_unstable();
        match names.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first()) {
            Some(name) => Err(Problem::invalid(*name, "is given twice")),
            None => Ok(()),
        }
    }
}

fn state(name: &str) -> Result<State, Problem> {
    let names = || State::ALL.map(|state| format!("`{}`", state.as_str())).join(", ");
    let found = State::ALL.into_iter().find(|state| state.as_str() == name);
    found.ok_or_else(|| Problem::invalid("state", format!("must be one of {}", names())))
}

fn period(given: &mut Given, field: &str, kind: TimeField) -> Result<Option<Period>, Problem> {
    let preset = given.one(field).map(|name| preset(field, &name, kind)).transpose()?;
    let from = moment(given, format!("{field}_from"))?;
    let to = moment(given, format!("{field}_to"))?;
    match (preset, from, to) {
        (None, None, None) => Ok(None),
        (Some(preset), None, None) => Ok(Some(Period::Preset(preset))),
        (None, from, to) => Ok(Some(Period::Range(from, to))),
        (Some(_), _, _) => {
            let problem = format!("give either {field} or {field}_from and {field}_to");
            Err(Problem::invalid(field, problem))
        }
    }
}

fn preset(field: &str, name: &str, kind: TimeField) -> Result<Preset, Problem> {
    let presets = Preset::of(kind);
    let names = || presets.iter().map(|preset| format!("`{}`", preset.name())).collect::<Vec<_>>().join(", ");
    let found = presets.iter().copied().find(|preset| preset.name() == name);
    found.ok_or_else(|| {
        Problem::invalid(field, format!("must be one of {}; a range is {field}_from and {field}_to", names()))
    })
}

fn moment(given: &mut Given, field: String) -> Result<Option<i64>, Problem> {
    let Some(text) = given.one(&field) else { return Ok(None) };
    let wrong = "must be an RFC 3339 time such as 2027-01-31T00:00:00Z, its + written as %2B";
    time::parse(&text).map(Some).map_err(|_| Problem::invalid(field, wrong))
}
