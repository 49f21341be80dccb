//! Plugin configuration → policy. Every error names its field, and nothing is taken in part.

mod tokens;

use std::collections::{BTreeMap, TryReserveError};
use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gatepass_records::Counts;

use super::{Policy, Version};
use crate::address::{self, AllowList};
use crate::compact::{self, Held, Manifest};
use crate::config::wire::{self, Integer, PluginConfiguration};
use crate::config::{ConfigError, MAX_VALUES};
use crate::headers;
use crate::memory;
use crate::names;
use crate::path::PathPrefix;
use crate::scope::{Rule, Scope};
use crate::source::{ReadError, Source};
use crate::table::Table;
use crate::token::MAX_PREFIXES;
pub(crate) use tokens::parse_token;
pub use tokens::too_many_tokens;

/// A VM has 1 GiB, and while it takes up a configuration it holds the old table, the new one and what lies between.
pub const MAX_BYTES: usize = 256 * 1024 * 1024;
/// Most tokens.
pub const MAX_TOKENS: usize = 1_000_000;
/// Most entries of all tokens' IP lists together.
pub const MAX_TOKEN_IPS: usize = crate::table::MAX_IPS;
/// Most protected paths, and most paths of a scope's rule.
pub const MAX_PATHS: usize = 256;
/// Most scopes.
pub const MAX_SCOPES: usize = 256;
/// Most rules of a scope.
pub const MAX_RULES: usize = 64;
/// Most methods and paths of all scopes together.
const MAX_SCOPE_ENTRIES: usize = 10_000;
/// Most methods of a scope's rule.
pub const MAX_METHODS: usize = 32;
/// Longest method, in bytes.
pub const MAX_METHOD: usize = 32;
/// Most token headers.
pub const MAX_TOKEN_HEADERS: usize = 8;
const REPORT_INTERVAL_MS: std::ops::RangeInclusive<u64> = 1_000..=3_600_000;

/// What is made of a value while it is read, beside its text: a place in a list that has just grown, and a list of its own.
const VALUE: usize = 144;
/// What is left of a text beside its own bytes: where it is, how long, and what the allocator adds.
const TEXT: usize = 40;
/// So many times its own bytes does a long text take: it may have escapes, and is put together in a buffer that grows.
const LONG_TEXT: usize = 5;

/// Makes room for what is made of some JSON, and for its tokens.
fn room_for(json: &[u8]) -> Result<Vec<wire::Token>, TryReserveError> {
    let Counts { commas, braces, brackets, longest } = gatepass_records::count(json);
    let mut tokens = Vec::new();
    tokens.try_reserve_exact(braces.min(MAX_TOKENS))?;
    // Each text has a comma before or behind it, but for one in each object.
    let texts = commas.saturating_add(braces).saturating_mul(TEXT);
    // And each value too. Of those within a token no more are there at once than beside the tokens.
    let values = commas.saturating_add(braces).saturating_add(brackets).min(MAX_VALUES);
    let pieces = json.len().saturating_add(texts).saturating_add(values.saturating_mul(VALUE));
    memory::reserve_in_pieces(pieces, longest.saturating_mul(LONG_TEXT))?;
    Ok(tokens)
}

/// Why a configuration was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It is wrong in itself, and so in every VM.
    Content(ConfigError),
    /// This VM has no memory left for it.
    Memory,
    /// The host did not hand it out.
    Host,
}

impl LoadError {
    /// The same error, one level further out.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        match self {
            Self::Content(error) => Self::Content(error.within(outer)),
            other => other,
        }
    }

    pub(crate) fn into_content(self) -> ConfigError {
        match self {
            Self::Content(error) => error,
            Self::Memory | Self::Host => ConfigError::new("tokens", "there is no memory for so many"),
        }
    }
}

impl From<ConfigError> for LoadError {
    fn from(error: ConfigError) -> Self {
        Self::Content(error)
    }
}

impl From<TryReserveError> for LoadError {
    fn from(_: TryReserveError) -> Self {
        Self::Memory
    }
}

impl From<ReadError> for LoadError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Host => Self::Host,
            ReadError::Memory => Self::Memory,
        }
    }
}

