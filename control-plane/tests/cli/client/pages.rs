//! Lists that are longer than a page.

use serde_json::Value;

use super::fake::{Fake, json};
use super::site::{Site, Told, bare};

fn descriptions(list: &Value) -> Vec<&str> {
    list["items"].as_array().unwrap().iter().map(|item| item["description"].as_str().unwrap()).collect()
}

#[test]
fn a_list_goes_on_where_it_ended_and_can_be_had_whole() {
    let site = Site::new();
    for name in ["one", "two", "three"] {
        site.token(&[name]);
    }
    let told = site.run(&["token", "list", "--limit", "2"]);
    assert!(told.err.contains("--all"), "a person is told that there are more: {told:?}");
    assert_eq!(told.good().lines().count(), 3, "a head and two");
    let list = |arguments: &[&str]| {
        site.run(&[&["token", "list", "--sort", "created", "--output", "json"], arguments].concat()).json()
    };
    let first = list(&["--limit", "3"]);
    assert_eq!(descriptions(&first)[1..], ["one", "two"]);
    let rest = list(&["--cursor", first["next_cursor"].as_str().unwrap()]);
    assert_eq!(descriptions(&rest), ["three"]);
    assert_eq!(rest["next_cursor"], Value::Null);
    let told = site.run(&["token", "list", "--all"]);
    assert!(told.err.is_empty() && told.good().lines().count() == 5);
    let found = list(&["--description", "WO", "--user", "admin", "--state", "active"]);
    assert_eq!(descriptions(&found), ["two"]);
    let sorted = ["token", "list", "--sort", "-description", "--description", "o", "--output", "json"];
    assert_eq!(descriptions(&site.run(&sorted).json())[0], "two");
    assert!(site.run(&["token", "list", "--state", "odd"]).bad(1).contains("state"));
    assert!(site.run(&["token", "list", "--user", "nobody"]).bad(4).contains("404 not_found"));
    site.run(&["token", "list", "--limit", "0"]).bad(2);
}

#[test]
fn pages_are_asked_for_until_there_are_enough_and_not_for_ever() {
    let site = Site::new();
    let run = |fake: &Fake, arguments: &[&str]| {
        let mut command = bare(&site.place, &[&["token", "list", "--output", "json"], arguments].concat());
        command.env("GATEPASS_SERVER", &fake.url).env("GATEPASS_TOKEN", "gp_x");
        Told::by(command.output().unwrap())
    };
    let page = |count: usize, next: &str| {
        let items = vec![r#"{"id": "a"}"#; count].join(",");
        json(&format!(r#"{{"items": [{items}], "next_cursor": {next}}}"#))
    };
    let fake = Fake::answering(vec![page(200, "\"a\""), page(50, "\"b\""), page(1, "null")]);
    assert_eq!(run(&fake, &["--limit", "250"]).json()["next_cursor"], "b");
    let asked: Vec<_> =
        fake.requests().iter().map(|request| request.lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        asked,
        ["GET /api/v1/tokens?limit=200 HTTP/1.1", "GET /api/v1/tokens?limit=50&cursor=a HTTP/1.1"]
    );
    let fake = Fake::answering(vec![page(1, "\"a\""), page(1, "\"b\""), page(1, "\"b\"")]);
    assert!(run(&fake, &["--all"]).bad(1).contains("does not go on"));
    let fake = Fake::answering(vec![page(0, "\"a\"")]);
    assert!(run(&fake, &["--all"]).bad(1).contains("does not go on"));
}
