use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::support::{CREATIONS_PER_MINUTE, DAY, Gate, Reply, id, secret};

async fn keyed(gate: &Gate, path: &str, token: &str, key: &str, body: &Value) -> Reply {
    let request = Request::builder().method(Method::POST).uri(format!("/api/v1{path}"));
    let request = request.header("host", "localhost").header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {token}")).header("idempotency-key", key);
    gate.send(request.body(Body::from(body.to_string())).unwrap()).await
}

async fn count(gate: &Gate) -> usize {
    gate.get("/tokens?limit=200", &gate.admin).await.ok(200)["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once_and_its_secret_told_once() {
    let gate = Gate::start().await;
    let wish = json!({"description": "ci"});
    let first = keyed(&gate, "/tokens", &gate.admin, "\"key-1\"", &wish).await;
    let (location, revision) =
        (first.header("location").to_owned(), first.header("gatepass-revision").to_owned());
    assert_eq!(first.header("idempotency-replayed"), "");
    let mut made = first.ok(201);
    let token = secret(&made);
    let before = (gate.state().await, count(&gate).await);
    for key in ["\"key-1\"", "key-1"] {
        let again = keyed(&gate, "/tokens", &gate.admin, key, &wish).await;
        assert_eq!(
            (again.header("location"), again.header("idempotency-replayed")),
            (location.as_str(), "true")
        );
        assert_eq!(again.header("gatepass-revision"), revision);
        assert!(!again.text.contains(&token));
        made.as_object_mut().unwrap().remove("token");
        assert_eq!(again.ok(201), made, "the same but for the secret");
    }
    assert_eq!((gate.state().await, count(&gate).await), before);
    let other = keyed(&gate, "/tokens", &gate.admin, "key-2", &wish).await.ok(201);
    assert_ne!(id(&other), id(&made));
    let file = std::fs::read(gate.context.folder.database()).unwrap();
    let journal = std::fs::read(gate.context.folder.database().with_extension("db-wal")).unwrap_or_default();
    for bytes in [file, journal] {
        assert!(!bytes.windows(token.len()).any(|part| part == token.as_bytes()), "nor is it kept");
    }

    let user = json!({"name": "fred", "role": "user"});
    keyed(&gate, "/users", &gate.admin, "user-1", &user).await.ok(201);
    assert_eq!(keyed(&gate, "/users", &gate.admin, "user-1", &user).await.ok(201)["name"], "fred");
    keyed(&gate, "/users", &gate.admin, "user-2", &user).await.refused(409, "user_exists");
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_caller_for_a_day() {
    let gate = Gate::start().await;
    let keeper = json!({"description": "keeper", "control_plane": true});
    let keeper = secret(&gate.token(&gate.admin, keeper).await);
    let wish = json!({"description": "ci"});
    let made = id(&keyed(&gate, "/tokens", &keeper, "k", &wish).await.ok(201));
    let other = json!({"description": "other"});
    keyed(&gate, "/tokens", &keeper, "k", &other).await.refused(422, "idempotency_key_reused");
    keyed(&gate, "/users", &keeper, "k", &wish).await.refused(422, "idempotency_key_reused");
    let anothers = keyed(&gate, "/tokens", &gate.admin, "k", &wish).await.ok(201);
    assert_ne!(id(&anothers), made, "another caller's key is another");
    gate.pass(DAY);
    assert_eq!(id(&keyed(&gate, "/tokens", &keeper, "k", &wish).await.ok(201)), made, "for 24 hours");
    gate.pass(1);
    assert_ne!(id(&keyed(&gate, "/tokens", &keeper, "k", &wish).await.ok(201)), made);
}

#[tokio::test]
async fn what_was_refused_may_be_sent_again_with_its_key() {
    let gate = Gate::start().await;
    let wish = json!({"description": "ci", "scope": "deploy"});
    keyed(&gate, "/tokens", &gate.admin, "k", &wish).await.wrong("scope");
    gate.settings(json!({"scopes": {"deploy": [{"methods": ["PUT"]}]}})).await;
    let made = keyed(&gate, "/tokens", &gate.admin, "k", &wish).await;
    assert_eq!(made.header("idempotency-replayed"), "");
    secret(&made.ok(201));
    for bad in ["", "a b", "\"a", "a,b"] {
        keyed(&gate, "/tokens", &gate.admin, bad, &wish).await.wrong("Idempotency-Key");
    }
    keyed(&gate, "/tokens", "", "k", &wish).await.refused(401, "authorization_malformed");
}

#[tokio::test]
async fn of_two_at_once_one_is_done() {
    let gate = Gate::start().await;
    let wish = json!({"description": "ci"});
    let ask = || keyed(&gate, "/tokens", &gate.admin, "k", &wish);
    let (a, b, c) = tokio::join!(ask(), ask(), ask());
    let replies = [a, b, c];
    let done = replies.iter().filter(|reply| reply.json()["token"].is_string()).count();
    assert_eq!((done, count(&gate).await), (1, 2), "{replies:?}");
    for reply in &replies {
        let under_way = reply.status == 409 && reply.json()["code"] == "idempotency_in_progress";
        assert!(reply.status == 201 || under_way, "{reply:?}");
    }
    gate.sql("UPDATE idempotency_keys SET reply = NULL").await;
    ask().await.refused(409, "idempotency_in_progress");
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_no_doubt() {
    let gate = Gate::start().await;
    let wish = json!({"description": "ci"});
    // Dropped as soon as it waits for the first time.
    for _ in 0..3 {
        let request = keyed(&gate, "/tokens", &gate.admin, "k", &wish);
        tokio::pin!(request);
        tokio::select! {
            biased;
            _ = &mut request => {}
            () = tokio::task::yield_now() => {}
        }
    }
    let mut last = keyed(&gate, "/tokens", &gate.admin, "k", &wish).await;
    // Attempts count: what is under way is first waited for by looking, and time gives attempts back.
    while last.status == 409 && count(&gate).await < 2 {
        tokio::task::yield_now().await;
    }
    while matches!(last.status.as_u16(), 409 | 429) {
        gate.pass(i64::from(last.status == 429));
        tokio::task::yield_now().await;
        last = keyed(&gate, "/tokens", &gate.admin, "k", &wish).await;
    }
    last.ok(201);
    assert_eq!(count(&gate).await, 2, "the first start's, and one");
}

#[tokio::test]
async fn nobody_creates_without_end() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    // Two have been created by then.
    for number in 2..CREATIONS_PER_MINUTE {
        let reply = gate.post("/tokens", &gate.admin, json!({"description": "x", "scope": "none"})).await;
        assert_eq!(reply.status, 400, "{number}: attempts count");
    }
    for path in ["/tokens", "/users"] {
        let reply = gate.post(path, &gate.admin, json!({})).await;
        assert_eq!(reply.refused(429, "rate_limited").header("retry-after"), "1");
    }
    gate.get("/tokens", &gate.admin).await.ok(200);
    gate.settings(json!({"password_auth": true})).await;
    gate.token(&fred, json!({"description": "others go on"})).await;
    gate.pass(1);
    gate.token(&gate.admin, json!({"description": "x"})).await;
    gate.post("/tokens", "", json!({"description": "x"})).await.refused(401, "credentials_missing");
}
