use axum::body::Body;
use axum::http::{Method, Request};
use gatepass_control_plane::delivery::ecds;
use serde_json::{Value, json};

use crate::support::{Gate, Reply, id};

async fn patch_if(gate: &Gate, tag: &str, patch: Value) -> Reply {
    let request =
        Request::builder().method(Method::PATCH).uri("/api/v1/settings").header("host", "localhost");
    let request = request.header("authorization", format!("Bearer {}", gate.admin)).header("if-match", tag);
    let request = request.header("content-type", "application/json; charset=utf-8");
    gate.send(request.body(Body::from(patch.to_string())).unwrap()).await
}

#[tokio::test]
async fn settings_reach_the_filter() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let made = gate.token(&fred, json!({"description": "x"})).await;
    let patch = json!({
        "allowed_ips": ["127.0.0.0/8", "192.0.2.0-192.0.2.1"], "password_auth": true, "anonymous": "forward",
        "foreign_credentials": "forward", "protected_paths": ["/rest/"], "token_headers": ["x-api-key"],
        "identity_headers": {"user": "x-user"}, "forward_authorization": true, "token_prefixes": ["acme_", "gp_"],
        "scopes": {"read_only": [{"methods": ["GET"]}]}, "only_admins_create_tokens": true,
        "users_may_use_tokens": false,
    });
    let reply = gate.patch("/settings", &gate.admin, patch).await.ok(200);
    assert_eq!(reply["warnings"], json!([]));
    let delivered = gate.delivered();
    assert_eq!(
        delivered["settings"],
        json!({
            "anonymous": "forward", "password_auth": "forward", "foreign_credentials": "forward",
            "allowed_ips": ["127.0.0.0/8", "192.0.2.0/31"], "protected_paths": ["/rest/"],
            "identity_headers": {"user": "x-user", "token_id": "x-gatepass-token-id"},
            "forward_authorization": true, "token_headers": ["x-api-key"], "token_prefixes": ["acme_", "gp_"],
        })
    );
    assert_eq!(delivered["scopes"], json!({"read_only": [{"methods": ["GET"]}]}));
    assert_eq!(gate.delivered_token(&id(&made)).unwrap()["refuse"], "use_not_allowed");
    let admins = gate.token(&gate.admin, json!({"description": "x"})).await;
    assert!(admins["token"].as_str().unwrap().starts_with("acme_"));
    assert_eq!(gate.delivered_token(&id(&admins)).unwrap()["refuse"], json!(null));
}

#[tokio::test]
async fn a_stale_if_match_changes_nothing() {
    let gate = Gate::start().await;
    let tag = gate.get("/settings", &gate.admin).await.header("etag").to_owned();
    let first = patch_if(&gate, &tag, json!({"password_auth": true})).await;
    let second_tag = first.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag != second_tag);
    first.ok(200);
    let before = gate.state().await;
    for stale in [tag.as_str(), "\"x\"", "1", "W/\"2\"", "", "\"\"", "\"+2\"", "\"1\", \"3\""] {
        patch_if(&gate, stale, json!({"password_auth": false})).await.refused(412, "stale");
    }
    assert_eq!(gate.state().await, before);
    patch_if(&gate, &second_tag, json!({"password_auth": false})).await.ok(200);
    let many = "\"1\" , W/\"9\",\"3\"";
    patch_if(&gate, many, json!({"password_auth": true})).await.ok(200);
    patch_if(&gate, "*", json!({"password_auth": true})).await.ok(200);
}

#[tokio::test]
async fn a_patch_that_changes_nothing_makes_no_revision() {
    let gate = Gate::start().await;
    let before = gate.state().await;
    let all = gate.get("/settings", &gate.admin).await.ok(200);
    let reply = gate.patch("/settings", &gate.admin, all).await;
    assert_eq!(reply.header("gatepass-revision"), "");
    reply.ok(200);
    gate.patch("/settings", &gate.admin, json!({})).await.ok(200);
    assert_eq!(gate.state().await, before);
}

