//! Users from a file: those that are new are added, those that there are get what the file says. All or nothing.

mod csv;
mod json;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    TAKEN, UserPatch, UserRecord, check_texts, given, given_role, insert, keep_an_admin, patched, write,
};
use crate::callers::Caller;
use crate::change::{Change, Committed};
use crate::context::Context;
use crate::domain::authority;
use crate::domain::groups::Groups;
use crate::domain::user::{Role, User, check_new_name, name_key};
use crate::error::{Error, Place, RowError, RowErrors};
use crate::schema;

/// Most users of a file.
pub const MAX_ROWS: usize = 5000;
/// Most errors that are told.
const MAX_ERRORS: usize = 100;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values with a header (RFC 4180).
    Csv,
    /// `{"users": […]}`.
    Json,
}

/// What a file says of one user. What is missing stays as it is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Row {
    name: Option<String>,
    #[serde(deserialize_with = "given_role")]
    role: Option<Role>,
    #[serde(deserialize_with = "given")]
    active: Option<bool>,
    #[serde(deserialize_with = "given")]
    display_name: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    email: Option<Option<String>>,
    #[serde(deserialize_with = "given")]
    groups: Option<Groups>,
}

/// The rows of a file, and what is wrong with those that cannot be read.
#[derive(Debug, Default)]
struct Rows {
    good: Vec<(Place, Row)>,
    bad: Vec<RowError>,
}

/// What an import does, or would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportReport)]
pub struct Report {
    /// Whether nothing was done.
    dry_run: bool,
    created: usize,
    updated: usize,
    unchanged: usize,
    /// Who is new, and who changes.
    changes: Vec<Changed>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportedUser)]
struct Changed {
    /// Where it stands in CSV, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// Where it stands in the list of JSON, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<usize>,
    #[schema(value_type = schema::UserName)]
    name: String,
    /// What differs; null for a user who is new.
    #[schema(value_type = Option<schema::Members>, required)]
    before: Option<Map<String, Value>>,
    #[schema(value_type = schema::Members)]
    after: Map<String, Value>,
}

/// Imports `file`, or says what that would do.
///
/// # Errors
/// The caller is no admin, rows are wrong, or no active admin would be left: then nothing was changed.
pub async fn import(
    context: &Context,
    caller: &Caller,
    file: &[u8],
    format: Format,
    dry_run: bool,
) -> Result<(Report, Option<Committed>), Error> {
    authority::administers(caller.principal())?;
    let rows = match format {
        Format::Csv => csv::read(file)?,
        Format::Json => json::read(file)?,
    };
    let (mut change, caller) = Change::by(context, caller).await?;
    authority::administers(caller.principal())?;
    let mut work = Work::new(rows.bad, dry_run);
    for (place, row) in rows.good {
        work.row(&mut change, place, row).await?;
    }
    let report = work.finish()?;
    keep_an_admin(&mut change).await?;
    if dry_run || report.changes.is_empty() {
        return Ok((report, None));
    }
    Ok((report, Some(change.commit().await?)))
}

/// An import under way.
struct Work {
    report: Report,
    errors: Vec<RowError>,
    seen: HashMap<String, Place>,
}

impl Work {
    fn new(errors: Vec<RowError>, dry_run: bool) -> Self {
        let report = Report { dry_run, created: 0, updated: 0, unchanged: 0, changes: Vec::new() };
        Self { report, errors, seen: HashMap::new() }
    }

    /// Does one row. What is wrong with it is noted, so that all errors can be told at once.
    async fn row(&mut self, change: &mut Change<'_>, place: Place, row: Row) -> Result<(), Error> {
        if self.errors.len() >= MAX_ERRORS {
            return Ok(());
        }
        match self.try_row(change, place, row).await {
            Err(Error::Invalid { field, problem }) => {
                self.errors.push(RowError { place, field, problem });
                Ok(())
            }
            other => other,
        }
    }

