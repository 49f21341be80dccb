//! Users from a file.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{Gate, Reply};

async fn send(gate: &Gate, query: &str, kind: &str, file: impl Into<Vec<u8>>) -> Reply {
    let request = Request::builder().method(Method::POST).uri(format!("/api/v1/users/import{query}"));
    let request =
        request.header("host", "localhost").header("authorization", format!("Bearer {}", gate.admin));
    gate.send(request.header("content-type", kind).body(Body::from(file.into())).unwrap()).await
}

async fn csv(gate: &Gate, file: &str) -> Reply {
    send(gate, "", "text/csv; charset=utf-8", file).await
}

async fn json(gate: &Gate, file: Value) -> Reply {
    send(gate, "", "application/json", file.to_string()).await
}

fn errors(reply: &Reply) -> Vec<(u64, String, String)> {
    let json = reply.refused(400, "invalid").json();
    let errors = json["errors"].as_array().unwrap();
    let place = |error: &Value| error["line"].as_u64().or_else(|| error["item"].as_u64()).unwrap();
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    errors.iter().map(|error| (place(error), text(error, "field"), text(error, "detail"))).collect()
}

const PEOPLE: &str = "\u{feff}name,role,display_name,email,groups,active\r\n\
    fred,user,\"Fred, the \"\"first\"\"\",fred@example.com,dev; ops,\r\n\
    \r\n\
    mary,token_manager,,,,TRUE\r\n\
    old,user,\"two\u{2028}lines\",,,false\r\n";

#[tokio::test]
async fn csv_says_what_it_would_do_and_then_does_it() {
    let gate = Gate::start().await;
    let before = gate.state().await;
    let would = send(&gate, "?dry_run=true", "text/csv", PEOPLE).await.ok(200);
    assert_eq!(gate.state().await, before, "nothing is done");
    let mut report = csv(&gate, PEOPLE).await.ok(200);
    assert_eq!((&would["dry_run"], &report["dry_run"]), (&json!(true), &json!(false)));
    report["dry_run"] = json!(true);
    assert_eq!(would, report);
    assert_eq!(
        report["changes"][0],
        json!({"line": 2, "name": "fred", "before": null, "after": {"role": "user", "active": true,
               "display_name": "Fred, the \"first\"", "email": "fred@example.com", "exempt_from_suspension": false, "groups": ["dev", "ops"]}})
    );
    assert_eq!(report["changes"][1]["line"], 4, "lines are those of the file");
    let fred = gate.get("/users/fred", &gate.admin).await.ok(200);
    assert_eq!((&fred["groups"], &fred["has_password"]), (&json!(["dev", "ops"]), &json!(false)));
    assert_eq!(gate.get("/users/old", &gate.admin).await.ok(200)["active"], false);
    let audit = gate.get("/audit?action=user.created", &gate.admin).await.ok(200);
    let targets: Vec<_> = audit["items"].as_array().unwrap().iter().map(|entry| &entry["target"]).collect();
    assert_eq!(targets, ["user:old", "user:mary", "user:fred", "user:admin"]);
}

#[tokio::test]
async fn who_is_there_gets_what_the_file_says_and_nothing_else() {
    let gate = Gate::start().await;
    csv(&gate, PEOPLE).await.ok(200);
    let again = csv(&gate, PEOPLE).await.ok(200);
    assert_eq!((&again["unchanged"], &again["changes"]), (&json!(3), &json!([])));
    let made = gate.token(&gate.admin, json!({"description": "x", "user": "fred"})).await;
    let before = gate.version().await;
    let file = "name,email,active\nfred,,\nmary,mary@example.com,false\n";
    let report = csv(&gate, file).await.ok(200);
    assert_eq!(
        report,
        json!({"dry_run": false, "created": 0, "updated": 2, "unchanged": 0, "changes": [
            {"line": 2, "name": "fred", "before": {"email": "fred@example.com"}, "after": {"email": null}},
            {"line": 3, "name": "mary", "before": {"active": true, "email": null},
             "after": {"active": false, "email": "mary@example.com"}}]})
    );
    assert_eq!(gate.version().await.revision, before.revision + 1, "mary's tokens stop");
    let fred = gate.get("/users/fred", &gate.admin).await.ok(200);
    assert_eq!((&fred["role"], &fred["groups"]), (&json!("user"), &json!(["dev", "ops"])));
    let stopped = json(&gate, json!({"users": [{"name": "fred", "active": false}]})).await;
    assert_eq!(stopped.header("gatepass-revision"), gate.delivered()["revision"]);
    assert_eq!(gate.delivered_token(made["id"].as_str().unwrap()).unwrap()["refuse"], "user_inactive");
}

#[tokio::test]
async fn json_takes_the_fields_of_a_patch() {
    let gate = Gate::start().await;
    let file = json!({"users": [{"name": "fred", "role": "user", "groups": ["b", "a"]},
                                {"name": "mary", "role": "admin", "display_name": "Mary"}]});
    let report = json(&gate, file).await.ok(200);
    assert_eq!((&report["created"], &report["changes"][1]["item"]), (&json!(2), &json!(1)));
    let file = json!({"users": [{"name": "mary", "display_name": null}, {"name": "fred"}]});
    let report = json(&gate, file).await.ok(200);
    assert_eq!(
        report["changes"],
        json!([{"item": 0, "name": "mary", "before": {"display_name": "Mary"}, "after": {"display_name": null}}])
    );
    assert_eq!(report["unchanged"], 1);
}

