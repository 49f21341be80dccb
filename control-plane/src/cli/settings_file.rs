//! Settings in a TOML file, for what neither a flag nor a variable says. A key is a flag's name with `_` in place of `-`.

use std::io::Read as _;
use std::ops::Range;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::store::place::DatabaseUrl;

/// Most bytes of such a file.
const MAX_BYTES: u64 = 1024 * 1024;
/// The commands whose flags are settings.
const SERVERS: [&str; 2] = ["serve", "run"];
/// The commands that take all of them that are flags of theirs.
const TAKERS: [&str; 3] = ["doctor", "run", "serve"];
/// What the other commands take of a server's settings: where it keeps what it knows.
const SHARED: [&str; 4] = ["audit_key_file", "data_dir", "database_url", "database_url_file"];
/// Flags that are no settings: they are for one start, or for this program itself.
const NO_SETTINGS: [&str; 6] = ["become_envoy_of", "begin_epoch", "check", "config", "help", "version"];
/// Two ways to say one thing: one that a flag or a variable says replaces either in the file.
const ONE_THING: [&str; 2] = ["database_url", "database_url_file"];

/// Why a file cannot be used, as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}: {problem}; correct --config or GATEPASS_CONFIG", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// Everybody may change what a server does.
    #[error("{} can be written by every user of this machine: run `chmod o-w {}`", .0.display(), .0.display())]
    OpenToOthers(PathBuf),
    /// Something in it is wrong.
    #[error("{}, line {line}: {problem}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// With the key, if it is about one.
        problem: String,
    },
}

/// The file that flag or variable name, if any.
pub(super) fn named(matches: &ArgMatches) -> Option<PathBuf> {
    let mut leaf = matches;
    while let Some((_, deeper)) = leaf.subcommand() {
        leaf = deeper;
    }
    leaf.try_get_one::<PathBuf>("config").ok().flatten().cloned()
}

/// `command` with what the file at `path` says as the defaults of the subcommand that `matches` names. A flag and a variable
/// count before a default.
///
/// # Errors
/// The file cannot be read, or holds what is no setting.
pub(super) fn apply(command: Command, matches: &ArgMatches, path: &Path) -> Result<Command, FileError> {
    let entries = read(path)?;
    let known = settings(&command);
    for entry in &entries {
        entry.check(&known).map_err(|problem| entry.wrong(path, problem))?;
    }
    if let Some((_, again)) = one_thing_twice(&entries) {
        let problem = format!("{}: there is another of {} already", again.key, ONE_THING.join(" and "));
        return Err(again.wrong(path, problem));
    }
    Ok(with_defaults(command, matches, &entries))
}

/// What is said in the file.
struct Entry {
    key: String,
    line: usize,
    value: Result<Vec<String>, &'static str>,
    is_list: bool,
}

impl Entry {
    fn wrong(&self, path: &Path, problem: String) -> FileError {
        FileError::Line { path: path.to_owned(), line: self.line, problem }
    }

    /// Whether it is a setting, with a value that the flag would take.
    fn check(&self, known: &[Arg]) -> Result<(), String> {
        let key = &self.key;
        if NO_SETTINGS.contains(&key.as_str()) {
            return Err(format!("{key} is no setting of a file: give it as a flag or a variable"));
        }
        let Some(arg) = known.iter().find(|arg| key_of(arg).as_ref() == Some(key)) else {
            return Err(unknown(key, known));
        };
        let values = self.value.as_ref().map_err(|problem| format!("{key}: {problem}"))?;
        if self.is_list && !matches!(arg.get_action(), ArgAction::Append) {
            return Err(format!("{key}: it takes one value, not a list"));
        }
        if key == "database_url" && values.iter().any(|url| DatabaseUrl::new(url.as_str()).holds_secret()) {
            return Err(format!(
                "{key}: no password belongs into this file: put the URL into a file of its own and name that with \
                 database_url_file, or into the variable GATEPASS_DATABASE_URL"
            ));
        }
        take(arg, values).map_err(|problem| format!("{key}: {problem}"))
    }
}

fn unknown(key: &str, known: &[Arg]) -> String {
    let with_underscores = key.replace('-', "_");
    if known.iter().any(|arg| key_of(arg).as_ref() == Some(&with_underscores)) {
        return format!("{key} is not a setting: write {with_underscores}");
    }
    format!(
        "{key} is not a setting: `gatepass serve --help` and `gatepass run --help` name the flags, written here with _"
    )
}

