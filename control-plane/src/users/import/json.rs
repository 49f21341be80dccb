//! Users from JSON: `{"users": [{"name": "fred", "role": "user"}]}`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Row, Rows};
use crate::domain::malformed::Malformed;
use crate::error::{Error, Place};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(borrow)]
    users: Vec<&'a RawValue>,
}

/// The rows of `file`.
///
/// # Errors
/// It is no such object, or has too many users.
pub(super) fn read(file: &[u8]) -> Result<Rows, Error> {
    // serde's derive would also take an array, its values for the fields by position.
    if file.trim_ascii_start().first() != Some(&b'{') {
        return Err(Error::invalid("", "the body must be a JSON object with a list `users`"));
    }
    let file: File<'_> = serde_json::from_slice(file).map_err(|error| {
        if error.is_data() {
            return Error::from(Malformed::new("users", &error));
        }
        Error::invalid("", format!("the body is not JSON: line {}, column {}", error.line(), error.column()))
    })?;
    let mut rows = Rows::default();
    for (index, text) in file.users.into_iter().enumerate() {
        rows.add(Place::Item(index), row(text.get()))?;
    }
    Ok(rows)
}

fn row(text: &str) -> Result<Row, (String, String)> {
    if !text.starts_with('{') {
        return Err((String::new(), "must be an object".to_owned()));
    }
    let mut parser = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let Malformed { field, problem } = Malformed::new(&error.path().to_string(), error.inner());
        (field, problem)
    })
}
