//! JSON merge patches (RFC 7396), on JSON as it was written: what reads the result refuses duplicate keys, and so does
//! the merge.

use gatepass::config::wire::UniqueMap;
use serde_json::value::RawValue;

/// The members of a JSON object, their values as they were written.
pub type Members = UniqueMap<Box<RawValue>>;

/// `target` after `patch`: objects are merged member by member, `null` removes a member, everything else replaces it.
///
/// # Errors
/// An object holds a key twice.
pub fn apply(target: &mut Members, patch: &Members) -> Result<(), serde_json::Error> {
    for (name, value) in &patch.0 {
        match merged(target.0.get(name).map(AsRef::as_ref), value)? {
            Some(value) => target.0.insert(name.clone(), value),
            None => target.0.remove(name),
        };
    }
    Ok(())
}

fn merged(old: Option<&RawValue>, patch: &RawValue) -> Result<Option<Box<RawValue>>, serde_json::Error> {
    if patch.get() == "null" {
        return Ok(None);
    }
    let Some(patch) = object(patch)? else { return Ok(Some(patch.to_owned())) };
    let mut members = old.map(object).transpose()?.flatten().unwrap_or_default();
    apply(&mut members, &patch)?;
    serde_json::value::to_raw_value(&members).map(Some)
}

fn object(value: &RawValue) -> Result<Option<Members>, serde_json::Error> {
    // A raw value has no space around it.
    if value.get().starts_with('{') { serde_json::from_str(value.get()).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patched(target: &str, patch: &str) -> Result<String, String> {
        let mut target = serde_json::from_str(target).unwrap();
        let patch: Members = serde_json::from_str(patch).map_err(|error| error.to_string())?;
        apply(&mut target, &patch).map_err(|error| error.to_string())?;
        Ok(serde_json::to_string(&target).unwrap())
    }

    /// The examples of RFC 7396, appendix A, whose patch and target are objects, and more.
    #[test]
    fn patches_of_the_rfc() {
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"a":1,"e":null}"#),
            (r#"{"a":"foo"}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
            (r#"{"a":[1,2]}"#, r#"{"a":[null]}"#, r#"{"a":[null]}"#),
            (r#"{"a":1}"#, r#"{ "a" : null }"#, "{}"),
            (r#"{"a":1}"#, "{}", r#"{"a":1}"#),
        ] {
            assert_eq!(patched(target, patch).as_deref(), Ok(result), "{target} {patch}");
        }
    }

    #[test]
    fn a_key_given_twice_is_refused_at_every_depth_that_is_merged() {
        for patch in [r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"b":null}}"#, r#"{"x":{"y":{"b":1,"b":2}}}"#] {
            assert!(patched("{}", patch).unwrap_err().contains("duplicate key"), "{patch}");
        }
    }
}
