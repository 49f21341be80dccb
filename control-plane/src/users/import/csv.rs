//! Users from CSV with a header. Groups are separated by semicolons. An empty cell empties what may be empty, and leaves
//! role and active as they are.

use csv::{ErrorKind, ReaderBuilder, StringRecord};

use super::{Row, Rows};
use crate::domain::groups::Groups;
use crate::domain::user::Role;
use crate::error::{Error, Place, RowError, RowErrors};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Name,
    Role,
    Active,
    DisplayName,
    Email,
    Groups,
}

const COLUMNS: [(&str, Column); 6] = [
    ("name", Column::Name),
    ("role", Column::Role),
    ("active", Column::Active),
    ("display_name", Column::DisplayName),
    ("email", Column::Email),
    ("groups", Column::Groups),
];

/// The rows of `file`.
///
/// # Errors
/// The header is wrong, or there are too many users.
pub(super) fn read(file: &[u8]) -> Result<Rows, Error> {
    // Spreadsheets write a byte order mark.
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let mut reader = ReaderBuilder::new().from_reader(file);
    let header = reader.headers().map_err(|error| whole(&error))?;
    let columns = columns(header)?;
    let mut rows = Rows::default();
    let mut lines = Lines { rest: file, at: 0, line: 1 };
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => return Ok(rows),
            Ok(true) => rows.add(lines.place(record.position()), row(&columns, &record))?,
            Err(error) => {
                rows.add(lines.place(error.position()), Err((String::new(), problem(&error))))?;
                if error.is_io_error() {
                    return Ok(rows);
                }
            }
        }
    }
}

/// Counts lines: the reader's own count is behind where lines end with CR and LF, or are empty.
struct Lines<'a> {
    rest: &'a [u8],
    at: u64,
    line: u64,
}

impl Lines<'_> {
    /// The line in which a row begins that was found at `position`, perhaps behind line ends.
    fn place(&mut self, position: Option<&csv::Position>) -> Place {
        let begin = position.map_or(self.at, csv::Position::byte);
        while let [byte, rest @ ..] = self.rest {
            if self.at >= begin && !matches!(byte, b'\r' | b'\n') {
                break;
            }
            let ends = *byte == b'\n' || (*byte == b'\r' && rest.first() != Some(&b'\n'));
            self.line += u64::from(ends);
            self.at += 1;
            self.rest = rest;
        }
        Place::Line(self.line)
    }
}

fn whole(error: &csv::Error) -> Error {
    at_header(String::new(), problem(error))
}

fn at_header(field: String, problem: String) -> Error {
    Error::Rows(RowErrors(vec![RowError { place: Place::Line(1), field, problem }]))
}

/// What is wrong, without the cells.
fn problem(error: &csv::Error) -> String {
    match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("has {len} cells, and the header has {expected_len}")
        }
        ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
        _ => "is not CSV".to_owned(),
    }
}

fn columns(header: &StringRecord) -> Result<Vec<Column>, Error> {
    let known = || COLUMNS.map(|(name, _)| name).join(", ");
    let mut columns = Vec::new();
    for (index, cell) in header.iter().enumerate() {
        let found = COLUMNS.iter().find(|(name, _)| *name == cell.trim());
        let (name, column) = found.ok_or_else(|| {
            at_header(format!("column {}", index + 1), format!("is unknown; known: {}", known()))
        })?;
        if columns.contains(column) {
            return Err(at_header((*name).to_owned(), "is given twice".to_owned()));
        }
        columns.push(*column);
    }
    if columns.contains(&Column::Name) {
        return Ok(columns);
    }
    Err(at_header(
        "name".to_owned(),
        format!("the first line names the columns, `name` among them: {}", known()),
    ))
}

fn row(columns: &[Column], record: &StringRecord) -> Result<Row, (String, String)> {
    let mut row = Row::default();
    for (column, cell) in columns.iter().zip(record) {
        let cell = cell.trim();
        let text = || Some(cell.to_owned()).filter(|text| !text.is_empty());
        match column {
            Column::Name => row.name = text(),
            Column::Role => row.role = role(cell)?,
            Column::Active => row.active = active(cell)?,
            Column::DisplayName => row.display_name = Some(text()),
            Column::Email => row.email = Some(text()),
            Column::Groups => row.groups = Some(groups(cell)),
        }
    }
    Ok(row)
}

fn role(cell: &str) -> Result<Option<Role>, (String, String)> {
    if cell.is_empty() {
        return Ok(None);
    }
    let wrong = || ("role".to_owned(), "must be one of `user`, `token_manager`, `admin`".to_owned());
    Role::from_name(cell).map(Some).ok_or_else(wrong)
}

fn active(cell: &str) -> Result<Option<bool>, (String, String)> {
    match cell.to_ascii_lowercase().as_str() {
        "" => Ok(None),
        "true" => Ok(Some(true)),
        "false" => Ok(Some(false)),
        _ => Err(("active".to_owned(), "must be true or false".to_owned())),
    }
}

fn groups(cell: &str) -> Groups {
    let names = cell.split(';').map(str::trim).filter(|name| !name.is_empty());
    names.map(str::to_owned).collect::<Vec<_>>().into()
}
