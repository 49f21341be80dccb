use super::*;
use serde_json::{Value, json};

const DIGEST: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn entry() -> Value {
    json!({"id": "deploy", "sha256": DIGEST, "user": "ci-deploy"})
}

fn of_json(value: &Value) -> Result<Document, Malformed> {
    Document::parse(Format::Json, value.to_string().as_bytes())
}

/// JSON is YAML: what is told of the one is told of the other.
fn both(value: &Value) -> Malformed {
    let json = of_json(value).unwrap_err();
    let yaml = Document::parse(Format::Yaml, value.to_string().as_bytes()).unwrap_err();
    assert_eq!(json.field, yaml.field, "{value}: {yaml:?}");
    json
}

#[test]
fn json_and_yaml_say_the_same() {
    let yaml = "
# Pushed by the pipeline of team-a.
version: 1
source: team-a
entries:
  - name: deploy
    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    user: ci-deploy
    description: deploys, nightly
    expires_at: 2027-01-31T00:00:00Z
    scope: read_only
    allowed_ips: [10.1.0.0/16, 10.2.0.1-10.2.0.2]
    disabled: true
  # Digits alone are a string all the same.
  - id: 7
    sha256: 1111111111111111111111111111111111111111111111111111111111111111
    user: 12
";
    let json = json!({"version": 1, "source": "team-a", "entries": [
        {"id": "deploy", "sha256": DIGEST, "user": "ci-deploy", "description": "deploys, nightly",
         "expires_at": "2027-01-31T00:00:00Z", "scope": "read_only",
         "allowed_ips": ["10.1.0.0/16", "10.2.0.1-10.2.0.2"], "disabled": true},
        {"id": "7", "sha256": "1".repeat(64), "user": "12"},
    ]});
    let yaml = Document::parse(Format::Yaml, yaml.as_bytes()).unwrap();
    let json = of_json(&json).unwrap();
    assert_eq!(format!("{:?}", yaml.entries), format!("{:?}", json.entries));
    assert_eq!((yaml.version, yaml.source.as_deref()), (Some(1), Some("team-a")));
    assert_eq!(json.entries[0].allowed_ips.as_ref().unwrap().len(), 3);
    assert_ne!(yaml.digest, json.digest, "each is named as it came");
}

#[test]
fn what_is_wrong_is_named_in_both() {
    let with = |name: &str, value: Value| {
        let mut wrong = entry();
        wrong[name] = value;
        json!({"entries": [entry(), wrong]})
    };
    for (document, field) in [
        (with("usr", json!("x")), "entries[1].usr"),
        (with("user", json!(null)), "entries[1].user"),
        (with("disabled", json!("yes")), "entries[1].disabled"),
        (with("allowed_ips", json!(["10.0.0.1", "x"])), "entries[1].allowed_ips[1]"),
        (with("allowed_ips", json!(null)), "entries[1].allowed_ips"),
        // Thirteen characters that come to 143 CIDRs.
        (with("allowed_ips", json!(["::1-ffff::"])), "entries[1].allowed_ips"),
        (with("scope", json!(["a"])), "entries[1].scope"),
        (with("control_plane", json!(true)), "entries[1].control_plane"),
        (json!({"entries": [{"id": "a", "user": "b"}]}), "entries[0].sha256"),
        (json!({"entries": [["a", DIGEST, "b"]]}), "entries[0]"),
        (json!({"entries": {}}), "entries"),
        (json!({"entries": null}), "entries"),
        (json!({}), "entries"),
        (json!({"version": 2, "entries": []}), "version"),
        (json!({"version": "1x", "entries": []}), "version"),
        (json!({"entries": [], "more": 1}), "more"),
    ] {
        assert_eq!(both(&document).field, field, "{document}");
    }
    for whole in [json!([]), json!("entries"), json!(null), json!(1)] {
        assert_eq!(both(&whole).field, "", "{whole}");
    }
}

#[test]
fn a_name_is_an_id_and_only_one_is_given() {
    let both = format!(r#"{{"entries": [{{"id": "a", "name": "a", "sha256": "{DIGEST}", "user": "b"}}]}}"#);
    let error = Document::parse(Format::Json, both.as_bytes()).unwrap_err();
    assert_eq!(error.field, "entries[0].id", "{error:?}");
    let twice = format!("entries:\n- id: a\n  id: a\n  sha256: {DIGEST}\n  user: b\n");
    assert!(Document::parse(Format::Yaml, twice.as_bytes()).is_err());
    let twice = format!("entries:\n- id: a\n  name: a\n  sha256: {DIGEST}\n  user: b\n");
    assert!(Document::parse(Format::Yaml, twice.as_bytes()).is_err());
}

#[test]
fn yaml_has_no_places_that_stand_for_others() {
    let deep = format!("entries: {}{}", "[".repeat(100), "]".repeat(100));
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nentries: [*b, *b]\n";
    let merged = format!("entries:\n- &d {{id: a, sha256: {DIGEST}, user: b}}\n- <<: *d\n  id: c\n");
    let two = "entries: []\n---\nentries: []\n";
    for text in [
        bomb,
        &merged,
        two,
        &deep,
        "entries: []\n}",
        "entries: [\n",
        "\t- a",
        "",
        "!!binary aGk=",
        "? a\n: b",
    ] {
        let error = Document::parse(Format::Yaml, text.as_bytes());
        assert!(error.is_err(), "{text}");
    }
    assert!(Document::parse(Format::Yaml, b"entries: [\xff]").is_err());
}

#[test]
fn errors_do_not_repeat_what_they_are_about() {
    let secret = "gp_0123456789ABCDEFGHIJKLMNOPQRSTUV0kO87M";
    for text in [
        format!("entries: [{{id: a, sha256: {DIGEST}, user: b, disabled: {secret}}}]"),
        format!("entries: {secret}"),
        format!("entries:\n- id: a\n  user: \"{secret}\n"),
        format!("entries: [{{id: a, sha256: {DIGEST}, user: b, allowed_ips: [{secret}]}}]"),
        format!("entries: [{{id: a, sha256: {DIGEST}, user: b, scope: {{x: {secret}}}}}]"),
        format!("*{secret}"),
        format!("!{secret} a"),
    ] {
        let error = Document::parse(Format::Yaml, text.as_bytes()).unwrap_err();
        assert!(!format!("{error:?}").contains(&secret[..20]), "{error:?}");
    }
}

#[test]
fn no_more_is_read_than_a_source_may_have() {
    let entries = vec![json!({"id": "a", "sha256": "", "user": ""}); MAX_ENTRIES as usize + 1];
    let document = json!({"entries": entries}).to_string();
    // Not even to the end, where it is no JSON.
    let cut = document.strip_suffix("]}").unwrap();
    let refused = Document::parse(Format::Json, cut.as_bytes()).unwrap_err();
    assert_eq!(
        (refused.field.as_str(), refused.problem.contains(&format!("{MAX_ENTRIES} entries"))),
        ("entries", true)
    );
}
