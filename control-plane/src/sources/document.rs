//! What a source pushes: a list of entries, as JSON or as YAML.

use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sha2::{Digest as _, Sha256};

use crate::domain::address::{self, IpList};
use crate::domain::choice::given;
use crate::domain::malformed::Malformed;
use crate::domain::object::Object;
use crate::domain::source::MAX_ENTRIES;

/// The version of the format.
const VERSION: u64 = 1;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON (RFC 8259).
    Json,
    /// YAML 1.2, one document without anchors and aliases.
    Yaml,
}

/// A list of entries.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of the format; 1 without it.
    #[serde(default, deserialize_with = "given")]
    pub version: Option<u64>,
    /// Which source it is for, if it says so.
    #[serde(default, deserialize_with = "given")]
    pub source: Option<String>,
    /// All entries that are to be in force.
    #[serde(deserialize_with = "entries")]
    pub entries: Vec<Entry>,
    /// SHA-256 of the document as it came, in lower-case hex.
    #[serde(skip)]
    pub digest: String,
}

/// One entry of a document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name within the source.
    #[serde(alias = "name")]
    pub id: String,
    /// SHA-256 of the whole token, in lower-case hex.
    pub sha256: String,
    /// Whose token it is.
    pub user: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// When it ends, or `never`.
    #[serde(default)]
    pub expires_at: Option<String>,
    /// What it is good for; every request without it.
    #[serde(default)]
    pub scope: Option<String>,
    /// Where it may be used from; everywhere without it.
    #[serde(default, deserialize_with = "allowed_ips")]
    pub allowed_ips: Option<IpList>,
    /// Whether it is refused for the time being.
    #[serde(default)]
    pub disabled: bool,
}

fn allowed_ips<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<IpList>, D::Error> {
    address::of_token(deserializer).map(Some)
}

/// Entries, of which no more are read than any source may have: a document is long enough for many more.
fn entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Entry>, D::Error> {
    struct Bounded;
    impl<'de> Visitor<'de> for Bounded {
        type Value = Vec<Entry>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of entries")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Vec<Entry>, A::Error> {
            let mut entries = Vec::new();
            while let Some(Object(entry)) = all.next_element()? {
                if entries.len() >= MAX_ENTRIES as usize {
                    return Err(A::Error::custom(format_args!("has more than {MAX_ENTRIES} entries")));
                }
                entries.push(entry);
            }
            Ok(entries)
        }
    }
    deserializer.deserialize_seq(Bounded)
}

impl Document {
    /// Reads a document. Takes a while if it is long.
    ///
    /// # Errors
    /// The first field that is unknown, missing or malformed.
    pub fn parse(format: Format, bytes: &[u8]) -> Result<Self, Malformed> {
        let Object(mut document) = match format {
            Format::Json => json(bytes)?,
            Format::Yaml => yaml(bytes)?,
        };
        if document.version.is_some_and(|version| version != VERSION) {
            return Err(wrong("version", format!("must be {VERSION}")));
        }
        document.digest = hex::encode(Sha256::digest(bytes));
        Ok(document)
    }
}

fn json(bytes: &[u8]) -> Result<Object<Document>, Malformed> {
    let not_json = |error: &serde_json::Error| {
        wrong("", format!("the body is not JSON: line {}, column {}", error.line(), error.column()))
    };
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let document = serde_path_to_error::deserialize(&mut parser).map_err(|error| {
        let inner = error.inner();
        if inner.is_data() { Malformed::new(&error.path().to_string(), inner) } else { not_json(inner) }
    })?;
    parser.end().map_err(|error| not_json(&error))?;
    Ok(document)
}

/// Most nodes of a document: a key and a value for each member of an entry, and room for addresses.
const MAX_NODES: usize = MAX_ENTRIES as usize * 32;

fn yaml(bytes: &[u8]) -> Result<Object<Document>, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("", "the body is not UTF-8"))?;
    let options = serde_saphyr::options! {
        // What a value is must not depend on another place, and nothing grows when it is read.
        budget: serde_saphyr::budget! {
            max_aliases: 0, max_anchors: 0, max_merge_keys: 0, max_depth: 8, max_documents: 1,
            max_nodes: MAX_NODES, max_events: MAX_NODES * 2,
        },
        strict_booleans: true,
        // Texts of the parser would show the document: there may be a secret in it.
        with_snippet: false,
    };
    let mut at = String::new();
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |parser| {
        serde_path_to_error::deserialize(parser).map_err(|error| {
            at = error.path().to_string();
            error.into_inner()
        })
    })
    .map_err(|error| malformed(&at, &error))
}

/// The parser's error in the words in which one of JSON is told. Of what it found it tells nothing.
fn malformed(path: &str, error: &serde_saphyr::Error) -> Malformed {
    use serde_saphyr::Error as E;
    match error {
        E::SerdeUnknownField { expected, .. } => {
            let known: Vec<_> = expected.iter().map(|name| format!("`{name}`")).collect();
            wrong(path, format!("is unknown; known: {}", known.join(", ")))
        }
        E::SerdeMissingField { field, .. } => Malformed::new(path, &format!("missing field `{field}`")),
        E::SerdeInvalidType { expected, .. } | E::SerdeInvalidValue { expected, .. } => {
            Malformed::new(path, &format!("invalid, expected {expected}"))
        }
        E::Message { msg, .. } if msg.starts_with("duplicate field ") => Malformed::new(path, msg),
        E::DuplicateMappingKey { .. } => wrong(path, "is given twice"),
        E::InvalidBooleanStrict { .. } => wrong(path, "must be true or false"),
        E::NullIntoString { .. } => wrong(path, "must be a string"),
        E::Budget { .. } => wrong(
            path,
            "is more than a document may hold: it has no anchors, aliases and merge keys, and one document",
        ),
        other => {
            let at = other.location().map(|at| format!(": line {}, column {}", at.line(), at.column()));
            let text = if path.is_empty() || path == "." {
                "the body is not YAML as it is taken here"
            } else {
                "is not as it should be"
            };
            wrong(path, format!("{text}{}", at.unwrap_or_default()))
        }
    }
}

fn wrong(field: &str, problem: impl Into<String>) -> Malformed {
    let field = if field == "." { "" } else { field };
    Malformed { field: field.to_owned(), problem: problem.into() }
}

#[cfg(test)]
mod tests;
