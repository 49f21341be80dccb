//! Methods and request targets: canonical, ambiguous and escaped ones around the configured prefixes.
//!
//! Bytes with which Envoy refuses a request line by itself do not occur: blanks, control and non-ASCII bytes, `#`.

use serde_json::Value;

use super::Random;
use super::configuration::PATHS;

const METHODS: [&str; 17] = [
    "GET", "GET", "GET", "GET", "GET", "HEAD", "OPTIONS", "POST", "POST", "POST", "PUT", "DELETE", "PATCH",
    "PROPFIND", "REPORT", "SEARCH", "PURGE",
];
const ENDS: [&str; 63] = [
    "",
    "",
    "",
    "",
    "/",
    "/",
    "/a",
    "/a",
    "/a/b.c",
    "less",
    "x",
    "/%61",
    "/a%20b",
    "/..",
    "/../x",
    "/.",
    "/./x",
    "//",
    "//x",
    ";x=1",
    ";",
    "/;/a",
    "/a;b/c",
    "\\",
    "/\\x",
    "%2f",
    "/%2Fx",
    "%5c",
    "/%2e",
    "/%2E%2e/x",
    "/.%2e/x",
    "/%3b",
    "/%25",
    "/%00",
    "/%0a",
    "/%7F",
    "/%zz",
    "/%",
    "/%4",
    "%",
    "/%c3%a9",
    "/%C3%A9",
    "/%c0%af",
    "/%ff",
    "/%ed%a0%80",
    "/...",
    "/.a",
    "/a..",
    "/%23",
    "/%3f",
    "/@",
    "/%40",
    "/*",
    "/|\"{}",
    "/^`<>",
    "/~",
    "/a%2bb",
    "/in/a",
    "/api/2/search",
    "/%e2%80%ae",
    "/%c2%85",
    "/%c2%80x",
    "/%ef%bf%bf",
];
const QUERIES: [&str; 50] = [
    "?[_method]=x",
    "?",
    "?a=b",
    "?a=/../b",
    "?a=//",
    "?a?b",
    "?;",
    "?a;b",
    "?%zz",
    "?%2f",
    "?_method=DELETE",
    "?a=b&_method=PUT",
    "?a;_method=PUT",
    "?%5fmethod=PUT",
    "?%5Fm%65thod=PUT",
    "?_method",
    "?_method=",
    "?_method[]=PUT",
    "?+_method=PUT",
    "?%20_method=PUT",
    "?_METHOD=PUT",
    "?.method=PUT",
    "?x_method=PUT",
    "?_methods=PUT",
    "?a=_method",
    "?a=%26_method=PUT",
    "?%255fmethod=PUT",
    "?method=PUT",
    "?a=?_method=PUT",
    "?&&_method=x",
    "?__method=x",
    "?_method%00=x",
    "?_method%00y=x",
    "?_method.x=y",
    "?_method%20=PUT",
    "?%09_method=PUT",
    "?_%6d%65thod=x",
    "?a[_method]=x",
    "?-method=x",
    "?_Method%5B=x",
    "?%20.method=x",
    "?_method%5D=x",
    "?%c2%a0_method=x",
    "?_method+=x",
    "?%00_method=x",
    "?%0a_method=x",
    "?_method:x=y",
    "?_%2525method=x",
    "?_m%e9thod=x",
    "?_method%5B%5D=PUT",
];

/// A method.
pub fn method(random: &mut Random) -> &'static str {
    random.pick(&METHODS)
}

/// Path and query. `token` may stand in the query, where nobody looks for one.
pub fn target(random: &mut Random, configuration: &Value, token: &str) -> String {
    let mut path = base(random, configuration);
    if random.percent(8) {
        path = escaped(random, &path);
    }
    if random.percent(3) {
        path = random.recased(&path);
    }
    let end = random.pick(&ENDS);
    if path.ends_with('/') && end.starts_with('/') && random.percent(90) {
        path.pop();
    }
    path += end;
    if random.percent(2) {
        path += &"/0123456789".repeat(random.below(300));
    }
    if random.percent(25) {
        path += random.pick(&QUERIES);
    } else if random.percent(3) {
        path += &format!("?token={token}");
    }
    // Envoy refuses what does not begin with a slash, as it does an empty path.
    if path.starts_with('/') { path } else { format!("/{path}") }
}

fn base(random: &mut Random, configuration: &Value) -> String {
    let protected = configuration["settings"]["protected_paths"].as_array();
    let mut known: Vec<&str> = protected.into_iter().flatten().filter_map(Value::as_str).collect();
    let rules = configuration["scopes"].as_object().into_iter().flat_map(|scopes| scopes.values());
    let rules = rules.filter_map(Value::as_array).flatten();
    known.extend(rules.filter_map(|rule| rule["paths"].as_array()).flatten().filter_map(Value::as_str));
    if known.is_empty() || random.percent(30) {
        known = PATHS.to_vec();
        known.extend(["/open", "/restless"]);
    }
    let path = random.item(&known);
    if random.percent(60) { path.trim_end_matches('/').to_owned() } else { (*path).to_owned() }
}

/// With some characters escaped, in either case of hex digits.
fn escaped(random: &mut Random, path: &str) -> String {
    let mut escaped = String::new();
    for character in path.chars() {
        if character.is_ascii_alphanumeric() && random.percent(20) {
            escaped += &format!("%{:02x}", character as u32);
        } else if character != '/' && character != '%' && random.percent(10) {
            escaped += &format!("%{:02X}", character as u32);
        } else {
            escaped.push(character);
        }
    }
    escaped
}
