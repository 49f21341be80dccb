//! Plugin configuration → policy. Every error names its field, and nothing is taken in part.

mod tokens;

use std::collections::{BTreeMap, HashMap, HashSet, TryReserveError};
use std::fmt::Display;
use std::str::FromStr;

use super::{Policy, Version};
use crate::address::{self, AllowList};
use crate::config::ConfigError;
use crate::config::wire::{self, Integer, PluginConfiguration};
use crate::headers;
use crate::names;
use crate::path::PathPrefix;
use crate::scope::{Rule, Scope};
use crate::table::Table;
use crate::token::MAX_PREFIXES;

/// A VM has 1 GiB, and while it takes up a configuration it holds the old table, the new one and what lies between.
const MAX_BYTES: usize = 256 * 1024 * 1024;
const MAX_PATHS: usize = 256;
const MAX_SCOPES: usize = 256;
const MAX_RULES: usize = 64;
const MAX_METHODS: usize = 32;
const MAX_TOKEN_HEADERS: usize = 8;
const REPORT_INTERVAL_MS: std::ops::RangeInclusive<u64> = 1_000..=3_600_000;

/// Why a configuration was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// It is wrong in itself, and so in every VM.
    Content(ConfigError),
    /// This VM has no memory left for it.
    Memory,
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

impl Policy {
    /// Parses the JSON of a plugin configuration.
    ///
    /// # Errors
    /// The first field at fault. The configuration is then refused whole.
    pub fn parse(json: &[u8]) -> Result<Self, ConfigError> {
        let no_memory = || ConfigError::new("tokens", "there is no memory for so many");
        read(json).map_err(LoadError::from).and_then(Self::from_configuration).map_err(|error| match error {
            LoadError::Content(error) => error,
            LoadError::Memory => no_memory(),
        })
    }

    /// Parses the JSON of a plugin configuration and gives its memory back as soon as it has been read.
    ///
    /// # Errors
    /// The first field at fault, or a lack of memory. The configuration is then refused whole.
    pub fn load(json: Vec<u8>) -> Result<Self, LoadError> {
        let configuration = read(&json)?;
        drop(json);
        Self::from_configuration(configuration)
    }

    fn from_configuration(configuration: PluginConfiguration) -> Result<Self, LoadError> {
        let PluginConfiguration { version, epoch, revision, settings, scopes, tokens, report } =
            configuration;
        if version != Integer(wire::VERSION) {
            return Err(ConfigError::new("version", "this filter knows version 1 alone").into());
        }
        let version = Version { epoch: parse_epoch(epoch)?, revision: parse_revision(&revision)? };
        let reports = report.as_ref().map(check_report).transpose()?.is_some();
        let (names, scopes) = parse_scopes(scopes.0)?;
        let identity = &settings.identity_headers;
        let policy = Self {
            version,
            scopes,
            table: Table::default(),
            reports,
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
        let policy = policy.with_lists(&settings).map_err(in_settings)?;
        Ok(Self { table: tokens::parse_tokens(tokens, &names)?, ..policy })
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

fn read(json: &[u8]) -> Result<PluginConfiguration, ConfigError> {
    if json.len() > MAX_BYTES {
        return Err(ConfigError::new("", format_args!("a configuration has at most {MAX_BYTES} bytes")));
    }
    serde_json::from_slice(json).map_err(|error| locate(json, error))
}

/// Parses again, slower, to learn where `error` happened.
fn locate(json: &[u8], error: serde_json::Error) -> ConfigError {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    match serde_path_to_error::deserialize::<_, PluginConfiguration>(&mut deserializer) {
        Ok(_) => ConfigError::new("", error),
        Err(located) => {
            // Where the text is no JSON, the path has no name for the place: line and column have.
            let path = located.path().to_string();
            let field = path.trim_end_matches('?').trim_end_matches('.');
            ConfigError::new(field, located.into_inner())
        }
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
    texts.iter().enumerate().map(|(index, text)| parse_at(&format!("{field}[{index}]"), text)).collect()
}

fn no_duplicates(field: &str, texts: &[String]) -> Result<(), ConfigError> {
    let mut seen = HashSet::new();
    match texts.iter().position(|text| !seen.insert(text)) {
        Some(index) => Err(ConfigError::new(format!("{field}[{index}]"), "stands in the list twice")),
        None => Ok(()),
    }
}

fn parse_allow_list(texts: &[String]) -> Result<AllowList, ConfigError> {
    parse_list("allowed_ips", texts, 0, address::MAX_ENTRIES).map(AllowList::new)
}

fn parse_epoch(epoch: String) -> Result<String, ConfigError> {
    if !epoch.is_empty() && names::check_token_id(&epoch).is_err() {
        return Err(ConfigError::new("epoch", "an epoch has at most 64 letters, digits, '-', '_' and '.'"));
    }
    Ok(epoch)
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

type ScopeNames = HashMap<String, usize>;

fn parse_scopes(
    scopes: BTreeMap<String, Vec<wire::ScopeRule>>,
) -> Result<(ScopeNames, Vec<Scope>), ConfigError> {
    if scopes.len() > MAX_SCOPES {
        return Err(ConfigError::new("scopes", format_args!("at most {MAX_SCOPES} scopes are possible")));
    }
    let mut names = ScopeNames::new();
    let mut parsed = Vec::with_capacity(scopes.len());
    for (name, rules) in scopes {
        let field = format!("scopes.{name}");
        names::check_scope_name(&name).map_err(|problem| ConfigError::new(&field, problem))?;
        parsed.push(parse_scope(&rules).map_err(|error| error.within(&field))?);
        names.insert(name, names.len());
    }
    Ok((names, parsed))
}

fn parse_scope(rules: &[wire::ScopeRule]) -> Result<Scope, ConfigError> {
    if !(1..=MAX_RULES).contains(&rules.len()) {
        return Err(ConfigError::new("", format_args!("a scope has 1 to {MAX_RULES} rules")));
    }
    let parse = |(index, rule)| parse_rule(rule).map_err(|error| error.within(&format!("[{index}]")));
    Ok(Scope { rules: rules.iter().enumerate().map(parse).collect::<Result<_, _>>()? })
}

fn parse_rule(rule: &wire::ScopeRule) -> Result<Rule, ConfigError> {
    let good = |method: &String| (1..=32).contains(&method.len()) && method.bytes().all(is_method_character);
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
