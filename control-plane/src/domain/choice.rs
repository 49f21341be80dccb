//! Values that are one of a few names: written as strings, and as nothing else.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// Reads one of `choices`, each by the name that `name` gives it.
///
/// serde's derive would also take an object for a name, and tell of `null` that it expected some value.
///
/// # Errors
/// It is none of them.
pub fn read<'de, D: Deserializer<'de>, T: Copy>(
    deserializer: D,
    choices: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(Choice { choices, name })
}

/// Reads a given value, so that `null` is not taken for a missing one.
///
/// # Errors
/// It is no value of the type.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

struct Choice<'a, T> {
    choices: &'a [T],
    name: fn(T) -> &'static str,
}

impl<T: Copy> Visitor<'_> for Choice<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.choices.iter().map(|choice| format!("`{}`", (self.name)(*choice))).collect();
        write!(f, "one of {}", names.join(", "))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        let found = self.choices.iter().copied().find(|choice| (self.name)(*choice) == text);
        found.ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}