/// Has the flag itself read the values.
fn take(arg: &Arg, values: &[String]) -> Result<(), String> {
    let Some(long) = arg.get_long() else { return Ok(()) };
    let alone = arg.clone().env(Resettable::Reset).default_value(Resettable::Reset);
    // The other flags are not there.
    let alone = alone.conflicts_with(Resettable::Reset);
    let command = Command::new("gatepass").no_binary_name(true).arg(alone);
    let flags = values.iter().map(|value| format!("--{long}={value}"));
    let refused = command.try_get_matches_from(flags).err();
    refused.map_or(Ok(()), |error| {
        let text = error.render().to_string();
        Err(text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned())
    })
}

/// The flags that are settings.
fn settings(command: &Command) -> Vec<Arg> {
    let servers = SERVERS.iter().filter_map(|name| command.find_subcommand(name));
    let flags = servers.flat_map(Command::get_arguments);
    let no_setting = |arg: &&Arg| key_of(arg).is_none_or(|key| NO_SETTINGS.contains(&key.as_str()));
    flags.filter(|arg| !no_setting(arg)).cloned().collect()
}

fn key_of(arg: &Arg) -> Option<String> {
    arg.get_long().map(|long| long.replace('-', "_"))
}

fn one_thing_twice(entries: &[Entry]) -> Option<(&Entry, &Entry)> {
    let mut said = entries.iter().filter(|entry| ONE_THING.contains(&entry.key.as_str()));
    Some((said.next()?, said.next()?))
}

fn with_defaults(command: Command, matches: &ArgMatches, entries: &[Entry]) -> Command {
    let Some((name, deeper)) = matches.subcommand() else { return command };
    if deeper.subcommand().is_some() {
        return command.mut_subcommand(name, |command| with_defaults(command, deeper, entries));
    }
    let is_said = |id: &str| {
        let source = deeper.try_contains_id(id).ok().and_then(|_| deeper.value_source(id));
        source.is_some_and(|source| source != ValueSource::DefaultValue)
    };
    let one_thing_is_said = ONE_THING.into_iter().any(is_said);
    let of_a_server = TAKERS.contains(&name);
    let default = |arg: Arg| {
        let entry = key_of(&arg).and_then(|key| entries.iter().find(|entry| entry.key == key));
        let Some((entry, Ok(values))) = entry.map(|entry| (entry, &entry.value)) else { return arg };
        let key = entry.key.as_str();
        let is_taken = of_a_server || SHARED.contains(&key);
        let is_replaced = ONE_THING.contains(&key) && one_thing_is_said;
        if is_taken && !is_replaced && !values.is_empty() { arg.default_values(values) } else { arg }
    };
    command.mut_subcommand(name, |command| command.mut_args(default))
}

fn read(path: &Path) -> Result<Vec<Entry>, FileError> {
    let unreadable = |problem: String| FileError::Unreadable { path: path.to_owned(), problem };
    let file = std::fs::File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let metadata = file.metadata().map_err(|error| unreadable(error.to_string()))?;
    if metadata.is_dir() {
        return Err(unreadable("it is a folder".to_owned()));
    }
    if metadata.mode() & 0o002 != 0 && metadata.is_file() {
        return Err(FileError::OpenToOthers(path.to_owned()));
    }
    let mut text = String::new();
    let read = file.take(MAX_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| unreadable(error.to_string()))?;
    if text.len() as u64 > MAX_BYTES {
        return Err(unreadable("it is over 1 MiB".to_owned()));
    }
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<Entry>, FileError> {
    let line = |at: Range<usize>| text.bytes().take(at.start).filter(|byte| *byte == b'\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| FileError::Line {
        path: path.to_owned(),
        line: line(error.span().unwrap_or_default()),
        problem: error.message().to_owned(),
    })?;
    let mut entries: Vec<Entry> = table
        .into_inner()
        .into_iter()
        .map(|(key, value)| {
            let (is_list, value) = match value.into_inner() {
                DeValue::Array(items) => {
                    (true, items.into_iter().map(Spanned::into_inner).map(text_of).collect())
                }
                single => (false, text_of(single).map(|text| vec![text])),
            };
            Entry { line: line(key.span()), key: key.into_inner().into_owned(), value, is_list }
        })
        .collect();
    entries.sort_by_key(|entry| entry.line);
    Ok(entries)
}

/// As a flag's value would be written.
fn text_of(value: DeValue<'_>) -> Result<String, &'static str> {
    match value {
        DeValue::String(text) => Ok(text.into_owned()),
        DeValue::Integer(number) if number.radix() == 10 => Ok(number.as_str().replace(['_', '+'], "")),
        DeValue::Boolean(truth) => Ok(truth.to_string()),
        _ => Err("it takes a text, a decimal integer, true, false, or a list of texts"),
    }
}

#[cfg(test)]
mod tests;
