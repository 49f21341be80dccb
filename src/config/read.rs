//! The JSON of a plugin configuration → its wire type: the one reader of the contract, for the filter and for everybody
//! who writes for it.
//!
//! The parser is serde_json's. What it finds becomes a [`Value`] and is taken apart by hand: by `serde`'s derive the
//! same rules are a third of the module's code, and an error does not know its field.

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::ConfigError;
use super::value::{Fields, Result, Value, choice, entries};
use super::wire::{
    IdentityHeaders, Integer, Mode, PluginConfiguration, Report, ScopeRule, Settings, StatedRefusal, Token,
    UniqueMap,
};
use crate::{address, policy, table};

const TOKENS: &str = "tokens";

/// There are fewer values than this beside the tokens, names of fields counted in: what is made of each is many times its bytes, and all are
/// there before any is looked at.
pub(crate) const MAX_VALUES: usize = 65_536;
/// And fewer than this in a token: twice as many as its longest list has.
const MAX_TOKEN_VALUES: usize = 2 * address::MAX_ENTRIES;
const TOO_MANY_VALUES: &str =
    "fewer than 65536 values are possible beside the tokens, and fewer than 2048 in a token";
/// The bound on what tokens' lists hold together.
pub(crate) const TOO_MANY_ADDRESSES: &str = "all allowed_ips of tokens together have at most 1000000 entries";

impl PluginConfiguration {
    /// Reads the JSON of a configuration: its form alone, not yet what it says.
    ///
    /// # Errors
    /// The first field at fault; line and column where the text is no JSON.
    pub fn from_json(json: &[u8]) -> std::result::Result<Self, ConfigError> {
        Self::from_json_into(Vec::new(), json)
    }

    /// The same, with the tokens put into `tokens`, which is empty.
    pub(crate) fn from_json_into(tokens: Vec<Token>, json: &[u8]) -> std::result::Result<Self, ConfigError> {
        let mut parser = serde_json::Deserializer::from_slice(json);
        read(tokens, &mut parser)
            .and_then(|read| parser.end().map(|()| read))
            .unwrap_or_else(|error| Err(ConfigError::new("", error)))
    }
}

/// For whoever has JSON in another form than bytes: by the same reader.
impl<'de> Deserialize<'de> for PluginConfiguration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        read(Vec::new(), deserializer)?.map_err(de::Error::custom)
    }
}

/// The outer error is the parser's, the inner one says which field is wrong.
fn read<'j, D: Deserializer<'j>>(
    tokens: Vec<Token>,
    deserializer: D,
) -> std::result::Result<Result<PluginConfiguration>, D::Error> {
    let mut listed = Listed { tokens, addresses: 0, error: None, values: MAX_VALUES };
    let whole = Reader { place: Place::Top, listed: &mut listed }.deserialize(deserializer)?;
    Ok(configuration(whole, listed))
}

/// The tokens, of which there may be a million: each is read before the next one is parsed.
struct Listed {
    tokens: Vec<Token>,
    /// In all their lists together.
    addresses: usize,
    error: Option<ConfigError>,
    /// How many values there may still be, beside the tokens or in one of them. With none left the rest is parsed and
    /// nothing of it kept.
    values: usize,
}

impl Listed {
    fn push(&mut self, index: usize, value: Value<'_>) {
        // After an error the rest is still parsed: a text that is no JSON is no list of tokens at all.
        if self.error.is_some() {
            return;
        }
        let read = if self.values == 0 { Err(too_many_values()) } else { token(value) };
        match read {
            Ok(token) => {
                self.addresses = self.addresses.saturating_add(token.allowed_ips.len());
                self.tokens.push(token);
            }
            Err(error) => self.error = Some(error.within(&format!("{TOKENS}[{index}]"))),
        }
        if self.addresses > table::MAX_IPS {
            self.error = Some(ConfigError::new(TOKENS, TOO_MANY_ADDRESSES));
        } else if self.tokens.len() > policy::MAX_TOKENS {
            self.error = Some(policy::too_many_tokens());
        }
    }
}

