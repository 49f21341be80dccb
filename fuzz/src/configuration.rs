//! The JSON of a plugin configuration. The input is the text.

use gatepass::config::ConfigError;
use gatepass::config::wire::PluginConfiguration;
use gatepass::policy::Policy;

use crate::oracle;

/// A log line's worth, with room for escapes.
const LONGEST_ERROR: usize = 4096;
/// A run of letters and digits of this length may be the body of a token.
const LONGEST_RUN: usize = 32;
/// So much of a secret leaves more to guess than anyone can: 24 digits of base62 are 143 bits.
const MAY_SHOW: usize = 8;

/// Parsing never panics; what parses can be written and parses to the same; errors are fit for a log.
pub fn check(json: &[u8]) {
    match Policy::parse(json) {
        Ok(policy) => stays_the_same(json, &policy),
        Err(error) => {
            is_presentable(&error);
            keeps_secrets(&error, json);
        }
    }
}

fn stays_the_same(json: &[u8], policy: &Policy) {
    let first: PluginConfiguration = serde_json::from_slice(json).expect("what the policy was made of");
    let written = serde_json::to_vec(&first).expect("a configuration can be written");
    let second: PluginConfiguration = serde_json::from_slice(&written).expect("what was written can be read");
    assert_eq!(first, second);
    assert_eq!(serde_json::to_vec(&second).expect("as before"), written);
    let again = Policy::parse(&written).expect("what was written is as good");
    assert_eq!(again.version(), policy.version());
    assert_eq!((again.tokens(), again.wants_reports()), (policy.tokens(), policy.wants_reports()));
    if let Some(tokens) = &first.tokens {
        assert_eq!(policy.tokens(), tokens.len(), "a token was lost");
    }
}

/// One bounded line without anything that could be a token.
pub(crate) fn is_presentable(error: &ConfigError) {
    let shown = error.to_string();
    assert!(!error.problem.is_empty(), "an error that says nothing");
    assert!(shown.len() <= LONGEST_ERROR, "{} bytes of error", shown.len());
    assert!(!shown.chars().any(char::is_control), "{shown:?}");
    for text in [&error.field, &error.problem] {
        let runs = text.split(|c: char| !c.is_ascii_alphanumeric());
        assert!(runs.map(str::len).max().unwrap_or(0) < LONGEST_RUN, "{text:?}");
    }
}

/// A token that stands in the text by mistake is not told to whoever reads the log.
fn keeps_secrets(error: &ConfigError, json: &[u8]) {
    const TOKEN: usize = 41;
    let tokens: Vec<usize> =
        (0..json.len()).filter(|at| oracle::is_token(window(json, *at, TOKEN), "gp_")).collect();
    // What also stands elsewhere, as a piece of a token that the fuzzer has copied, may be told from there.
    let mut elsewhere = json.to_vec();
    for at in &tokens {
        elsewhere[*at..at + TOKEN].fill(b' ');
    }
    let shown = error.to_string();
    for at in tokens {
        // Behind the prefix, and before the checksum, which is no secret.
        for part in json[at + 3..at + 35].windows(MAY_SHOW + 1) {
            let told = shown.as_bytes().windows(part.len()).any(|window| window == part);
            let copied = elsewhere.windows(part.len()).any(|window| window == part);
            assert!(!told || copied, "{} of a token is shown: {shown}", String::from_utf8_lossy(part));
        }
    }
}

fn window(bytes: &[u8], at: usize, length: usize) -> &[u8] {
    bytes.get(at..at + length).unwrap_or_default()
}
