//! Scopes: what a token may be used for.

use super::{Request, folded, path};

/// One rule of a scope.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Compared exactly.
    pub methods: Vec<String>,
    /// `None`: every path.
    pub paths: Option<Vec<String>>,
}

/// Headers by which a client asks the service for another method or another path than it asks the gate for.
pub const OVERRIDES: [&str; 5] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];

/// Whether any rule admits the request, and nothing in it asks for something else behind the gate.
pub fn admits(rules: &[Rule], request: &Request) -> bool {
    let overridden = request.headers.iter().any(|(name, _)| OVERRIDES.contains(&folded(name).as_str()));
    let target = request.target.as_deref();
    !overridden && !target.is_some_and(overrides_method) && rules.iter().any(|rule| rule.admits(request))
}

impl Rule {
    fn admits(&self, request: &Request) -> bool {
        let below = |paths| path::covered(request.target.as_deref(), paths).unwrap_or(false);
        self.methods.contains(&request.method) && self.paths.as_deref().is_none_or(below)
    }
}

/// Whether the query has a parameter that some parser takes for `_method`: after `&` or `;`, escaped, in any case, with
/// blanks before it, as an array (`_method[]`), in brackets itself (`[_method]`, to Express and older Racks), cut short
/// by a NUL, or with what PHP turns into an underscore.
fn overrides_method(target: &[u8]) -> bool {
    let Some(start) = target.iter().position(|byte| *byte == b'?') else { return false };
    target[start + 1..].split(|byte| matches!(byte, b'&' | b';')).any(|parameter| {
        let name = parameter.split(|byte| *byte == b'=').next().unwrap_or_default();
        let name = decoded(name);
        let name = name.trim_ascii_start();
        let (name, ends): (&[u8], &[u8]) =
            name.strip_prefix(b"[").map_or((name, b"[\0"), |name| (name, b"]\0"));
        let name = name.split(|byte| ends.contains(byte)).next().unwrap_or_default();
        let name: Vec<u8> = name.iter().map(|b| if b". ".contains(b) { b'_' } else { *b }).collect();
        name.eq_ignore_ascii_case(b"_method")
    })
}

/// A query's text with `+` and escapes resolved; broken escapes stay.
fn decoded(text: &[u8]) -> Vec<u8> {
    let hex = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < text.len() {
        match (text[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.extend(u8::try_from(high * 16 + low));
                at += 3;
            }
            (byte, ..) => {
                decoded.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    decoded
}
