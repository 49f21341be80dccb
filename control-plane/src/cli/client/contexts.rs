//! The servers that `gatepass login` knows, each with its token, in a file that is its owner's alone.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::fs::OFlags;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::address::Address;
use super::failure::Failure;
use super::secret::Secret;
use crate::data_folder::{create_private_dir, folder_of, with_suffix, write_private};

/// Most bytes of the file.
const MAX_BYTES: u64 = 1024 * 1024;
/// Most characters of a context's name.
const MAX_NAME: usize = 64;

/// A context's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Name(String);

impl Name {
    /// The name as a text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if (1..=MAX_NAME).contains(&text.len()) && text.chars().all(is_good) {
            return Ok(Self(text.to_owned()));
        }
        Err("a context's name has 1 to 64 letters, digits, dots, hyphens and underscores")
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// A server, and the token for it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Context {
    /// Where the server is.
    pub server: Address,
    /// The token, for this server and no other.
    #[serde(serialize_with = "exposed", deserialize_with = "hidden")]
    pub token: Secret,
    /// The authorities that vouch for the server, if not the machine's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

fn exposed<S: Serializer>(token: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose())
}

fn hidden<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    Secret::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// All contexts.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contexts {
    /// The one that counts where none is named.
    #[serde(default)]
    pub current: Option<Name>,
    /// Each under its name.
    #[serde(default)]
    pub contexts: BTreeMap<Name, Context>,
}

/// Where they are kept: `gatepass/contexts.json` in `$XDG_CONFIG_HOME`, else in `~/.config` (XDG Base Directory
/// Specification: a path that is not absolute is ignored).
///
/// # Errors
/// The environment names neither.
pub fn file() -> Result<PathBuf, Failure> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = folder("XDG_CONFIG_HOME").or_else(|| folder("HOME").map(|home| home.join(".config")));
    let folder = folder
        .ok_or_else(|| Failure::setup("neither XDG_CONFIG_HOME nor HOME is set to an absolute path"))?;
    Ok(folder.join("gatepass").join("contexts.json"))
}

impl Contexts {
    /// Those in the file at `path`; none if it does not exist.
    ///
    /// # Errors
    /// Others may read it, it is another user's, or it holds something else.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let unusable = |problem: String| Failure::setup(format!("cannot use {}: {problem}", path.display()));
        // Not blocking: somebody may have put a pipe there.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            opened => opened.map_err(|error| unusable(error.to_string()))?,
        };
        let found = file.metadata().map_err(|error| unusable(error.to_string()))?;
        if !found.is_file() {
            return Err(unusable("it is no file".to_owned()));
        }
        if found.mode() & 0o077 != 0 {
            let advice = format!(
                "run `chmod 600 {}`, and revoke the tokens in it if somebody may have read them",
                path.display()
            );
            return Err(unusable(format!("other users of this machine can get at it: {advice}")));
        }
        if found.uid() != rustix::process::geteuid().as_raw() {
            return Err(unusable("it is another user's".to_owned()));
        }
        let mut text = String::new();
        file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| unusable(error.to_string()))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(unusable("it is over 1 MiB".to_owned()));
        }
        // The message of a JSON error quotes what is wrong, which may be a token.
        serde_json::from_str(&text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            unusable(format!(
                "it holds something else than `gatepass login` writes, at {place}: remove it and log in again"
            ))
        })
    }

    /// Changes the file at `path` by `change`, while no other process does.
    ///
    /// # Errors
    /// As [`Self::read`], or it cannot be written, or `change` fails.
    pub fn change<T>(
        path: &Path,
        change: impl FnOnce(&mut Self) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let unwritable = |error: &dyn std::fmt::Display| {
            Failure::setup(format!("cannot write to {}: {error}", folder_of(path).display()))
        };
        create_private_dir(folder_of(path)).map_err(|error| unwritable(&error))?;
        let lock = lock(&with_suffix(path, ".lock")).map_err(|error| unwritable(&error))?;
        let mut contexts = Self::read(path)?;
        let changed = change(&mut contexts)?;
        let mut json = serde_json::to_vec_pretty(&contexts).map_err(|error| unwritable(&error))?;
        json.push(b'\n');
        // A link, to where somebody keeps such files, stays one.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        write_private(&place, &json).map_err(|error| unwritable(&error))?;
        drop(lock);
        Ok(changed)
    }

    /// The one in use.
    pub fn current(&self) -> Option<&Context> {
        self.contexts.get(self.current.as_ref()?)
    }

    /// The one called `name`.
    ///
    /// # Errors
    /// There is none.
    pub fn named(&self, name: &Name) -> Result<&Context, Failure> {
        self.contexts.get(name).ok_or_else(|| {
            let known: Vec<_> = self.contexts.keys().map(Name::as_str).collect();
            let known = if known.is_empty() { "there are none".to_owned() } else { known.join(", ") };
            Failure::setup(format!("there is no context {} ({known}): run `gatepass login`", name.as_str()))
        })
    }

    /// The one for `server`: the one in use, or the only one.
    ///
    /// # Errors
    /// There are several, each with a token of its own.
    pub(super) fn of_server(&self, server: &Address) -> Result<Option<Context>, Failure> {
        let here = |context: &&Context| context.server == *server;
        if let Some(current) = self.current().filter(here) {
            return Ok(Some(current.clone()));
        }
        let mut found = self.contexts.values().filter(here);
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(Failure::setup(format!(
                "there are several contexts for {server}: name one with --context"
            ))),
            (found, _) => Ok(found.cloned()),
        }
    }
}

fn lock(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.lock()?;
    Ok(file)
}
