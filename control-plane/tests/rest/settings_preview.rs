use std::net::IpAddr;

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{DAY, Gate, id};

async fn preview(gate: &Gate, patch: Value) -> Value {
    gate.post("/settings/preview", &gate.admin, patch).await.ok(200)
}

fn nobody() -> Value {
    json!({"tokens": 0, "users": 0, "by_user": [], "first": []})
}

#[tokio::test]
async fn a_preview_of_nothing_says_so_and_a_preview_changes_nothing() {
    let gate = Gate::start().await;
    let before = gate.state().await;
    let reply = gate.post("/settings/preview", &gate.admin, json!({})).await;
    let tag = gate.get("/settings", &gate.admin).await.header("etag").to_owned();
    assert_eq!(reply.header("etag"), tag);
    assert_eq!(
        reply.ok(200),
        json!({
            "before": {}, "after": {}, "refusals": [], "warnings": [],
            "your_address": {"ip": "127.0.0.1", "refused_by": null},
            "passwords_cut_off": false, "passwords_let_through": false,
            "scopes_removed": [], "paths_protected": [], "paths_unprotected": [],
            "tokens_beyond_max_validity": 0, "tokens_ended": nobody(), "tokens_shortened": nobody(),
            "tokens_cut_off": nobody(), "tokens_suspended": nobody(), "tokens_working_again": nobody(), "tokens_used_from_outside": nobody(),
        })
    );
    preview(
        &gate,
        json!({"password_auth": true, "max_validity": "P6M", "apply_max_validity_to_existing": true}),
    )
    .await;
    assert_eq!(gate.state().await, before);
}

#[tokio::test]
async fn a_preview_takes_what_a_change_takes_and_refuses_what_it_refuses() {
    let gate = Gate::start().await;
    for (patch, field) in [
        (json!({"colour": 1}), "colour"),
        (json!({"max_validity": "P3Y"}), "max_validity"),
        (json!({"protected_paths": ["/a/../b"]}), "protected_paths[0]"),
        (json!({"scopes": {"ci": [{"methods": ["post"]}]}}), "scopes.ci[0].methods"),
        (json!({"apply_max_validity_to_existing": 1}), "apply_max_validity_to_existing"),
    ] {
        gate.post("/settings/preview", &gate.admin, patch.clone()).await.wrong(field);
        gate.patch("/settings", &gate.admin, patch).await.wrong(field);
    }
    let stale = Request::builder().method(Method::POST).uri("/api/v1/settings/preview");
    let stale = stale.header("host", "localhost").header("authorization", format!("Bearer {}", gate.admin));
    let stale = stale.header("content-type", "application/merge-patch+json").header("if-match", "\"9\"");
    gate.send(stale.body(Body::from("{}")).unwrap()).await.refused(412, "stale");
}

#[tokio::test]
async fn it_says_which_tokens_a_bound_ends_and_shortens() {
    let gate = Gate::start().await;
    gate.settings(json!({"max_validity": "never"})).await;
    gate.person("fred", "user").await;
    let wish = json!({"description": "old", "user": "fred", "valid_for": "never"});
    let old = gate.token(&gate.admin, wish).await;
    let wish = json!({"description": "keeper", "control_plane": true, "valid_for": "never"});
    let keeper = crate::support::secret(&gate.token(&gate.admin, wish).await);
    gate.pass(200 * DAY);
    let wish = json!({"description": "young", "user": "fred", "valid_for": "P1Y"});
    let young = gate.token(&keeper, wish).await;
    let patch = json!({"max_validity": "P6M"});
    let only_new = gate.post("/settings/preview", &keeper, patch).await.ok(200);
    assert_eq!(only_new["tokens_beyond_max_validity"], 4);
    assert_eq!((&only_new["tokens_ended"], &only_new["tokens_shortened"]), (&nobody(), &nobody()));
    assert_eq!(only_new["before"], json!({"max_validity": "never"}));
    assert_eq!(only_new["after"], json!({"max_validity": "P6M"}));

    let patch = json!({"max_validity": "P6M", "apply_max_validity_to_existing": true});
    let all = gate.post("/settings/preview", &keeper, patch.clone()).await.ok(200);
    let ended = &all["tokens_ended"];
    assert_eq!((&ended["tokens"], &ended["users"]), (&json!(3), &json!(2)));
    assert_eq!(ended["by_user"], json!([{"user": "admin", "tokens": 1}, {"user": "fred", "tokens": 2}]));
    let first = ended["first"].as_array().unwrap();
    let own: Vec<_> = first.iter().filter(|token| token["yours"] == true).collect();
    assert!(own.len() == 1 && own[0]["user"] == "admin", "{ended}");
    assert_eq!(
        *first.iter().find(|token| token["id"] == id(&old)).unwrap(),
        json!({"id": id(&old), "user": "fred", "description": "old", "created_at": "2026-11-22T09:00:00Z",
               "expires_at": null, "new_expires_at": "2027-06-10T09:00:00Z", "yours": false})
    );
    let shortened = &all["tokens_shortened"];
    assert_eq!((&shortened["tokens"], &shortened["first"][0]["id"]), (&json!(1), &json!(id(&young))));
    assert_eq!(shortened["first"][0]["new_expires_at"], "2027-12-10T09:00:00Z");
    let done = gate.patch("/settings", &keeper, patch).await.ok(200);
    assert_eq!(done["existing_tokens"], json!({"ended": 3, "shortened": 1}), "what was foretold");
}