    async fn try_row(&mut self, change: &mut Change<'_>, place: Place, row: Row) -> Result<(), Error> {
        let name = row.name.clone().ok_or_else(|| Error::invalid("name", "is required"))?;
        let key = name_key(&name);
        if let Some(first) = self.seen.insert(key.clone(), place) {
            let first = RowError { place: first, field: String::new(), problem: String::new() }.path();
            return Err(Error::invalid("name", format!("is also that of {first}")));
        }
        match change.tx.user_by_key(&key).await? {
            Some(old) if old.name == name => self.update(change, place, old, row).await,
            Some(_) => Err(Error::invalid("name", TAKEN)),
            None => self.create(change, place, name, row).await,
        }
    }

    async fn create(
        &mut self,
        change: &mut Change<'_>,
        place: Place,
        name: String,
        row: Row,
    ) -> Result<(), Error> {
        check_new_name(&name).map_err(|problem| Error::invalid("name", problem))?;
        let role = row.role.ok_or_else(|| Error::invalid("role", "is required for a user who is new"))?;
        let user = User {
            id: 0,
            name,
            role,
            active: row.active.unwrap_or(true),
            display_name: row.display_name.flatten(),
            email: row.email.flatten(),
            groups: row.groups.unwrap_or_default(),
            has_password: false,
            created_at: change.at(),
            last_sign_in_at: None,
            failed_sign_ins: 0,
            suspended_at: None,
            exempt_from_suspension: false,
        };
        check_texts(change, &user)?;
        let user = insert(change, user, None).await?;
        self.report.created += 1;
        self.note(place, &user.name, None, fields(&user));
        Ok(())
    }

    async fn update(
        &mut self,
        change: &mut Change<'_>,
        place: Place,
        old: User,
        row: Row,
    ) -> Result<(), Error> {
        let Row { role, active, display_name, email, groups, .. } = row;
        let new = patched(
            old.clone(),
            UserPatch { role, active, display_name, email, groups, exempt_from_suspension: None },
        );
        if new == old {
            self.report.unchanged += 1;
            return Ok(());
        }
        check_texts(change, &new)?;
        write(change, &old, &new).await?;
        let (mut before, mut after) = (fields(&old), fields(&new));
        before.retain(|name, value| after.get(name) != Some(value));
        after.retain(|name, _| before.contains_key(name));
        self.report.updated += 1;
        self.note(place, &new.name, Some(before), after);
        Ok(())
    }

    fn note(
        &mut self,
        place: Place,
        name: &str,
        before: Option<Map<String, Value>>,
        after: Map<String, Value>,
    ) {
        let (line, item) = match place {
            Place::Line(line) => (Some(line), None),
            Place::Item(item) => (None, Some(item)),
        };
        self.report.changes.push(Changed { line, item, name: name.to_owned(), before, after });
    }

    fn finish(self) -> Result<Report, Error> {
        if self.errors.is_empty() { Ok(self.report) } else { Err(Error::Rows(RowErrors(self.errors))) }
    }
}

fn fields(user: &User) -> Map<String, Value> {
    match serde_json::to_value(UserRecord::from(user)) {
        Ok(Value::Object(mut fields)) => {
            // Of the file's fields alone.
            fields.retain(|name, _| !matches!(name.as_str(), "name" | "created_at"));
            fields
        }
        _ => Map::new(),
    }
}

impl Rows {
    /// Notes a row.
    ///
    /// # Errors
    /// There are too many.
    fn add(&mut self, place: Place, row: Result<Row, (String, String)>) -> Result<(), Error> {
        if self.good.len() + self.bad.len() >= MAX_ROWS {
            let problem = format!("a file has at most {MAX_ROWS} users: send it in parts");
            return Err(Error::invalid("users", problem));
        }
        match row {
            Ok(row) => self.good.push((place, row)),
            Err((field, problem)) if self.bad.len() < MAX_ERRORS => {
                self.bad.push(RowError { place, field, problem });
            }
            Err(_) => {}
        }
        Ok(())
    }
}
