//! Ways in which a configuration can be wrong. Whatever else it says must then not be enforced.

use serde_json::{Value, json};

use super::Random;

/// Takes the place of what stands at a JSON pointer; a new key is added.
type Edit = (&'static str, fn() -> Value);

const EDITS: [Edit; 60] = [
    ("/colour", || json!("red")),
    ("/settings/colour", || json!("red")),
    ("/tokens/0/colour", || json!("red")),
    ("/scopes/read_only/0/colour", || json!("red")),
    ("/report", || json!({"colour": "red"})),
    ("/report", || json!({"interval_ms": 1})),
    ("/report", || json!([])),
    ("/version", || json!(2)),
    ("/version", || json!("1")),
    ("/version", || Value::Null),
    ("/revision", || json!(17)),
    ("/revision", || json!("")),
    ("/revision", || json!("017")),
    ("/revision", || json!("-1")),
    ("/revision", || json!("1.5")),
    ("/revision", || json!("18446744073709551616")),
    ("/revision", || json!(" 7")),
    ("/epoch", || json!("a b")),
    ("/epoch", || json!("a".repeat(65))),
    ("/epoch", || Value::Null),
    ("/settings", || json!([])),
    ("/settings", || Value::Null),
    ("/settings/anonymous", || json!("Forward")),
    ("/settings/password_auth", || json!(true)),
    ("/settings/foreign_credentials", || json!("allow")),
    ("/settings/allowed_ips", || json!(["10.0.0.0/33"])),
    ("/settings/allowed_ips", || json!(["10.0.0"])),
    ("/settings/allowed_ips", || json!(["2001:db8::/129"])),
    ("/settings/allowed_ips", || json!("10.0.0.0/8")),
    ("/settings/protected_paths", || json!([])),
    ("/settings/protected_paths", || json!(["rest"])),
    ("/settings/protected_paths", || json!(["/rest/*"])),
    ("/settings/protected_paths", || json!(["/a//b"])),
    ("/settings/protected_paths", || json!(["/a/../b"])),
    ("/settings/protected_paths", || json!(["/%61"])),
    ("/settings/protected_paths", || json!(["/a?b"])),
    ("/settings/identity_headers", || json!({"user": "X-User"})),
    ("/settings/identity_headers", || json!({"user": "x user"})),
    ("/settings/identity_headers", || json!({"user": "x-a", "token_id": "x-a"})),
    ("/settings/identity_headers", || json!({"user": "host"})),
    ("/settings/forward_authorization", || json!("true")),
    ("/settings/token_headers", || json!(["a:b"])),
    ("/settings/token_headers", || json!([""])),
    ("/settings/token_prefixes", || json!([])),
    ("/settings/token_prefixes", || json!(["abcdefghijklmnopqr"])),
    ("/settings/token_prefixes", || json!(["a b"])),
    ("/settings/token_prefixes", || json!([""])),
    ("/scopes/Upper", || json!([{"methods": ["GET"]}])),
    ("/scopes/empty", || json!([])),
    ("/scopes/none", || json!([{"methods": []}])),
    ("/scopes/lower", || json!([{"methods": ["get"]}])),
    ("/scopes/path", || json!([{"methods": ["GET"], "paths": ["x"]}])),
    ("/scopes/paths", || json!([{"methods": ["GET"], "paths": []}])),
    ("/tokens", || json!({})),
    ("/tokens", || Value::Null),
    ("/tokens/0", || json!([])),
    ("/tokens/0/scope", || json!("nowhere")),
    ("/tokens/0/refuse", || json!("because")),
    ("/tokens/0/expires_at", || json!(1_798_761_600.5)),
    ("/tokens/0/expires_at", || json!(253_402_300_800_u64)),
];
const TOKEN_EDITS: [Edit; 16] = [
    ("/tokens/0/expires_at", || json!(-1)),
    ("/tokens/0/expires_at", || json!("1798761600")),
    ("/tokens/0/expires_at", || Value::Null),
    ("/tokens/0/sha256", || json!("zz")),
    ("/tokens/0/sha256", || json!("AB".repeat(32))),
    ("/tokens/0/sha256", || json!("ab".repeat(31))),
    ("/tokens/0/user", || json!("")),
    ("/tokens/0/user", || json!("fr:ed")),
    ("/tokens/0/user", || json!(" fred")),
    ("/tokens/0/user", || json!("fr\ned")),
    ("/tokens/0/user", || json!("ü".repeat(129))),
    ("/tokens/0/id", || json!("")),
    ("/tokens/0/id", || json!("a b")),
    ("/tokens/0/id", || json!("a".repeat(65))),
    ("/tokens/0/allowed_ips", || json!(["10.0.0.0/8", "x"])),
    ("/tokens/0/allowed_ips", || json!([7])),
];

/// A description and the text.
pub fn broken(random: &mut Random, whole: &Value) -> (String, String) {
    let text = whole.to_string();
    let last = text.len() - 1;
    match random.below(14) {
        0 => ("cut off".to_owned(), text[..last].to_owned()),
        1 => ("more behind it".to_owned(), text + "{}"),
        2 => ("no bytes".to_owned(), String::new()),
        3 => ("a key twice".to_owned(), format!("{},\"version\":1}}", &text[..last])),
        4 => ("tokens twice".to_owned(), format!("{},\"tokens\":[]}}", &text[..last])),
        5 => {
            let field = random.pick(&["version", "revision", "tokens"]);
            without(whole, "", field)
        }
        6 => {
            let field = random.pick(&["id", "sha256", "user"]);
            without(whole, "/tokens/0", field)
        }
        7 => {
            let field = random.pick(&["id", "sha256"]);
            let mut twin = whole.clone();
            let mut entry = twin["tokens"][0].clone();
            entry[if field == "id" { "sha256" } else { "id" }] = json!("c0".repeat(32));
            twin["tokens"].as_array_mut().expect("tokens").push(entry);
            (format!("the same {field} twice"), twin.to_string())
        }
        8..11 => edited(whole, random.item(&TOKEN_EDITS)),
        _ => edited(whole, random.item(&EDITS)),
    }
}

fn edited(whole: &Value, (pointer, value): &Edit) -> (String, String) {
    let (parent, key) = pointer.rsplit_once('/').expect("a pointer");
    let (mut whole, value) = (whole.clone(), value());
    let what = format!("{pointer} is {value}");
    match whole.pointer_mut(parent).expect("the parent") {
        Value::Array(items) => items[key.parse::<usize>().expect("an index")] = value,
        Value::Object(fields) => drop(fields.insert(key.to_owned(), value)),
        _ => panic!("{pointer} has no place"),
    }
    (what, whole.to_string())
}

fn without(whole: &Value, parent: &str, field: &str) -> (String, String) {
    let mut whole = whole.clone();
    let parent = whole.pointer_mut(parent).and_then(Value::as_object_mut).expect("the parent");
    parent.remove(field);
    (format!("no {field}"), whole.to_string())
}