#[tokio::test]
async fn it_says_whose_tokens_stop_and_work_again() {
    let gate = Gate::start().await;
    for (name, role) in [("fred", "user"), ("mary", "token_manager"), ("gone", "user")] {
        gate.person(name, role).await;
    }
    gate.patch("/users/gone", &gate.admin, json!({"active": false})).await.ok(200);
    let closed = json!({"only_admins_create_tokens": true, "users_may_use_tokens": false});
    let there = preview(&gate, closed.clone()).await;
    let both = json!([{"user": "fred", "tokens": 1}, {"user": "mary", "tokens": 1}]);
    assert_eq!((&there["tokens_cut_off"]["by_user"], &there["tokens_cut_off"]["users"]), (&both, &json!(2)));
    assert_eq!(there["tokens_working_again"], nobody());
    gate.settings(closed).await;
    let back = preview(&gate, json!({"users_may_use_tokens": null})).await;
    assert_eq!((&back["tokens_working_again"]["by_user"], &back["tokens_cut_off"]), (&both, &nobody()));
}

#[tokio::test]
async fn it_says_whom_an_ip_list_leaves_outside() {
    let gate = Gate::start().await;
    let list = json!({"allowed_ips": ["192.0.2.0-192.0.2.7", "10.9.0.0/16"]});
    let outside = preview(&gate, list.clone()).await;
    assert_eq!(outside["after"], json!({"allowed_ips": ["10.9.0.0/16", "192.0.2.0/29"]}));
    assert_eq!(outside["your_address"], json!({"ip": "127.0.0.1", "refused_by": "allowed_ips"}));
    assert_eq!(outside["warnings"].as_array().unwrap().len(), 1);
    let request = Request::builder().method(Method::POST).uri("/api/v1/settings/preview");
    let request =
        request.header("host", "localhost").header("authorization", format!("Bearer {}", gate.admin));
    let request =
        request.header("content-type", "application/json").body(Body::from(list.to_string())).unwrap();
    let inside = gate.send_from("10.9.0.1".parse::<IpAddr>().unwrap(), request).await.ok(200);
    assert_eq!(inside["your_address"], json!({"ip": "10.9.0.1", "refused_by": null}));
    assert_eq!(inside["tokens_used_from_outside"], nobody());

    gate.sql("UPDATE token_uses SET used_at = 1795338000, ip = '198.51.100.1'").await;
    let used = preview(&gate, list).await;
    assert_eq!(used["tokens_used_from_outside"]["by_user"], json!([{"user": "admin", "tokens": 1}]));
}

#[tokio::test]
async fn it_says_what_becomes_of_passwords_scopes_and_paths() {
    let gate = Gate::start().await;
    gate.settings(json!({"scopes": {"ci": [{"methods": ["PUT"]}], "spare": [{"methods": ["PUT"]}]}})).await;
    gate.token(&gate.admin, json!({"description": "x", "scope": "ci"})).await;
    let patch = json!({"password_auth": true, "scopes": {"ci": null, "spare": null}, "token_prefixes": ["acme_"],
                       "protected_paths": ["/rest/", "/api"]});
    let said = preview(&gate, patch.clone()).await;
    assert_eq!((&said["passwords_let_through"], &said["passwords_cut_off"]), (&json!(true), &json!(false)));
    assert_eq!(said["scopes_removed"], json!(["ci", "spare"]));
    let refusals = json!([
        {"code": "scope_in_use", "tokens": 1,
         "detail": "1 active or disabled token has the scope ci: revoke them first, or keep the scope"},
        {"code": "prefix_in_use", "tokens": 2, "detail": "2 active or disabled tokens begin with gp_: keep it in \
         token_prefixes, behind the new one, or revoke them first"},
    ]);
    assert_eq!(said["refusals"], refusals);
    gate.patch("/settings", &gate.admin, patch).await.refused(409, "scope_in_use");
    assert_eq!(said["paths_unprotected"], json!([{"path": "/", "except": ["/api", "/rest/"]}]));
    assert_eq!(said["paths_protected"], json!([]));

    gate.settings(json!({"password_auth": true, "protected_paths": ["/rest/"]})).await;
    let back = preview(&gate, json!({"password_auth": null, "protected_paths": null})).await;
    assert_eq!((&back["passwords_let_through"], &back["passwords_cut_off"]), (&json!(false), &json!(true)));
    assert_eq!(back["paths_protected"], json!([{"path": "/", "except": ["/rest/"]}]));
}