/// Where in the text a value stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is the whole text.
    Top,
    /// It is the whole text's field `tokens`.
    Tokens,
    /// It lies deeper, or beside.
    Within,
}

/// Makes a [`Value`] of whatever comes. A list of tokens leaves an empty one, and its tokens in `listed`.
struct Reader<'l> {
    place: Place,
    listed: &'l mut Listed,
}

impl Reader<'_> {
    fn at(&mut self, place: Place) -> Reader<'_> {
        Reader { place, listed: self.listed }
    }
}

impl<'j> DeserializeSeed<'j> for Reader<'_> {
    type Value = Value<'j>;

    fn deserialize<D: Deserializer<'j>>(self, deserializer: D) -> std::result::Result<Value<'j>, D::Error> {
        self.listed.values = self.listed.values.saturating_sub(1);
        deserializer.deserialize_any(self)
    }
}

impl<'j> Visitor<'j> for Reader<'_> {
    type Value = Value<'j>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> std::result::Result<Value<'j>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> std::result::Result<Value<'j>, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_u64<E>(self, number: u64) -> std::result::Result<Value<'j>, E> {
        Ok(Value::Whole(number))
    }

    fn visit_i64<E>(self, number: i64) -> std::result::Result<Value<'j>, E> {
        Ok(Value::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> std::result::Result<Value<'j>, E> {
        Ok(Value::Number(number))
    }

    fn visit_borrowed_str<E>(self, text: &'j str) -> std::result::Result<Value<'j>, E> {
        Ok(Value::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> std::result::Result<Value<'j>, E> {
        Ok(Value::Text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'j>>(mut self, mut list: A) -> std::result::Result<Value<'j>, A::Error> {
        let mut values = Vec::new();
        let mut index = 0_usize;
        let beside = self.listed.values;
        if self.place == Place::Tokens {
            self.listed.values = MAX_TOKEN_VALUES;
        }
        while let Some(value) = list.next_element_seed(self.at(Place::Within))? {
            if self.place == Place::Tokens {
                self.listed.push(index, value);
                self.listed.values = MAX_TOKEN_VALUES;
            } else if self.listed.values > 0 {
                values.push(value);
            }
            index = index.saturating_add(1);
        }
        if self.place == Place::Tokens {
            self.listed.values = beside;
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'j>>(mut self, mut map: A) -> std::result::Result<Value<'j>, A::Error> {
        let mut pairs = Vec::new();
        while let Some(key) = map.next_key_seed(self.at(Place::Within))? {
            let Value::Text(key) = key else { continue };
            let tokens = self.place == Place::Top && key == TOKENS;
            let place = if tokens { Place::Tokens } else { Place::Within };
            let value = map.next_value_seed(self.at(place))?;
            if self.listed.values > 0 {
                pairs.push((key, value));
            }
        }
        Ok(Value::Object(pairs))
    }
}

fn too_many_values() -> ConfigError {
    ConfigError::new("", TOO_MANY_VALUES)
}

fn configuration(value: Value<'_>, listed: Listed) -> Result<PluginConfiguration> {
    let names = ["version", "epoch", "revision", "settings", "scopes", TOKENS, "token_set", "report"];
    if listed.values == 0 {
        return Err(too_many_values());
    }
    let mut fields = Fields::of(value, &names)?;
    // Where a list stood there is an empty one now.
    let tokens = match (fields.take(TOKENS, Value::list)?, listed.error) {
        (Some(_), Some(error)) => return Err(error),
        (Some(_), None) => Some(listed.tokens),
        (None, _) => None,
    };
    Ok(PluginConfiguration {
        version: fields.want("version", whole)?,
        epoch: fields.take("epoch", Value::text)?.unwrap_or_default(),
        revision: fields.want("revision", Value::text)?,
        settings: fields.take("settings", settings)?.unwrap_or_default(),
        scopes: fields.take("scopes", scopes)?.unwrap_or_default(),
        tokens,
        token_set: fields.take("token_set", Value::text)?,
        report: fields.take("report", report)?,
    })
}

fn settings(value: Value<'_>) -> Result<Settings> {
    let names = [
        "anonymous",
        "password_auth",
        "foreign_credentials",
        "allowed_ips",
        "protected_paths",
        "identity_headers",
        "forward_authorization",
        "token_headers",
        "token_prefixes",
    ];
    let mut fields = Fields::of(value, &names)?;
    let default = Settings::default();
    Ok(Settings {
        anonymous: fields.take("anonymous", mode)?.unwrap_or(default.anonymous),
        password_auth: fields.take("password_auth", mode)?.unwrap_or(default.password_auth),
        foreign_credentials: fields.take("foreign_credentials", mode)?.unwrap_or(default.foreign_credentials),
        allowed_ips: fields.take("allowed_ips", Value::texts)?.unwrap_or(default.allowed_ips),
        protected_paths: fields.take("protected_paths", Value::texts)?.unwrap_or(default.protected_paths),
        identity_headers: fields
            .take("identity_headers", identity_headers)?
            .unwrap_or(default.identity_headers),
        forward_authorization: fields
            .take("forward_authorization", Value::flag)?
            .unwrap_or(default.forward_authorization),
        token_headers: fields.take("token_headers", Value::texts)?.unwrap_or(default.token_headers),
        token_prefixes: fields.take("token_prefixes", Value::texts)?.unwrap_or(default.token_prefixes),
    })
}

fn mode(value: Value<'_>) -> Result<Mode> {
    choice(value, Mode::NAMES)
}

fn identity_headers(value: Value<'_>) -> Result<IdentityHeaders> {
    let mut fields = Fields::of(value, &["user", "token_id"])?;
    let default = IdentityHeaders::default();
    Ok(IdentityHeaders {
        user: fields.take("user", Value::text)?.unwrap_or(default.user),
        token_id: fields.take("token_id", Value::text)?.unwrap_or(default.token_id),
    })
}

fn scopes(value: Value<'_>) -> Result<UniqueMap<Vec<ScopeRule>>> {
    let mut scopes = UniqueMap::default();
    for (name, value) in entries(value)? {
        if scopes.0.contains_key(&name) {
            return Err(ConfigError::new("", format_args!("duplicate key `{name}`")));
        }
        let rules = scope_rules(value).map_err(|error| error.within(&name))?;
        scopes.0.insert(name, rules);
    }
    Ok(scopes)
}

fn scope_rules(value: Value<'_>) -> Result<Vec<ScopeRule>> {
    let mut rules = Vec::new();
    for (index, value) in value.list()?.into_iter().enumerate() {
        rules.push(scope_rule(value).map_err(|error| error.within(&format!("[{index}]")))?);
    }
    Ok(rules)
}

fn scope_rule(value: Value<'_>) -> Result<ScopeRule> {
    let mut fields = Fields::of(value, &["methods", "paths"])?;
    Ok(ScopeRule {
        methods: fields.want("methods", Value::texts)?,
        paths: fields.take("paths", Value::texts)?,
    })
}

fn token(value: Value<'_>) -> Result<Token> {
    let names = ["id", "sha256", "user", "expires_at", "scope", "allowed_ips", "refuse"];
    let mut fields = Fields::of(value, &names)?;
    Ok(Token {
        id: fields.want("id", Value::text)?,
        sha256: fields.want("sha256", Value::text)?,
        user: fields.want("user", Value::text)?,
        expires_at: fields.take("expires_at", whole)?,
        scope: fields.take("scope", Value::text)?,
        allowed_ips: fields.take("allowed_ips", Value::texts)?.unwrap_or_default(),
        refuse: fields.take("refuse", |value| choice(value, StatedRefusal::NAMES))?,
    })
}

fn report(value: Value<'_>) -> Result<Report> {
    let mut fields = Fields::of(value, &["cluster", "path", "interval_ms"])?;
    let default = Report::default();
    Ok(Report {
        cluster: fields.take("cluster", Value::text)?.unwrap_or(default.cluster),
        path: fields.take("path", Value::text)?.unwrap_or(default.path),
        interval_ms: fields.take("interval_ms", whole)?.unwrap_or(default.interval_ms),
    })
}

fn whole(value: Value<'_>) -> Result<Integer> {
    value.whole().map(Integer)
}