/// A configuration of which all but the tokens has been read.
#[derive(Debug)]
pub struct Draft {
    policy: Policy,
    tokens: Tokens,
}

#[derive(Debug)]
enum Tokens {
    /// JSON.
    Listed(Vec<wire::Token>),
    /// A `token_set` within JSON: its bytes and what they begin with.
    Set(Vec<u8>, Manifest),
    /// A compact configuration, still to be read.
    Compact(Manifest),
}

impl Draft {
    /// Reads all but the tokens of a configuration, JSON or compact. Of JSON the text has been read whole then.
    ///
    /// # Errors
    /// The first field at fault, or the bytes could not be read.
    pub fn read(source: &dyn Source) -> Result<Self, LoadError> {
        if source.size() > MAX_BYTES {
            let problem = format_args!("a configuration has at most {MAX_BYTES} bytes");
            return Err(ConfigError::new("", problem).into());
        }
        let begin = source.read(0, compact::MAGIC.len().min(source.size()))?;
        if begin != compact::MAGIC {
            let json = source.read(0, source.size())?;
            let configuration = PluginConfiguration::from_json_into(room_for(&json)?, &json)?;
            drop(json);
            return Self::of_json(configuration);
        }
        let manifest = Manifest::read(source)?;
        let json = manifest.json();
        let mut configuration = PluginConfiguration::from_json_into(room_for(json)?, json)?;
        if configuration.tokens.take().is_some() || configuration.token_set.take().is_some() {
            return Err(ConfigError::new("tokens", "in a compact configuration the tokens are chunks").into());
        }
        Ok(Self { policy: Policy::without_tokens(&configuration)?, tokens: Tokens::Compact(manifest) })
    }

    fn of_json(mut configuration: PluginConfiguration) -> Result<Self, LoadError> {
        let given = (configuration.tokens.take(), configuration.token_set.take());
        let policy = Policy::without_tokens(&configuration)?;
        let tokens = match given {
            (Some(tokens), None) => Tokens::Listed(tokens),
            (None, Some(text)) => {
                let within = |error: LoadError| error.within("token_set");
                let problem = "base64 with padding and without line breaks is wanted (RFC 4648 section 4)";
                let bytes = STANDARD.decode(text).map_err(|_| ConfigError::new("token_set", problem))?;
                let manifest = Manifest::read(&bytes.as_slice() as &dyn Source).map_err(within)?;
                if !manifest.json().is_empty() {
                    return Err(ConfigError::new("token_set", "its own JSON part has to be empty").into());
                }
                Tokens::Set(bytes, manifest)
            }
            (None, None) => return Err(ConfigError::new("", "missing field `tokens`").into()),
            (Some(_), Some(_)) => {
                let problem = "either tokens or token_set is given, not both";
                return Err(ConfigError::new("token_set", problem).into());
            }
        };
        Ok(Self { policy, tokens })
    }

    /// Which state it is.
    pub fn version(&self) -> &Version {
        self.policy.version()
    }

    /// Reads the tokens that are not held and makes the policy. `held` is what `source`'s next configuration may build
    /// on; it is empty after an error.
    ///
    /// # Errors
    /// The first field at fault, or the bytes could not be read. The configuration is then refused whole.
    pub fn finish(self, source: &dyn Source, held: &mut Held) -> Result<Policy, LoadError> {
        let Self { mut policy, tokens } = self;
        let scopes: Vec<&str> = policy.scopes.iter().map(|(name, _)| name.as_str()).collect();
        policy.table = match tokens {
            Tokens::Listed(tokens) => {
                *held = Held::default();
                tokens::parse_tokens(&tokens, &scopes)?
            }
            Tokens::Set(bytes, manifest) => {
                let source: &dyn Source = &bytes.as_slice();
                manifest.table(source, &scopes, held).map_err(|error| error.within("token_set"))?
            }
            Tokens::Compact(manifest) => manifest.table(source, &scopes, held)?,
        };
        Ok(policy)
    }
}

