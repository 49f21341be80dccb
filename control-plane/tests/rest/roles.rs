//! Every operation of the OpenAPI document, asked by everyone: what `roles.md` says is what they get.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::{Value, json};

use crate::openapi::{is_of, operations};
use crate::support::{Gate, Reply, id, secret};

const TABLE: &str = include_str!("roles.md");

/// The rows of the table whose first heading is `first`, each by its headings.
fn rows(first: &str) -> Vec<BTreeMap<&'static str, &'static str>> {
    let cells = |line: &'static str| -> Vec<&'static str> {
        line.trim_matches('|').split('|').map(str::trim).collect()
    };
    let mut lines = TABLE.lines().skip_while(|line| !line.starts_with(&format!("| {first} |")));
    let headings = cells(lines.next().unwrap());
    let body = lines.skip(1).take_while(|line| line.starts_with('|'));
    let row = |line| {
        let cells = cells(line);
        assert_eq!(cells.len(), headings.len(), "{line}");
        headings.iter().copied().zip(cells).collect()
    };
    body.map(row).collect()
}

/// What a word of the table means: a status, and the code of a problem.
fn outcome(word: &str) -> String {
    let said = rows("word").into_iter().find(|row| row["word"] == word).map(|row| row["means"].to_owned());
    said.unwrap_or_else(|| {
        assert!(
            word.parse::<u16>().is_ok_and(|status| (200..300).contains(&status)),
            "what does {word} mean?"
        );
        word.to_owned()
    })
}

fn got(reply: &Reply) -> String {
    let code = reply.json()["code"].as_str().map(str::to_owned).filter(|_| reply.status.as_u16() >= 400);
    format!("{} {}", reply.status.as_u16(), code.unwrap_or_default()).trim_end().to_owned()
}

struct Stage {
    gate: Gate,
    /// Outlives the first start's token.
    boss: String,
    gone: String,
    count: usize,
}

impl Stage {
    async fn set() -> Self {
        let gate = Gate::start().await;
        gate.settings(json!({"max_tokens_per_user": 10_000})).await;
        let boss = gate.person("boss", "admin").await;
        for (name, role) in [("fred", "user"), ("anna", "user"), ("mona", "token_manager"), ("ada", "admin")]
        {
            gate.person(name, role).await;
        }
        let gone = gate.person("gone", "admin").await;
        gate.patch("/users/gone", &boss, json!({"active": false})).await.ok(200);
        gate.post("/sources", &boss, json!({"name": "ci", "users": ["fred"]})).await.ok(201);
        Self { gate, boss, gone, count: 0 }
    }

    async fn token_of(&self, name: &str, control_plane: bool) -> Value {
        let wish = json!({"description": "of the table", "user": name, "control_plane": control_plane});
        self.gate.token(&self.boss, wish).await
    }

    /// A fresh token: what was asked before may have ended the last one.
    async fn caller(&self, heading: &str) -> String {
        let (who, control_plane) = heading.strip_suffix(" −").map_or((heading, true), |who| (who, false));
        let name = match who {
            "anonymous" => return String::new(),
            "deactivated" => return self.gone.clone(),
            "user" => "fred",
            "other" => "anna",
            "manager" => "mona",
            "admin" => "ada",
            other => panic!("who is {other}?"),
        };
        secret(&self.token_of(name, control_plane).await)
    }

    async fn ask(&mut self, method: &str, request: &str, caller: &str) -> Reply {
        self.count += 1;
        // One person creates only so much in a minute.
        self.gate.pass(1);
        let mut request = request.replace("$new", &format!("new-{}", self.count));
        for name in ["fred", "ada"] {
            if request.contains(&format!("${name}")) {
                request = request.replace(&format!("${name}"), &id(&self.token_of(name, false).await));
            }
        }
        if request.contains("$source") {
            let name = format!("source-{}", self.count);
            self.gate.post("/sources", &self.boss, json!({"name": name, "users": ["fred"]})).await.ok(201);
            let tokens = format!("/sources/{name}/push-tokens");
            let made = self.gate.post(&tokens, &self.boss, json!({})).await.ok(201);
            request = request.replace("$source", &name).replace("$pusher", &id(&made));
        }
        let (path, body) =
            request.split_once(' ').map_or((request.as_str(), None), |(path, body)| (path, Some(body)));
        let body = body.map(|body| serde_json::from_str(body).unwrap());
        let token = self.caller(caller).await;
        self.gate.call(method.to_ascii_uppercase().parse::<Method>().unwrap(), path, &token, body).await
    }
}

#[tokio::test]
async fn everyone_gets_what_the_table_says() {
    let mut stage = Stage::set().await;
    let mut wrong = Vec::new();
    for row in rows("call") {
        let (method, template, _) = operation(row["call"]);
        let request = match row["request"].strip_prefix("(root) ") {
            Some(root) => root.to_owned(),
            None => format!("/api/v1{}", row["request"]),
        };
        let path = request.split([' ', '?']).next().unwrap();
        assert!(is_of(path, template), "{path} is not {template}");
        for (caller, word) in row.iter().filter(|(heading, _)| !matches!(**heading, "call" | "request")) {
            let reply = stage.ask(method, &request, caller).await;
            if got(&reply) != outcome(word) {
                wrong.push(format!(
                    "{} {} by {caller}: {}, and not {word}",
                    row["call"],
                    row["request"],
                    got(&reply)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn operation(name: &str) -> (&'static str, &'static str, &'static Value) {
    let found = operations().find(|(_, _, operation)| operation["operationId"] == name);
    found.unwrap_or_else(|| panic!("the document has no {name}"))
}

#[test]
fn the_table_holds_every_operation_and_every_caller() {
    let described: BTreeSet<_> =
        operations().map(|(.., operation)| operation["operationId"].as_str().unwrap()).collect();
    let rows = rows("call");
    let written: BTreeSet<_> = rows.iter().map(|row| row["call"]).collect();
    assert_eq!(written, described, "a new call needs a line in roles.md");
    let callers: BTreeSet<_> = rows[0].keys().copied().collect();
    for who in ["anonymous", "user", "other", "manager", "admin", "deactivated"] {
        assert!(callers.contains(who), "{who}");
        let without = format!("{who} −");
        assert!(matches!(who, "anonymous" | "deactivated") || callers.contains(without.as_str()), "{who}");
    }
    // Whom a call is for is written in the document as well.
    for (_, path, operation) in operations() {
        let name = operation["operationId"].as_str().unwrap();
        let open = operation["security"] == json!([]);
        let for_nobody =
            rows.iter().filter(|row| row["call"] == name).all(|row| row["anonymous"] != "nobody");
        assert_eq!(open, for_nobody, "{path}");
    }
}