#[tokio::test]
async fn each_error_names_its_row_and_field_and_nothing_is_done() {
    let gate = Gate::start().await;
    gate.person("Fred", "user").await;
    let before = gate.state().await;
    let long = "a".repeat(256);
    let file = format!(
        "name,role,active,email\n\
         good,user,,\n\
         ,user,,\n\
         a:b,user,,\n\
         anna,boss,,\n\
         anna,user,maybe,\n\
         berta,,,\n\
         fred,user,,\n\
         good,user,,\n\
         long,user,,{long}\n\
         short,user\n"
    );
    let reply = csv(&gate, &file).await;
    let found = errors(&reply);
    let places: Vec<_> = found.iter().map(|(line, field, _)| (*line, field.as_str())).collect();
    let mut sorted = places.clone();
    sorted.sort_unstable();
    let all = [
        (3, "name"),
        (4, "name"),
        (5, "role"),
        (6, "active"),
        (7, "role"),
        (8, "name"),
        (9, "name"),
        (10, "email"),
        (11, ""),
    ];
    assert_eq!(sorted, all, "{reply:?}");
    assert!(found.iter().any(|(_, _, detail)| detail == "is also that of line 2"), "{reply:?}");
    assert!(!reply.text.contains("boss") && !reply.text.contains("maybe"), "values are not repeated");

    let file = json!({"users": [{"name": "x", "role": "user", "colour": "red"}, {"role": "user"}, 5, [],
                                {"name": "y", "role": "user", "groups": ["a", 7]}, {"name": "z", "role": "x"}]});
    let reply = json(&gate, file).await;
    let places: Vec<_> = errors(&reply).into_iter().map(|(item, field, _)| (item, field)).collect();
    let mut sorted = places.clone();
    sorted.sort_unstable();
    let all = [(0, "colour"), (1, "name"), (2, ""), (3, ""), (4, "groups[1]"), (5, "role")];
    assert_eq!(sorted, all.map(|(item, field)| (item, field.to_owned())), "{reply:?}");
    assert_eq!(gate.state().await, before);
}

#[tokio::test]
async fn a_file_is_refused_whole_when_it_is_none() {
    let gate = Gate::start().await;
    for file in ["", "fred,user\n", "name,colour\n", "name,name\n", "role\n"] {
        let reply = csv(&gate, file).await;
        assert_eq!(errors(&reply)[0].0, 1, "{file:?} {reply:?}");
    }
    let latin = send(&gate, "", "text/csv", b"name,role\nJ\xf6rg,user\n".to_vec()).await;
    assert_eq!(errors(&latin), [(2, String::new(), "is not UTF-8".to_owned())]);
    for file in ["", "[]", "{", "{\"users\": [}", "{\"users\": {}}", "{\"people\": []}", "{\"users\": []} x"]
    {
        send(&gate, "", "application/json", file).await.refused(400, "invalid");
    }
    send(&gate, "", "text/plain", "name\n").await.refused(415, "unsupported_media_type");
    send(&gate, "?dry_run=maybe", "text/csv", "name\n").await.wrong("dry_run");
    let rows: String = (0..5001).map(|number| format!("u{number},user\n")).collect();
    csv(&gate, &format!("name,role\n{rows}")).await.wrong("users");
    let big = "x".repeat(2 * 1024 * 1024 + 1);
    csv(&gate, &big).await.refused(413, "body_too_large");
}

#[tokio::test]
async fn an_import_leaves_an_active_admin() {
    let gate = Gate::start().await;
    let before = gate.state().await;
    csv(&gate, "name,role\nadmin,user\n").await.refused(409, "last_admin");
    csv(&gate, "name,active\nadmin,false\n").await.refused(409, "last_admin");
    assert_eq!(gate.state().await, before);
    send(&gate, "?dry_run=true", "text/csv", "name,role\nadmin,user\n").await.refused(409, "last_admin");
    csv(&gate, "name,role\nadmin,user\nmary,admin\n").await.ok(200);
    gate.get("/users", &gate.admin).await.refused(403, "admin_required");
}

#[tokio::test]
async fn five_thousand_are_imported_at_once_and_nobody_is_called_import() {
    let gate = Gate::start().await;
    let rows: String = (0..4999).map(|number| format!("user{number},user,,team;all\n")).collect();
    let file = format!("name,role,email,groups\nberta,user,,\n{rows}");
    let report = csv(&gate, &file).await.ok(200);
    assert_eq!(report["created"], 5000);
    assert_eq!(errors(&csv(&gate, "name,role\nImport,user\n").await)[0].1, "name");
    gate.get("/users/import", &gate.admin).await.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn only_admins_import() {
    let gate = Gate::start().await;
    for (name, role) in [("fred", "user"), ("mary", "token_manager")] {
        let token = gate.person(name, role).await;
        gate.post("/users/import", &token, json!({"users": []})).await.refused(403, "admin_required");
    }
    gate.post("/users/import", "", json!({"users": []})).await.refused(401, "credentials_missing");
}
