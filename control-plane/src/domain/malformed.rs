//! The parser's errors in the words of a person who sent a field, without repeating the value: it may be a secret.

/// Which field is malformed, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The field's path; empty for the whole.
    pub field: String,
    /// What would be right.
    pub problem: String,
}

impl Malformed {
    /// From the path and the text of a parser's error.
    pub fn new(path: &str, error: &impl std::fmt::Display) -> Self {
        let text = error.to_string();
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        let path = if path == "." { "" } else { path };
        if let Some(name) = name_after("missing field ", text) {
            return Self { field: below(path, name), problem: "is required".to_owned() };
        }
        if let Some(name) = name_after("duplicate field ", text) {
            return Self { field: below(path, name), problem: "is given twice".to_owned() };
        }
        let problem = match text.rsplit_once(", expected ") {
            Some((found, expected)) if found.starts_with("unknown field") => {
                format!("is unknown; known: {}", expected.trim_start_matches("one of "))
            }
            Some((_, expected)) => format!("must be {}", in_words_of_json(expected)),
            None if name_after("duplicate key ", text).is_some() => "has a duplicate key".to_owned(),
            None if text.ends_with("hex escape") => "has a \\u escape that is no character".to_owned(),
            None => text.to_owned(),
        };
        Self { field: path.to_owned(), problem }
    }
}

fn name_after<'a>(start: &str, text: &'a str) -> Option<&'a str> {
    text.strip_prefix(start)?.strip_prefix('`')?.strip_suffix('`')
}

fn below(path: &str, name: &str) -> String {
    let joint = if path.is_empty() { "" } else { "." };
    format!("{path}{joint}{name}")
}

/// What was expected, for people who write JSON and not Rust.
fn in_words_of_json(expected: &str) -> String {
    match expected {
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "u32" => format!("a whole number from 0 to {}", u32::MAX),
        "u64" => "a whole number, not negative".to_owned(),
        other if other.starts_with("struct ") => "an object".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_repeated() {
        for (path, text, field, problem) in [
            (
                "a",
                "unknown variant `secret`, expected one of `b`, `c` at line 1 column 2",
                "a",
                "must be one of `b`, `c`",
            ),
            ("a", "invalid type: string \"secret\", expected a boolean", "a", "must be true or false"),
            (
                "a",
                "invalid type: string \", expected secret\", expected a boolean",
                "a",
                "must be true or false",
            ),
            (".", "missing field `b` at line 1 column 2", "b", "is required"),
            ("a[0]", "missing field `b`", "a[0].b", "is required"),
            ("a", "unknown field `a`, expected one of `b`, `c`", "a", "is unknown; known: `b`, `c`"),
            (".", "duplicate field `secret`", "secret", "is given twice"),
            ("a", "duplicate key `secret`", "a", "has a duplicate key"),
            ("a", "invalid type: null, expected struct A with 2 elements", "a", "must be an object"),
            (
                "a",
                "invalid value: integer `-1`, expected u32",
                "a",
                "must be a whole number from 0 to 4294967295",
            ),
            ("a", "invalid value: integer `-1`, expected u64", "a", "must be a whole number, not negative"),
            (".", "EOF while parsing an object at line 1 column 1", "", "EOF while parsing an object"),
        ] {
            let expected = Malformed { field: field.to_owned(), problem: problem.to_owned() };
            assert_eq!(Malformed::new(path, &text), expected, "{text}");
        }
    }
}
