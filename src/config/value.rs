//! JSON as it stands, before anything is expected of it.

use std::borrow::Cow;

use super::ConfigError;

/// What a reader of the contract says, with the path of the field as far as it is known.
pub(super) type Result<T> = std::result::Result<T, ConfigError>;

/// One JSON value. Objects keep their fields as they were written, duplicates as well: [`Fields::of`] refuses them,
/// and so does whoever collects [`entries`]; there is no other way into an object.
pub(super) enum Value<'j> {
    Null,
    Bool(bool),
    /// A whole number that is not negative.
    Whole(u64),
    /// Every other number.
    Number(f64),
    Text(Cow<'j, str>),
    List(Vec<Value<'j>>),
    Object(Vec<(Cow<'j, str>, Value<'j>)>),
}

impl<'j> Value<'j> {
    /// The text.
    pub(super) fn text(self) -> Result<String> {
        match self {
            Self::Text(text) => Ok(text.into_owned()),
            other => Err(other.is_not("a string")),
        }
    }

    /// Whether it is `true`.
    pub(super) fn flag(self) -> Result<bool> {
        match self {
            Self::Bool(flag) => Ok(flag),
            other => Err(other.is_not("a boolean")),
        }
    }

    /// The whole number. Istio keeps JSON numbers as doubles, so `1.7e9` is taken and `1.5` is not.
    pub(super) fn whole(&self) -> Result<u64> {
        match self {
            Self::Whole(number) => Ok(*number),
            // Up to 2^53 a double holds every whole number exactly.
            Self::Number(number)
                if number.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(number) =>
            {
                Ok(*number as u64)
            }
            other => Err(other.is_not("a whole number, not negative")),
        }
    }

    /// The values of the list.
    pub(super) fn list(self) -> Result<Vec<Self>> {
        match self {
            Self::List(values) => Ok(values),
            other => Err(other.is_not("a list")),
        }
    }

    /// The texts of the list.
    pub(super) fn texts(self) -> Result<Vec<String>> {
        let values = self.list()?;
        let mut texts = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            texts.push(value.text().map_err(|error| error.within(&format!("[{index}]")))?);
        }
        Ok(texts)
    }

    fn object(self) -> Result<Vec<(Cow<'j, str>, Self)>> {
        match self {
            Self::Object(pairs) => Ok(pairs),
            other => Err(other.is_not("an object")),
        }
    }

    /// The error says what stands there, not with which content: it may be a secret.
    #[cold]
    fn is_not(&self, expected: &str) -> ConfigError {
        let found = match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Whole(_) | Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        };
        let found = match self {
            Self::Number(number) if number.fract() != 0.0 => "a number with a fraction",
            Self::Number(number) if *number < 0.0 => "a negative number",
            _ => found,
        };
        ConfigError::new("", format_args!("invalid type: {found}, expected {expected}"))
    }
}

/// The fields of an object.
pub(super) struct Fields<'j>(Vec<(Cow<'j, str>, Value<'j>)>);

impl<'j> Fields<'j> {
    /// Those of `value`, which may have `names` alone, and each at most once.
    #[inline(never)]
    pub(super) fn of(value: Value<'j>, names: &[&'static str]) -> Result<Self> {
        let pairs = value.object()?;
        for (place, (key, _)) in pairs.iter().enumerate() {
            if !names.iter().any(|name| name == key) {
                return Err(unknown(key, names));
            }
            if pairs.iter().take(place).any(|(earlier, _)| earlier == key) {
                return Err(ConfigError::new(key.as_ref(), format_args!("duplicate field `{key}`")));
            }
        }
        Ok(Self(pairs))
    }

    /// The value of a field as `read` takes it; none if the field is not given.
    #[inline(never)]
    pub(super) fn take<T>(&mut self, name: &str, read: fn(Value<'j>) -> Result<T>) -> Result<Option<T>> {
        match self.remove(name) {
            Some(value) => read(value).map(Some).map_err(|error| error.within(name)),
            None => Ok(None),
        }
    }

    /// The value of a field that has to be given.
    pub(super) fn want<T>(&mut self, name: &str, read: fn(Value<'j>) -> Result<T>) -> Result<T> {
        self.take(name, read)?.ok_or_else(|| missing(name))
    }

    #[inline(never)]
    fn remove(&mut self, name: &str) -> Option<Value<'j>> {
        let at = self.0.iter().position(|(key, _)| key == name)?;
        Some(self.0.swap_remove(at).1)
    }
}

#[cold]
fn missing(name: &str) -> ConfigError {
    ConfigError::new("", format_args!("missing field `{name}`"))
}

/// A text of any length for an error. None that is right is long, and the beginning of a long one could be that of a token.
fn short(text: &str) -> &str {
    if text.len() > 64 { "…" } else { text }
}

#[cold]
fn unknown(key: &str, names: &[&str]) -> ConfigError {
    let key = short(key);
    let problem = format_args!("unknown field `{key}`, expected one of `{}`", names.join("`, `"));
    ConfigError::new(key, problem)
}

/// The entries of an object with free keys, as they were written: whoever collects them refuses duplicates.
pub(super) fn entries<'j>(value: Value<'j>) -> Result<impl Iterator<Item = (String, Value<'j>)>> {
    Ok(value.object()?.into_iter().map(|(key, value)| (key.into_owned(), value)))
}

/// The one of `choices` that the text names.
pub(super) fn choice<T: Copy>(value: Value<'_>, choices: &[(&'static str, T)]) -> Result<T> {
    let found = match &value {
        Value::Text(text) => choices.iter().find(|(name, _)| name == text),
        _ => None,
    };
    found.map(|(_, choice)| *choice).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        not_among(&value, &names)
    })
}

#[cold]
fn not_among(value: &Value<'_>, names: &[&str]) -> ConfigError {
    let expected = format!("one of `{}`", names.join("`, `"));
    match value {
        Value::Text(text) => {
            ConfigError::new("", format_args!("invalid value: \"{}\", expected {expected}", short(text)))
        }
        other => other.is_not(&expected),
    }
}
