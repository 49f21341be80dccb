use axum::body::Body;
use axum::http::{Method, Request};

use crate::support::{Gate, Reply};

async fn send(gate: &Gate, method: &Method, path: &str, body: &'static str) -> Reply {
    let request = Request::builder().method(method).uri(format!("/api/v1{path}")).header("host", "localhost");
    let request = request.header("authorization", format!("Bearer {}", gate.admin));
    let request = request.header("content-type", "application/json");
    gate.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_body_is_a_json_object() {
    let gate = Gate::start().await;
    let before = gate.state().await;
    let routes = [
        (Method::POST, "/tokens"),
        (Method::POST, "/users"),
        (Method::PATCH, "/users/admin"),
        (Method::PATCH, "/tokens/01NOSUCH"),
        (Method::POST, "/tokens/01NOSUCH/rotate"),
        (Method::PATCH, "/settings"),
    ];
    for (method, path) in routes {
        for body in
            ["", " ", "[]", "[\"x\"]", "[\"x\", \"user\"]", "[null, false]", "null", "5", "\"x\"", "x"]
        {
            let reply = send(&gate, &method, path, body).await;
            reply.wrong("");
            assert_eq!(reply.json()["detail"], "the body must be a JSON object", "{path} {body}");
        }
        for body in ["{", "{} x", "{\"a\"}", "{\"a\": }", "{\"description\": \"\\ud800\"}", "{,}"] {
            let reply = send(&gate, &method, path, body).await;
            assert_eq!(reply.status, 400, "{path} {body} {reply:?}");
        }
    }
    assert_eq!(gate.state().await, before);
}

#[tokio::test]
async fn what_would_be_right_is_said_in_the_words_of_json() {
    let gate = Gate::start().await;
    let (post, patch, get) = (Method::POST, Method::PATCH, Method::GET);
    let roles = "must be one of `user`, `token_manager`, `admin`";
    let validities = "must be one of `P6M`, `P1Y`, `P2Y`, `never`";
    for (method, path, body, field, detail) in [
        (&post, "/tokens", "{\"description\"}", "", "the body is not JSON: line 1, column 15"),
        (&post, "/tokens", "{\"description\": \"x\"} {", "", "the body is not JSON: line 1, column 22"),
        (&post, "/tokens", "{\"description\": \"\\ud800\"}", "", "the body is not JSON: line 1, column 24"),
        (&post, "/tokens", "{\"description\": null}", "description", "must be a string"),
        (
            &post,
            "/tokens",
            "{\"description\": \"a\", \"description\": \"b\"}",
            "description",
            "is given twice",
        ),
        (&post, "/tokens", "{\"description\": \"x\", \"allowed_ips\": 5}", "allowed_ips", "must be a list"),
        (&post, "/users", "{\"name\": \"x\", \"role\": null}", "role", roles),
        (&post, "/users", "{\"name\": \"x\", \"role\": {\"user\": null}}", "role", roles),
        (&post, "/users", "{\"name\": \"x\", \"role\": \"root\"}", "role", roles),
        (&post, "/users", "{\"name\": \"x\"}", "role", "is required"),
        (&patch, "/users/admin", "{\"role\": null}", "role", roles),
        (&patch, "/users/admin", "{\"role\": 5}", "role", roles),
        (&patch, "/users/admin", "{\"active\": null}", "active", "must be true or false"),
        (&patch, "/settings", "{\"max_validity\": 5}", "max_validity", validities),
        (&patch, "/settings", "{\"max_validity\": {\"P1Y\": null}}", "max_validity", validities),
        (&patch, "/settings", "{\"scopes\": []}", "scopes", "must be an object whose keys differ"),
        (&patch, "/settings", "{\"protected_paths\": {}}", "protected_paths", "must be a list"),
        (
            &patch,
            "/settings",
            "{\"protected_paths\": [\"\\ud800\"]}",
            "protected_paths[0]",
            "has a \\u escape that is no character",
        ),
        (
            &patch,
            "/settings",
            "{\"max_tokens_per_user\": -1}",
            "max_tokens_per_user",
            "must be a whole number from 1 to 10000",
        ),
        (&get, "/tokens?limit=x", "", "limit", "must be 1 to 200"),
        (&get, "/users?limit=", "", "limit", "must be 1 to 200"),
        (&get, "/audit?limit=99999999999999999999", "", "limit", "must be 1 to 200"),
        (&get, "/audit?limit=1&limit=2", "", "limit", "is given twice"),
        (&get, "/tokens?state=x", "", "state", "must be one of `active`, `disabled`, `expired`, `revoked`"),
        (
            &get,
            "/users?colour=x",
            "",
            "colour",
            "is unknown; known: `search`, `role`, `active`, `group`, `limit`, `cursor`",
        ),
    ] {
        let reply = send(&gate, method, path, body).await;
        reply.wrong(field);
        assert_eq!(reply.json()["detail"], detail, "{path} {body}");
    }
}
