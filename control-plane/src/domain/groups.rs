//! The groups that a person is in.

use serde::{Deserialize, Serialize};

use super::text;
use gatepass::token::Prefix;

/// Most groups of one person.
pub const MAX_GROUPS: usize = 64;
/// Longest name of a group, in characters.
pub const MAX_NAME: usize = 128;

/// Names of groups, sorted, each once. They are compared exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>")]
pub struct Groups(Vec<String>);

impl From<Vec<String>> for Groups {
    fn from(mut names: Vec<String>) -> Self {
        names.sort_unstable();
        names.dedup();
        Self(names)
    }
}

impl Groups {
    /// The names.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// Checks number and names.
    ///
    /// # Errors
    /// What they should look like.
    pub fn check(&self, prefixes: &[Prefix]) -> Result<(), String> {
        if self.0.len() > MAX_GROUPS {
            return Err(format!("must be at most {MAX_GROUPS} names"));
        }
        for name in &self.0 {
            text::check(name, prefixes)?;
            if name.chars().count() > MAX_NAME || name.trim() != name || name.contains(';') {
                return Err(format!(
                    "must be names of 1 to {MAX_NAME} characters without semicolons and outer spaces"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> Groups {
        names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().into()
    }

    #[test]
    fn groups_are_a_set() {
        assert_eq!(groups(&["b", "a", "b"]), groups(&["a", "b"]));
        assert_eq!(groups(&["b", "a"]).names(), ["a", "b"]);
    }

    #[test]
    fn their_names_can_stand_in_a_list_with_semicolons() {
        let prefixes = [Prefix::default()];
        let many: Vec<_> = (0..=MAX_GROUPS).map(|number| number.to_string()).collect();
        assert!(groups(&["team blue", "ops:admins", &"ü".repeat(128)]).check(&prefixes).is_ok());
        assert!(Groups::from(many[1..].to_vec()).check(&prefixes).is_ok());
        assert!(Groups::from(many).check(&prefixes).is_err());
        for bad in ["", " a", "a;b", "a\n", &"a".repeat(129), "gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M"] {
            assert!(groups(&[bad]).check(&prefixes).is_err(), "{bad}");
        }
    }
}
