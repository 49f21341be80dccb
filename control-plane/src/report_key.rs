//! The report key: what a proxy presents with its usage reports.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::data_folder::{DataFolder, FolderError, read_private, write_private};
use crate::random::{Random, RandomError};

/// 256 bits.
const BYTES: usize = 32;
/// Where the filter's VM finds it in Envoy's environment.
pub const VARIABLE: &str = "GATEPASS_REPORT_KEY";

/// Why there is no key, as a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ReportKeyError {
    /// The file holds something else.
    #[error("{0} does not hold a report key: remove it to have a new one made, and give that to every Envoy")]
    Damaged(String),
    /// The file cannot be read or written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There was no key to be made.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The key itself, as text.
#[derive(Clone)]
pub struct ReportKey(String);

impl fmt::Debug for ReportKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReportKey(…)")
    }
}

impl ReportKey {
    /// The key in the data folder; made if there is none.
    ///
    /// # Errors
    /// The file cannot be read or written, or holds something else.
    pub fn load_or_make(folder: &DataFolder, random: &dyn Random) -> Result<Self, ReportKeyError> {
        let path = folder.report_key();
        if let Some(content) = read_private(&path)? {
            return Self::read(&content).ok_or_else(|| ReportKeyError::Damaged(path.display().to_string()));
        }
        let mut bytes = [0; BYTES];
        random.fill(&mut bytes)?;
        let key = Self(URL_SAFE_NO_PAD.encode(bytes));
        write_private(&path, format!("{}\n", key.0).as_bytes())?;
        tracing::info!(file = %path.display(), "made the key with which proxies report");
        Ok(key)
    }

    fn read(content: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(content).ok()?.trim_ascii_end();
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Self(text.to_owned()))
    }

    /// The text that proxies present.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What the server keeps to know it again.
    pub fn digest(&self) -> KeyDigest {
        KeyDigest::of(&self.0)
    }
}

/// What is known of the key where it is checked.
#[derive(Clone, Debug)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Of a key that was not made here.
    pub fn of(key: &str) -> Self {
        Self(Sha256::digest(key).into())
    }

    /// Whether `presented` is the key. It takes as long for a near miss as for a wide one.
    pub fn matches(&self, presented: &[u8]) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented).into();
        self.0.ct_eq(&presented).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_256_bits_and_nothing_else_is_one() {
        let text = URL_SAFE_NO_PAD.encode([7; BYTES]);
        assert_eq!(ReportKey::read(format!("{text}\n").as_bytes()).unwrap().expose(), text);
        let short = URL_SAFE_NO_PAD.encode([7; BYTES - 1]);
        for bad in ["", "\n", &short, &format!("{text}="), &format!("{text} {text}"), &format!(" {text}")] {
            assert!(ReportKey::read(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn only_the_whole_key_matches() {
        let key = ReportKey(URL_SAFE_NO_PAD.encode([7; BYTES]));
        let digest = key.digest();
        assert!(digest.matches(key.expose().as_bytes()));
        for bad in ["", &key.expose()[1..], &format!("{}A", key.expose()), &key.expose().to_uppercase()] {
            assert!(!digest.matches(bad.as_bytes()), "{bad:?}");
        }
        assert_eq!(format!("{key:?}"), "ReportKey(…)");
    }
}
