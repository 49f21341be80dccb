//! Tables for people, in columns of a terminal.

use std::fmt::Write as _;

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::domain::terminal::harmless;

/// Rows under a head.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with nothing under these names of columns.
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|&name| name.to_owned()).collect()] }
    }

    /// One more row, of as many cells as there are columns.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| harmless(&cell)).collect());
    }

    /// The lines. Columns are as wide as the widest cell looks (Unicode Standard Annex 11).
    pub fn render(&self) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                let padding = width.saturating_sub(cell.width());
                let _ = write!(line, "{cell}{:padding$}  ", "");
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// Names and values of one thing, below each other.
pub fn fields<'a>(fields: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut table = Table { rows: Vec::new() };
    for (name, value) in fields {
        table.row([name.to_owned(), value]);
    }
    table.render()
}

/// A value of an answer as a person reads it: nothing is `-`, several are separated by commas.
pub fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_they_look_and_nothing_steers_the_terminal() {
        let mut table = Table::new(&["USER", "FOR"]);
        table.row(["東京".to_owned(), "a".to_owned()]);
        table.row(["e\u{301}ric".to_owned(), "\u{1b}]0;x\u{7}\u{202e}b".to_owned()]);
        table.row(["fred".to_owned(), String::new()]);
        assert_eq!(
            table.render(),
            "USER  FOR\n東京  a\ne\u{301}ric  \\u001b]0;x\\u0007\\u202eb\nfred\n",
            "all but the last column are four wide"
        );
    }

    #[test]
    fn values_are_shown_as_people_read_them() {
        for (value, shown) in [
            (serde_json::json!(null), "-"),
            (serde_json::json!(""), "-"),
            (serde_json::json!([]), "-"),
            (serde_json::json!(true), "yes"),
            (serde_json::json!(["a", "b"]), "a, b"),
            (serde_json::json!(3), "3"),
            (serde_json::json!({"a": 1}), "{\"a\":1}"),
        ] {
            assert_eq!(plain(&value), shown);
        }
    }
}
