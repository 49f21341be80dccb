//! The bounds of a report's fields. What is refused here is refused with the whole report, and never repeated: a value
//! may be a secret that got into the wrong place.

use std::collections::BTreeMap;

use crate::domain::malformed::Malformed;

/// Longest node id, cluster and instance, in bytes. Istio's node ids name an address, a pod and two namespaces.
const MAX_LABEL: usize = 512;
/// Longest module version and epoch, in bytes.
const MAX_NAME: usize = 64;
/// Digits of a worker.
const WORKER_DIGITS: usize = 16;
/// Longest name of a decision, in bytes.
const MAX_DECISION: usize = 48;
/// Most names of decisions.
const MAX_DECISIONS: usize = 64;
/// Longest user agent, in bytes.
const MAX_USER_AGENT: usize = 256;
/// The last second of the year 9999, in Unix time.
const END_OF_TIME: u64 = 253_402_300_799;

/// A field that is wrong.
pub(super) fn wrong(field: impl Into<String>, problem: impl Into<String>) -> Malformed {
    Malformed { field: field.into(), problem: problem.into() }
}

fn holds(condition: bool, field: &str, problem: impl FnOnce() -> String) -> Result<(), Malformed> {
    if condition { Ok(()) } else { Err(wrong(field, problem())) }
}

/// What an operator named: any text without control characters. It may be empty: Envoy's node has no name by default.
pub(super) fn label(field: &str, text: &str) -> Result<(), Malformed> {
    let good = text.len() <= MAX_LABEL && !text.chars().any(char::is_control);
    holds(good, field, || format!("must have at most {MAX_LABEL} bytes and no control characters"))
}

pub(super) fn worker(text: &str) -> Result<(), Malformed> {
    let digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let good = text.len() == WORKER_DIGITS && text.bytes().all(digit);
    holds(good, "worker", || format!("must be {WORKER_DIGITS} lower-case hex digits"))
}

pub(super) fn module_version(text: &str) -> Result<(), Malformed> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".+-_".contains(&b);
    let good = (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(allowed);
    holds(good, "module_version", || {
        format!("must be 1 to {MAX_NAME} letters, digits, '.', '+', '-' and '_'")
    })
}

/// As in the plugin configuration, where it may also be empty.
pub(super) fn epoch(text: &str) -> Result<(), Malformed> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    let good = text.len() <= MAX_NAME && text.bytes().all(allowed);
    holds(good, "epoch", || format!("must be at most {MAX_NAME} letters, digits, '-', '_' and '.'"))
}

/// A decimal number, as in the plugin configuration.
pub(super) fn revision(text: &str) -> Result<u64, Malformed> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let number = text.parse().ok().filter(|_| canonical);
    number.ok_or_else(|| wrong("revision", "must be a decimal number as a string, without a leading zero"))
}

/// A number that every database can keep.
pub(super) fn count(field: &str, number: u64) -> Result<u64, Malformed> {
    holds(i64::try_from(number).is_ok(), field, || format!("must be at most {}", i64::MAX))?;
    Ok(number)
}

pub(super) fn time(field: &str, seconds: u64) -> Result<i64, Malformed> {
    let seconds = i64::try_from(seconds).ok().filter(|_| seconds <= END_OF_TIME);
    seconds.ok_or_else(|| wrong(field, "must be Unix time in seconds, before the year 10000"))
}

pub(super) fn decisions(decisions: BTreeMap<String, u64>) -> Result<BTreeMap<String, u64>, Malformed> {
    holds(decisions.len() <= MAX_DECISIONS, "decisions", || format!("has more than {MAX_DECISIONS} names"))?;
    for (name, number) in &decisions {
        let plain =
            |code: &str| !code.is_empty() && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let code = name.strip_prefix("allow.").or_else(|| name.strip_prefix("refuse."));
        holds(name.len() <= MAX_DECISION && code.is_some_and(plain), "decisions", || {
            "has a name that is neither allow.… nor refuse.… with lower-case letters and '_'".to_owned()
        })?;
        count(&format!("decisions.{name}"), *number)?;
    }
    Ok(decisions)
}

/// What a client called itself. It is not the proxy's fault if that holds a control character, and one client must not
/// get a whole report refused: each becomes U+FFFD.
pub(super) fn user_agent(text: String) -> Result<String, Malformed> {
    holds(text.len() <= MAX_USER_AGENT, "user_agent", || {
        format!("must have at most {MAX_USER_AGENT} bytes")
    })?;
    Ok(text.replace(char::is_control, "\u{fffd}"))
}
