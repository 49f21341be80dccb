//! What is said of a configuration that is refused.

use std::fmt;

/// Longest field path and longest problem that are kept, in characters: both may repeat what somebody sent.
const MAX_SHOWN: usize = 240;
/// A run of letters and digits from this length on may be the body of a token in the wrong place, and is not shown.
const MAX_RUN: usize = 32;

/// A configuration was refused whole: the field at fault, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The path of the field, such as `tokens[3].sha256`; empty when the whole text is no JSON.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl ConfigError {
    /// An error at `field`. What is shown of either is safe for a log: one line, bounded, and without anything that
    /// could be a token.
    #[cold]
    pub fn new(field: impl AsRef<str>, problem: impl fmt::Display) -> Self {
        Self::of(field.as_ref(), &problem)
    }

    /// Not generic: errors are made in a hundred places.
    #[cold]
    #[inline(never)]
    fn of(field: &str, problem: &dyn fmt::Display) -> Self {
        Self { field: presentable(field), problem: presentable(&problem.to_string()) }
    }

    /// The same error, one level further out: `[3].sha256` within `tokens`.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn within(mut self, outer: &str) -> Self {
        let joint = if self.field.is_empty() || self.field.starts_with('[') { "" } else { "." };
        self.field = format!("{}{joint}{}", presentable(outer), self.field);
        self
    }
}

/// One line of bounded length, with control characters escaped and long runs of letters and digits left out.
#[inline(never)]
fn presentable(text: &str) -> String {
    let mut shown = String::new();
    let mut run = String::new();
    let cut = text.char_indices().nth(MAX_SHOWN).map_or(text.len(), |(at, _)| at);
    let (kept, rest) = text.split_at_checked(cut).unwrap_or((text, ""));
    // A run that goes on behind the cut is as long as it is, however little of it is left.
    let beyond = rest.chars().take_while(char::is_ascii_alphanumeric).count();
    for c in kept.chars().map(Some).chain(std::iter::once(None)) {
        if let Some(c) = c.filter(char::is_ascii_alphanumeric) {
            run.push(c);
            continue;
        }
        let beyond = if c.is_none() { beyond } else { 0 };
        // An escape ends with a letter, which what follows would join.
        let before = shown.bytes().rev().take_while(u8::is_ascii_alphanumeric).count();
        let length = before.saturating_add(run.len()).saturating_add(beyond);
        shown.push_str(if run.is_empty() || length < MAX_RUN { &run } else { "…" });
        run.clear();
        match c {
            Some(c) if c.is_control() => shown.extend(c.escape_default()),
            Some(c) => shown.push(c),
            None => {}
        }
    }
    shown
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.problem)
        } else {
            write!(f, "{}: {}", self.field, self.problem)
        }
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_one_bounded_line_without_tokens() {
        let token = "gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M";
        let error =
            ConfigError::new(format!("scopes.{token}"), format_args!("no scope \"{token}\"\nINFO: fine"));
        assert_eq!(error.to_string(), "scopes.gp_…: no scope \"gp_…\"\\nINFO: fine");
        for dashes in 190..245 {
            let cut = ConfigError::new("", format_args!("{}{token}", "-".repeat(dashes)));
            assert!(!cut.problem.contains("gp_0"), "{}", cut.problem);
        }
        let tabbed = ConfigError::new("", format_args!("\t{}", "s".repeat(MAX_RUN - 1)));
        assert_eq!(tabbed.problem, "\\t…", "with the letter of an escape it is a run, too");
        assert_eq!(
            ConfigError::new("", "a\0b").problem,
            "a\\u{0}b",
            "and what ends a string elsewhere is shown"
        );
        assert!(ConfigError::new("x", "a b ".repeat(100_000)).problem.len() <= MAX_SHOWN);
        assert_eq!(
            ConfigError::new("tokens[3].sha256", "a plain sentence").to_string(),
            "tokens[3].sha256: a plain sentence"
        );
    }
}