impl Policy {
    /// Parses a plugin configuration, JSON or compact.
    ///
    /// # Errors
    /// The first field at fault. The configuration is then refused whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigError> {
        Draft::read(&bytes)
            .and_then(|draft| draft.finish(&bytes, &mut Held::default()))
            .map_err(LoadError::into_content)
    }

    /// Checks a configuration that was read, or made, already.
    ///
    /// # Errors
    /// The first field at fault.
    pub fn from_wire(configuration: PluginConfiguration) -> Result<Self, ConfigError> {
        Draft::of_json(configuration)
            .and_then(|draft| draft.finish(&[].as_slice(), &mut Held::default()))
            .map_err(LoadError::into_content)
    }

    fn without_tokens(configuration: &PluginConfiguration) -> Result<Self, ConfigError> {
        if configuration.version != Integer(wire::VERSION) {
            return Err(ConfigError::new("version", "this filter knows version 1 alone"));
        }
        let revision = parse_revision(&configuration.revision)?;
        let version = Version { epoch: parse_epoch(&configuration.epoch)?, revision };
        configuration.report.as_ref().map(check_report).transpose()?;
        let settings = &configuration.settings;
        let identity = &settings.identity_headers;
        let policy = Self {
            version,
            scopes: parse_scopes(&configuration.scopes.0)?,
            table: Table::default(),
            report: configuration.report.clone(),
            anonymous: settings.anonymous,
            password_auth: settings.password_auth,
            foreign_credentials: settings.foreign_credentials,
            forward_authorization: settings.forward_authorization,
            allowed_ips: AllowList::default(),
            protected_paths: Vec::new(),
            user_header: parse_at("identity_headers.user", &identity.user).map_err(in_settings)?,
            token_id_header: parse_at("identity_headers.token_id", &identity.token_id)
                .map_err(in_settings)?,
            token_headers: Vec::new(),
            token_prefixes: Vec::new(),
        };
        policy.with_lists(settings).map_err(in_settings)
    }

    fn with_lists(mut self, settings: &wire::Settings) -> Result<Self, ConfigError> {
        self.allowed_ips = parse_allow_list(&settings.allowed_ips)?;
        self.protected_paths = parse_list("protected_paths", &settings.protected_paths, 1, MAX_PATHS)?;
        self.token_headers = parse_list("token_headers", &settings.token_headers, 0, MAX_TOKEN_HEADERS)?;
        self.token_prefixes = parse_list("token_prefixes", &settings.token_prefixes, 1, MAX_PREFIXES)?;
        no_duplicates("token_prefixes", &settings.token_prefixes)?;
        self.check_headers()?;
        Ok(self)
    }

    fn check_headers(&self) -> Result<(), ConfigError> {
        if self.user_header.matches(self.token_id_header.as_str()) {
            let problem = "the headers of user and token_id must differ";
            return Err(ConfigError::new("identity_headers.token_id", problem));
        }
        for (index, header) in self.token_headers.iter().enumerate() {
            let name = header.as_str();
            let identity = self.user_header.matches(name) || self.token_id_header.matches(name);
            let earlier = self.token_headers.iter().take(index).any(|other| other.matches(name));
            if identity || headers::is_own(name) || earlier {
                let problem = "a token header is no identity header, no x-gatepass-* and not named twice";
                return Err(ConfigError::new(format!("token_headers[{index}]"), problem));
            }
        }
        Ok(())
    }
}

fn in_settings(error: ConfigError) -> ConfigError {
    error.within("settings")
}

fn parse_at<T: FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, ConfigError> {
    text.parse().map_err(|error| ConfigError::new(field, error))
}

fn parse_list<T: FromStr<Err: Display>>(
    field: &str,
    texts: &[String],
    least: usize,
    most: usize,
) -> Result<Vec<T>, ConfigError> {
    if !(least..=most).contains(&texts.len()) {
        return Err(ConfigError::new(field, format_args!("a list of {least} to {most} entries is wanted")));
    }
    let mut parsed = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let at = |error: T::Err| ConfigError::new(format!("{field}[{index}]"), error);
        parsed.push(text.parse().map_err(at)?);
    }
    Ok(parsed)
}

