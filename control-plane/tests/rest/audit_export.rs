use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::Gate;

/// What an export holds of entries 3 and 4, whose MACs are `macs`.
async fn two_entries(gate: &Gate) -> (String, [String; 2]) {
    gate.post(
        "/users",
        &gate.admin,
        json!({"name": "fred", "role": "user", "display_name": "=HYPERLINK(\"x\")"}),
    )
    .await
    .ok(201);
    gate.patch("/users/fred", &gate.admin, json!({"display_name": "F \"\u{202e}\";-1"})).await.ok(200);
    let page = gate.get("/audit?target=user:fred", &gate.admin).await.ok(200);
    let mac = |place: usize| page["items"][place]["mac"].as_str().unwrap().to_owned();
    let token = gate.get("/whoami", &gate.admin).await.json()["token"]["id"].as_str().unwrap().to_owned();
    (token, [mac(0), mac(1)])
}

#[tokio::test]
async fn an_export_as_csv_runs_no_formula() {
    let gate = Gate::start().await;
    let (token, [updated, created]) = two_entries(&gate).await;
    let reply = gate.get("/audit?format=csv&target=user:fred", &gate.admin).await;
    assert_eq!(reply.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(reply.header("content-disposition"), "attachment; filename=\"gatepass-audit.csv\"");
    assert_eq!(reply.header("cache-control"), "no-store");
    let user = r#"""active"":true,""created_at"":""2026-11-22T09:00:00Z"""#;
    let rest = r#"""email"":null,""exempt_from_suspension"":false,""groups"":[],""name"":""fred"",""role"":""user"""#;
    let first = format!(r#"{{{user},""display_name"":""'=HYPERLINK(\""x\"")"",{rest}}}"#);
    let second = format!(r#"{{{user},""display_name"":""F \""\u202e\"";'-1"",{rest}}}"#);
    let at = r#""2026-11-22T09:00:00Z","admin""#;
    let expected = format!(
        "\"seq\",\"at\",\"actor\",\"actor_token_id\",\"ip\",\"action\",\"target\",\"before\",\"after\",\"mac\"\r\n\
         \"4\",{at},\"{token}\",\"127.0.0.1\",\"user.updated\",\"user:fred\",\"{first}\",\"{second}\",\"{updated}\"\r\n\
         \"3\",{at},\"{token}\",\"127.0.0.1\",\"user.created\",\"user:fred\",\"\",\"{first}\",\"{created}\"\r\n"
    );
    assert_eq!(reply.text, expected);
}

#[tokio::test]
async fn an_export_as_json_lines_holds_each_entry_as_it_is() {
    let gate = Gate::start().await;
    let (token, [updated, created]) = two_entries(&gate).await;
    let reply = gate.get("/audit?format=jsonl&target=user:fred", &gate.admin).await;
    assert_eq!(reply.header("content-type"), "application/x-ndjson");
    let user = r#""active":true,"created_at":"2026-11-22T09:00:00Z""#;
    let rest = r#""email":null,"exempt_from_suspension":false,"groups":[],"name":"fred","role":"user""#;
    let first = format!(r#"{{{user},"display_name":"=HYPERLINK(\"x\")",{rest}}}"#);
    let second = format!(r#"{{{user},"display_name":"F \"\u202e\";-1",{rest}}}"#);
    let who =
        format!(r#""at":"2026-11-22T09:00:00Z","actor":"admin","actor_token_id":"{token}","ip":"127.0.0.1""#);
    let expected = format!(
        "{{\"seq\":4,{who},\"action\":\"user.updated\",\"target\":\"user:fred\",\"before\":{first},\"after\":{second},\
         \"mac\":\"{updated}\"}}\n\
         {{\"seq\":3,{who},\"action\":\"user.created\",\"target\":\"user:fred\",\"before\":null,\"after\":{first},\
         \"mac\":\"{created}\"}}\n"
    );
    assert_eq!(reply.text, expected);
    let page = gate.get("/audit?target=user:fred", &gate.admin).await.ok(200);
    let lines: Vec<Value> = reply.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::from(lines), page["items"], "what the pages show");
}

#[tokio::test]
async fn accept_chooses_the_format_where_the_query_does_not() {
    let gate = Gate::start().await;
    for (query, accept, kind) in [
        ("", "", "application/json"),
        ("", "*/*", "application/json"),
        ("", "text/html,*/*;q=0.8", "application/json"),
        ("", "application/json, text/csv", "application/json"),
        ("", "TEXT/CSV; q=0.9, */*", "text/csv; charset=utf-8; header=present"),
        ("", "application/x-ndjson", "application/x-ndjson"),
        ("", "application/jsonl", "application/x-ndjson"),
        ("?format=json", "text/csv", "application/json"),
        ("?format=csv", "application/json", "text/csv; charset=utf-8; header=present"),
    ] {
        let request = Request::builder().uri(format!("/api/v1/audit{query}")).header("host", "localhost");
        let request =
            request.header("authorization", format!("Bearer {}", gate.admin)).header("accept", accept);
        let reply = gate.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, kind), "{query} {accept}");
    }
}

#[tokio::test]
async fn an_export_holds_every_entry_and_is_for_admins() {
    let gate = Gate::start().await;
    let mary = gate.person("mary", "token_manager").await;
    let weak = crate::support::secret(&gate.token(&gate.admin, json!({"description": "weak"})).await);
    for format in ["csv", "jsonl"] {
        let path = format!("/audit?format={format}");
        gate.get(&path, &mary).await.refused(403, "admin_required");
        gate.get(&path, &weak).await.refused(403, "control_plane_required");
        gate.get(&path, "").await.refused(401, "credentials_missing");
    }
    gate.settings(json!({"max_tokens_per_user": 10_000})).await;
    // More than are read at a time.
    for round in 0..420 {
        let patch = json!({"display_name": format!("Mary {round}")});
        gate.patch("/users/mary", &gate.admin, patch).await.ok(200);
    }
    let text = gate.get("/audit?format=jsonl", &gate.admin).await.text;
    let numbers =
        text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["seq"].as_i64().unwrap());
    assert_eq!(numbers.collect::<Vec<_>>(), (1..=426).rev().collect::<Vec<_>>());
}
