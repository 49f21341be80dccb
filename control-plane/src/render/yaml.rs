//! JSON values as YAML that every parser reads in one way, be it of YAML 1.1 or 1.2: a text is quoted unless it can be
//! nothing else.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// Words that some parser takes for a boolean or for nothing.
const WORDS: [&str; 10] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan"];

/// Several documents in one file, behind a comment of one line each.
pub(super) fn documents(documents: &[(String, Value)]) -> String {
    let written = documents.iter().map(|(comment, value)| format!("# {comment}\n{}", document(value)));
    written.collect::<Vec<_>>().join("---\n")
}

/// One document, in block style; what fits on a line of its own is on one.
fn document(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, 0, value);
    text
}

fn block(text: &mut String, indent: usize, value: &Value) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let _ = write!(text, "{:indent$}{}:", "", scalar(name));
                field(text, indent, value);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let mut lines = String::new();
                if is_flat(item) {
                    let _ = writeln!(lines, "{:indent$}  {}", "", flow(item));
                } else {
                    block(&mut lines, indent + 2, item);
                }
                let _ = write!(text, "{:indent$}-{}", "", lines.get(indent + 1..).unwrap_or_default());
            }
        }
        other => {
            let _ = writeln!(text, "{:indent$}{}", "", flow(other));
        }
    }
}

/// What stands behind the name of a field.
fn field(text: &mut String, indent: usize, value: &Value) {
    match value {
        Value::String(lines) if is_block(lines) => {
            text.push_str(" |\n");
            for line in lines.lines() {
                let _ = writeln!(text, "{:indent$}  {line}", "");
            }
        }
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            block(text, indent + 2, value);
        }
        Value::Array(items) if items.iter().any(|item| item.is_object() || item.is_array()) => {
            text.push('\n');
            block(text, indent, value);
        }
        other => {
            let _ = writeln!(text, " {}", flow(other));
        }
    }
}

/// Lines that a literal block keeps as they are.
fn is_block(lines: &str) -> bool {
    let printable = |byte: u8| byte == b'\n' || (b' '..=b'~').contains(&byte);
    lines.ends_with('\n')
        && !lines.starts_with([' ', '\n'])
        && !lines.ends_with("\n\n")
        && lines.bytes().all(printable)
}

/// Whether it is, or holds, nothing but scalars and lists of them.
fn is_flat(value: &Value) -> bool {
    let is_scalar = |value: &Value| !value.is_object() && !value.is_array();
    let is_row =
        |value: &Value| value.as_array().map_or(is_scalar(value), |items| items.iter().all(is_scalar));
    value.as_object().map_or(is_row(value), |fields| fields.values().all(is_row))
}

fn flow(value: &Value) -> String {
    match value {
        Value::Object(fields) => format!("{{{}}}", pairs(fields)),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::String(text) => scalar(text),
        other => other.to_string(),
    }
}

fn pairs(fields: &Map<String, Value>) -> String {
    let pairs = fields.iter().map(|(name, value)| format!("{}: {}", scalar(name), flow(value)));
    pairs.collect::<Vec<_>>().join(", ")
}

fn scalar(text: &str) -> String {
    let may_follow = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/');
    let is_word = text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(may_follow);
    if is_word && !WORDS.contains(&text.to_ascii_lowercase().as_str()) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// A double-quoted scalar (YAML 1.2 §7.3.1). YAML knows no surrogate pairs, and takes some characters for line breaks.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ if c.is_alphanumeric() => quoted.push(c),
            _ if u32::from(c) <= 0xffff => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            _ => {
                let _ = write!(quoted, "\\U{:08x}", u32::from(c));
            }
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_lines_and_what_is_flat_is_one_line() {
        let value = json!({
            "a": {"b": {"c": 1, "d": []}, "e": ["x", "y z"]},
            "list": [{"id": "t1", "ips": ["10.0.0.0/8"]}, {"deep": {"er": true}, "f": null}, [1, 2]],
            "lines": "one\n  two\n",
        });
        let expected = "a:\n  b:\n    c: 1\n    d: []\n  e: [x, \"y z\"]\n\
                        lines: |\n  one\n    two\n\
                        list:\n- {id: t1, ips: [\"10.0.0.0/8\"]}\n- deep:\n    er: true\n  f: null\n- [1, 2]\n";
        assert_eq!(document(&value), expected);
    }

    #[test]
    fn a_text_that_could_be_something_else_is_quoted() {
        for (text, written) in [
            ("AUTHN", "AUTHN"),
            ("extensions.istio.io/v1alpha1", "extensions.istio.io/v1alpha1"),
            ("17", "\"17\""),
            ("1e3", "\"1e3\""),
            ("off", "\"off\""),
            ("No", "\"No\""),
            ("", "\"\""),
            ("a: b", "\"a: b\""),
            ("a\"\\\n", "\"a\\\"\\\\\\u000a\""),
            ("Zoë", "\"Zoë\""),
            ("a\u{2028}\u{85}b", "\"a\\u2028\\u0085b\""),
            ("\u{1f600}", "\"\\U0001f600\""),
        ] {
            assert_eq!(scalar(text), written);
        }
    }
}