#[tokio::test]
async fn what_the_filter_would_refuse_is_refused_and_named() {
    let gate = Gate::start().await;
    let before = gate.state().await;
    for (patch, field) in [
        (json!({"protected_paths": ["/rest/", "rest"]}), "protected_paths[1]"),
        (json!({"protected_paths": ["/a/../b"]}), "protected_paths[0]"),
        (json!({"protected_paths": []}), "protected_paths"),
        (json!({"token_headers": ["a b"]}), "token_headers[0]"),
        (json!({"token_headers": ["x-gatepass-user"]}), "token_headers[0]"),
        (json!({"identity_headers": {"user": "a b"}}), "identity_headers.user"),
        (json!({"colour": 1}), "colour"),
        (json!({"allowed_ips": ["x"]}), "allowed_ips[0]"),
        (json!({"scopes": {"read_only": [{"methods": ["get"]}]}}), "scopes.read_only[0].methods"),
    ] {
        gate.patch("/settings", &gate.admin, patch).await.wrong(field);
    }
    let twice = Request::builder().method(Method::PATCH).uri("/api/v1/settings").header("host", "localhost");
    let twice = twice.header("authorization", format!("Bearer {}", gate.admin));
    let twice = twice.header("content-type", "application/json");
    let body = r#"{"password_auth": true, "password_auth": false}"#;
    gate.send(twice.body(Body::from(body)).unwrap()).await.refused(400, "invalid");
    assert_eq!(gate.state().await, before);
}

#[tokio::test]
async fn a_scope_in_use_stays() {
    let gate = Gate::start().await;
    gate.settings(json!({"scopes": {"ci": [{"methods": ["POST"]}], "spare": [{"methods": ["PUT"]}]}})).await;
    let made = gate.token(&gate.admin, json!({"description": "x", "scope": "ci"})).await;
    let other = gate.token(&gate.admin, json!({"description": "x", "scope": "ci"})).await;
    let without = json!({"scopes": {"ci": null}});
    let before = gate.state().await;
    let reply = gate.patch("/settings", &gate.admin, without.clone()).await;
    let detail = reply.refused(409, "scope_in_use").json()["detail"].clone();
    assert_eq!(detail, "2 active or disabled tokens have the scope ci: revoke them first, or keep the scope");
    gate.delete(&format!("/tokens/{}", id(&other)), &gate.admin).await.ok(204);
    let reply = gate.patch("/settings", &gate.admin, json!({"scopes": null})).await;
    assert!(reply.refused(409, "scope_in_use").text.contains("1 active or disabled token has"), "{reply:?}");
    assert_eq!(gate.get("/settings", &gate.admin).await.json(), before.1);
    gate.patch("/settings", &gate.admin, json!({"scopes": {"read_only": null}})).await.wrong("scopes");
    gate.settings(json!({"scopes": {"spare": null}})).await;
    gate.delete(&format!("/tokens/{}", id(&made)), &gate.admin).await.ok(204);
    gate.settings(without).await;
    let scopes = gate.get("/settings", &gate.admin).await.json()["scopes"].clone();
    assert_eq!(scopes, json!({"read_only": [{"methods": ["GET", "HEAD", "OPTIONS"]}]}));
}

