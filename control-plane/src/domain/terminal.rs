//! Text that came from elsewhere, made harmless to a terminal and to a reader's eye.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// `text` with every control and format character as its escape (`\u001b`): none moves a cursor, sets a title or turns
/// round what is shown. Inside a JSON text the result means what it meant.
pub fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_visible(c) {
            shown.push(c);
        } else {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    shown
}

/// The same for JSON, whose own line ends and tabs between values stay: it means what it meant.
pub fn harmless_json(json: &str) -> String {
    let lines = json.split_inclusive(['\n', '\r', '\t']).map(|piece| {
        let text = piece.trim_end_matches(['\n', '\r', '\t']);
        // Inside a JSON text no such character stands as it is (RFC 8259 §7).
        harmless(text) + piece.get(text.len()..).unwrap_or_default()
    });
    lines.collect()
}

fn is_visible(c: char) -> bool {
    !matches!(
        c.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown_and_not_done() {
        for (text, shown) in [
            ("nightly ✓ é", "nightly ✓ é"),
            ("\u{1b}[2J", "\\u001b[2J"),
            ("a\u{9b}31m", "a\\u009b31m"),
            ("a\u{7f}\r\n\t", "a\\u007f\\u000d\\u000a\\u0009"),
            ("\u{202e}nimda", "\\u202enimda"),
            ("a\u{e0041}b", "a\\udb40\\udc41b"),
            ("a\u{2028}b", "a\\u2028b"),
            ("\u{1b}]0;x\u{7}", "\\u001b]0;x\\u0007"),
        ] {
            assert_eq!(harmless(text), shown);
        }
    }

    #[test]
    fn json_means_the_same_afterwards() {
        let value = serde_json::json!({"a\u{202e}": "b\u{9b}\u{e0041}\u{1b}\n"});
        let shown = harmless(&value.to_string());
        assert!(shown.is_ascii());
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        let pretty = harmless_json(&format!("{value:#}\r\n\t"));
        assert!(pretty.is_ascii() && pretty.contains("{\n  "), "{pretty}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&pretty).unwrap(), value);
    }
}
