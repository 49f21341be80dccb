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
        if let Some(name) = text.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
            let joint = if path.is_empty() { "" } else { "." };
            return Self { field: format!("{path}{joint}{name}"), problem: "is required".to_owned() };
        }
        let problem = match text.rsplit_once(", expected ") {
            Some((found, expected)) if found.starts_with("unknown field") => {
                format!("is unknown; known: {}", expected.trim_start_matches("one of "))
            }
            Some((_, expected)) => format!("must be {expected}"),
            None => text.to_owned(),
        };
        Self { field: path.to_owned(), problem }
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
            ("a", "invalid type: string \"secret\", expected a boolean", "a", "must be a boolean"),
            ("a", "invalid type: string \", expected secret\", expected a boolean", "a", "must be a boolean"),
            (".", "missing field `b` at line 1 column 2", "b", "is required"),
            ("a[0]", "missing field `b`", "a[0].b", "is required"),
            ("a", "unknown field `a`, expected one of `b`, `c`", "a", "is unknown; known: `b`, `c`"),
            (".", "EOF while parsing an object at line 1 column 1", "", "EOF while parsing an object"),
        ] {
            let expected = Malformed { field: field.to_owned(), problem: problem.to_owned() };
            assert_eq!(Malformed::new(path, &text), expected, "{text}");
        }
    }
}
