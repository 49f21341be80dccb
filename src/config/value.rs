//! JSON as it stands, before anything is expected of it.

use std::borrow::Cow;

use super::ConfigError;

/// What a reader of the contract says, with the path of the field as far as it is known.
pub(super) type Result<T> = std::result::Result<T, ConfigError>;

/// One JSON value. Objects keep their fields as they were written, duplicates as well: [`fields`] and [`entries`]
/// refuse them, and there is no other way into an object.
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
    pub(super) fn flag(&self) -> Result<bool> {
        match self {
            Self::Bool(flag) => Ok(*flag),
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
        let mut texts = Vec::new();
        for (index, value) in self.list()?.into_iter().enumerate() {
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

/// A field of an object: its name, and its value if the field is given.
pub(super) struct Field<'j> {
    name: &'static str,
    value: Option<Value<'j>>,
}

impl<'j> Field<'j> {
    /// Its value as `read` takes it; none if the field is not given.
    pub(super) fn read<T>(self, read: impl FnOnce(Value<'j>) -> Result<T>) -> Result<Option<T>> {
        let name = self.name;
        self.value.map(read).transpose().map_err(|error| error.within(name))
    }

    /// Its value as `read` takes it. The field has to be given.
    pub(super) fn wanted<T>(self, read: impl FnOnce(Value<'j>) -> Result<T>) -> Result<T> {
        let name = self.name;
        self.read(read)?.ok_or_else(|| ConfigError::new("", format_args!("missing field `{name}`")))
    }
}

/// The fields of an object in the order of `names`, which are all that it may have. Each is given at most once.
pub(super) fn fields<'j, const N: usize>(
    value: Value<'j>,
    names: [&'static str; N],
) -> Result<[Field<'j>; N]> {
    let mut fields = names.map(|name| Field { name, value: None });
    fill(value, &mut fields)?;
    Ok(fields)
}

fn fill<'j>(value: Value<'j>, fields: &mut [Field<'j>]) -> Result<()> {
    for (key, value) in value.object()? {
        let Some(field) = fields.iter_mut().find(|field| field.name == key) else {
            return Err(unknown(&key, fields));
        };
        if field.value.is_some() {
            return Err(ConfigError::new(key.as_ref(), format_args!("duplicate field `{key}`")));
        }
        field.value = Some(value);
    }
    Ok(())
}

fn unknown(key: &str, fields: &[Field<'_>]) -> ConfigError {
    let known: Vec<&str> = fields.iter().map(|field| field.name).collect();
    let problem = format_args!("unknown field `{key}`, expected one of {}", in_ticks(&known));
    ConfigError::new(key, problem)
}

/// The entries of an object with free keys, in their order, each key once.
pub(super) fn entries<'j>(value: Value<'j>) -> Result<Vec<(String, Value<'j>)>> {
    let mut entries: Vec<(String, Value<'j>)> =
        value.object()?.into_iter().map(|(key, value)| (key.into_owned(), value)).collect();
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    for pair in entries.windows(2) {
        if let [(one, _), (other, _)] = pair
            && one == other
        {
            return Err(ConfigError::new("", format_args!("duplicate key `{one}`")));
        }
    }
    Ok(entries)
}

/// The one of `choices` that the text names.
pub(super) fn choice<T: Copy>(value: Value<'_>, choices: &[(&'static str, T)]) -> Result<T> {
    let names = || in_ticks(&choices.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    match &value {
        Value::Text(text) => {
            choices.iter().find(|(name, _)| name == text).map(|(_, choice)| *choice).ok_or_else(|| {
                ConfigError::new("", format_args!("invalid value: {text:?}, expected one of {}", names()))
            })
        }
        other => Err(other.is_not(&format!("one of {}", names()))),
    }
}

fn in_ticks(names: &[&str]) -> String {
    format!("`{}`", names.join("`, `"))
}