fn no_duplicates(field: &str, texts: &[String]) -> Result<(), ConfigError> {
    for (index, text) in texts.iter().enumerate() {
        if texts.iter().take(index).any(|earlier| earlier == text) {
            return Err(ConfigError::new(format!("{field}[{index}]"), "stands in the list twice"));
        }
    }
    Ok(())
}

fn parse_allow_list(texts: &[String]) -> Result<AllowList, ConfigError> {
    parse_list("allowed_ips", texts, 0, address::MAX_ENTRIES).map(AllowList::new)
}

fn parse_epoch(epoch: &str) -> Result<String, ConfigError> {
    if !epoch.is_empty() && names::check_token_id(epoch).is_err() {
        return Err(ConfigError::new("epoch", "an epoch has at most 64 letters, digits, '-', '_' and '.'"));
    }
    Ok(epoch.to_owned())
}

fn parse_revision(text: &str) -> Result<u64, ConfigError> {
    let canonical = |number: &u64| number.to_string() == text;
    text.parse().ok().filter(canonical).ok_or_else(|| {
        let problem = "a revision is a decimal number as a string, from \"0\" to \"18446744073709551615\"";
        ConfigError::new("revision", problem)
    })
}

fn check_report(report: &wire::Report) -> Result<(), ConfigError> {
    let error = |field: &str, problem: &str| Err(ConfigError::new(format!("report.{field}"), problem));
    if report.cluster.is_empty() || report.cluster.len() > names::MAX_USER_NAME {
        return error("cluster", "a cluster's name has 1 to 128 bytes");
    }
    if report.path.parse::<PathPrefix>().is_err() {
        return error("path", "a canonical path that begins with '/' is wanted");
    }
    if !REPORT_INTERVAL_MS.contains(&report.interval_ms.0) {
        return error("interval_ms", "1000 to 3600000 milliseconds are possible");
    }
    Ok(())
}

fn parse_scopes(
    scopes: &BTreeMap<String, Vec<wire::ScopeRule>>,
) -> Result<Vec<(String, Scope)>, ConfigError> {
    if scopes.len() > MAX_SCOPES {
        return Err(ConfigError::new("scopes", format_args!("at most {MAX_SCOPES} scopes are possible")));
    }
    let mut parsed = Vec::new();
    let mut entries = 0_usize;
    for (name, rules) in scopes {
        let field = format!("scopes.{name}");
        names::check_scope_name(name).map_err(|problem| ConfigError::new(&field, problem))?;
        for rule in rules {
            let paths = rule.paths.as_ref().map_or(0, Vec::len);
            entries = entries.saturating_add(rule.methods.len()).saturating_add(paths);
        }
        if entries > MAX_SCOPE_ENTRIES {
            let problem =
                format_args!("all scopes together have at most {MAX_SCOPE_ENTRIES} methods and paths");
            return Err(ConfigError::new("scopes", problem));
        }
        parsed.push((name.clone(), parse_scope(rules).map_err(|error| error.within(&field))?));
    }
    Ok(parsed)
}

fn parse_scope(rules: &[wire::ScopeRule]) -> Result<Scope, ConfigError> {
    if !(1..=MAX_RULES).contains(&rules.len()) {
        return Err(ConfigError::new("", format_args!("a scope has 1 to {MAX_RULES} rules")));
    }
    let mut parsed = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        parsed.push(parse_rule(rule).map_err(|error| error.within(&format!("[{index}]")))?);
    }
    Ok(Scope { rules: parsed })
}

fn parse_rule(rule: &wire::ScopeRule) -> Result<Rule, ConfigError> {
    let good =
        |method: &String| (1..=MAX_METHOD).contains(&method.len()) && method.bytes().all(is_method_character);
    if !(1..=MAX_METHODS).contains(&rule.methods.len()) || !rule.methods.iter().all(good) {
        let problem = format!("1 to {MAX_METHODS} methods in upper case are wanted, such as \"GET\"");
        return Err(ConfigError::new("methods", problem));
    }
    let paths = rule.paths.as_ref().map(|paths| parse_list("paths", paths, 1, MAX_PATHS)).transpose()?;
    Ok(Rule { methods: rule.methods.clone(), paths })
}

fn is_method_character(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_')
}

#[cfg(test)]
mod tests;