#[tokio::test]
async fn a_patch_is_a_json_merge_patch() {
    let gate = Gate::start().await;
    let send = async |kind: &str, body: &'static str| {
        let request =
            Request::builder().method(Method::PATCH).uri("/api/v1/settings").header("host", "localhost");
        let request = request.header("authorization", format!("Bearer {}", gate.admin));
        gate.send(request.header("content-type", kind).body(Body::from(body)).unwrap()).await
    };
    let patch = r#"{"identity_headers": {"user": "x-user"}, "scopes": {"ci": [{"methods": ["PUT"]}]}}"#;
    let settings = send("application/merge-patch+json", patch).await.ok(200);
    assert_eq!(settings["identity_headers"], json!({"user": "x-user", "token_id": "x-gatepass-token-id"}));
    assert_eq!(settings["scopes"]["read_only"], json!([{"methods": ["GET", "HEAD", "OPTIONS"]}]), "it stays");
    let settings =
        send("application/json", r#"{"identity_headers": null, "scopes": {"ci": null}}"#).await.ok(200);
    assert_eq!(settings["identity_headers"]["user"], "x-gatepass-user", "null is the default");
    assert_eq!(settings["scopes"].as_object().unwrap().len(), 1);
    let patch = r#"{"scopes": {"ci": null, "ci": [{"methods": ["PUT"]}]}}"#;
    send("application/json", patch).await.wrong("scopes");
    send("text/plain", "{}").await.refused(415, "unsupported_media_type");
    let post = Request::builder().method(Method::POST).uri("/api/v1/tokens").header("host", "localhost");
    let post = post.header("authorization", format!("Bearer {}", gate.admin));
    let post = post.header("content-type", "application/merge-patch+json");
    let post = post.body(Body::from(r#"{"description": "x"}"#)).unwrap();
    gate.send(post).await.refused(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_prefix_stays_listed_while_tokens_begin_with_it() {
    let gate = Gate::start().await;
    let reply = gate.patch("/settings", &gate.admin, json!({"token_prefixes": ["acme_"]})).await;
    assert!(
        reply.refused(409, "prefix_in_use").text.contains("1 active or disabled token begins with gp_"),
        "{reply:?}"
    );
    gate.settings(json!({"token_prefixes": ["acme_", "gp_"]})).await;
    let new = gate.token(&gate.admin, json!({"description": "x"})).await;
    assert!(crate::support::secret(&new).starts_with("acme_"));
    gate.get("/whoami", &crate::support::secret(&new)).await.ok(200);
    gate.get("/whoami", &gate.admin).await.ok(200);
}

#[tokio::test]
async fn settings_hold_no_token() {
    let gate = Gate::start().await;
    let path = format!("/{}/", gate.admin);
    gate.patch("/settings", &gate.admin, json!({"protected_paths": [path]})).await.wrong("protected_paths");
    let scopes = json!({"read_only": [{"methods": ["GET"], "paths": [path]}]});
    gate.patch("/settings", &gate.admin, json!({"scopes": scopes})).await.wrong("scopes");
}

#[tokio::test]
async fn an_expired_token_keeps_no_scope() {
    let gate = Gate::start().await;
    gate.settings(json!({"custom_validity": true,
        "scopes": {"read_only": [{"methods": ["GET"]}], "ci": [{"methods": ["POST"]}]}}))
        .await;
    let keeper = gate.token(&gate.admin, json!({"description": "x", "control_plane": true})).await;
    gate.token(&gate.admin, json!({"description": "x", "scope": "ci", "valid_for": "P1D"})).await;
    gate.pass(crate::support::DAY);
    let patch = json!({"scopes": {"ci": null}});
    gate.patch("/settings", &crate::support::secret(&keeper), patch).await.ok(200);
}

#[tokio::test]
async fn an_admin_is_warned_of_being_outside() {
    let gate = Gate::start().await;
    let reply = gate.patch("/settings", &gate.admin, json!({"allowed_ips": ["192.0.2.0/24"]})).await.ok(200);
    assert_eq!(reply["warnings"].as_array().unwrap().len(), 1, "{reply}");
    assert_eq!(reply["allowed_ips"], json!(["192.0.2.0/24"]), "a warning, not a refusal");
}

#[tokio::test]
async fn scopes_are_no_more_than_the_filter_takes() {
    let gate = Gate::start().await;
    let scope = |paths: usize| json!([{"methods": ["GET"], "paths": vec!["/a"; paths]}]);
    // A change adds to the scopes that there are, so that many small ones come together.
    for part in 0..13 {
        let scopes: serde_json::Map<_, _> = (0..3).map(|n| (format!("s{part}-{n}"), scope(249))).collect();
        gate.settings(json!({"scopes": scopes})).await;
    }
    let before = gate.state().await;
    let one_more = gate.patch("/settings", &gate.admin, json!({"scopes": {"more": scope(249)}})).await;
    one_more.wrong("scopes");
    assert_eq!(gate.state().await, before);
    assert!(
        ecds::configuration(&std::fs::read(gate.ecds_file()).unwrap()).is_some(),
        "the filter takes what is there"
    );
}
