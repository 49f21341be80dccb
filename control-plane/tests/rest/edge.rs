use std::net::IpAddr;

use axum::body::Body;
use axum::http::{Method, Request};
use gatepass_control_plane::connections::Encrypted;
use serde_json::json;

use crate::support::{Gate, Reply, secret};

async fn raw(
    gate: &Gate,
    method: Method,
    path: &str,
    headers: &[(&str, &[u8])],
    body: &'static [u8],
) -> Reply {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    gate.send(request.body(Body::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_strange_host_is_misdirected() {
    let gate = Gate::start().await;
    for path in ["/healthz", "/readyz", "/api/v1/whoami", "/nosuch"] {
        for host in ["evil.example", "localhost.evil.example", "127.0.0.2", "127.0.0.1.nip.io", "x@localhost"]
        {
            raw(&gate, Method::GET, path, &[("host", host.as_bytes())], b"")
                .await
                .refused(421, "unknown_host");
        }
    }
    for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]:8080", "gate.example.com"] {
        raw(&gate, Method::GET, "/healthz", &[("host", host.as_bytes())], b"").await.ok(200);
    }
    raw(&gate, Method::GET, "/healthz", &[], b"").await.refused(400, "host_missing");
    raw(&gate, Method::GET, "/healthz", &[("host", b"")], b"").await.refused(400, "host_missing");
    let two: [(&str, &[u8]); 2] = [("host", b"localhost"), ("host", b"localhost")];
    raw(&gate, Method::GET, "/healthz", &two, b"").await.refused(400, "host_missing");
    let target = "http://evil.example/healthz";
    raw(&gate, Method::GET, target, &[("host", b"localhost")], b"").await.refused(421, "unknown_host");
}

#[tokio::test]
async fn strangers_are_not_served_in_clear() {
    let gate = Gate::start().await;
    let from = async |peer: &str, path: &str, host: &str| {
        let request = Request::builder().uri(path).header("host", host);
        let request = request.header("authorization", format!("Bearer {}", gate.admin));
        gate.send_from(peer.parse::<IpAddr>().unwrap(), request.body(Body::empty()).unwrap()).await
    };
    for peer in ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "10.9.255.255", "::ffff:10.9.0.1"] {
        from(peer, "/api/v1/whoami", "localhost").await.ok(200);
    }
    for peer in ["10.10.0.1", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1"] {
        for path in ["/api/v1/whoami", "/healthz", "/nosuch"] {
            for host in ["localhost", "evil.example"] {
                let reply = from(peer, path, host).await;
                reply.refused(403, "tls_required");
                assert_eq!(reply.header("connection"), "close");
            }
        }
    }
}

#[tokio::test]
async fn by_tls_of_its_own_everybody_is_served_and_only_a_stated_proxy_speaks_for_others() {
    let gate = Gate::start().await;
    let wish = json!({"description": "here", "allowed_ips": ["192.0.2.1"]});
    let token = secret(&gate.token(&gate.admin, wish).await);
    let from = async |peer: &str, forwarded: &str| {
        let request = Request::builder().uri("/api/v1/whoami").header("host", "localhost");
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.header("x-forwarded-for", forwarded).extension(Encrypted);
        gate.send_from(peer.parse::<IpAddr>().unwrap(), request.body(Body::empty()).unwrap()).await
    };
    from("192.0.2.1", "198.51.100.7").await.ok(200);
    from("198.51.100.7", "192.0.2.1").await.refused(401, "ip_not_allowed");
    from("10.9.0.1", "192.0.2.1").await.ok(200);
}

#[tokio::test]
async fn every_error_is_a_problem() {
    let gate = Gate::start().await;
    let bearer = format!("Bearer {}", gate.admin);
    let known: [(&str, &[u8]); 2] = [("host", b"localhost"), ("authorization", bearer.as_bytes())];
    let json: [(&str, &[u8]); 3] = [known[0], known[1], ("content-type", b"application/json")];
    let send = async |method: Method, path: &str, headers: &[(&str, &[u8])], body: &'static [u8]| {
        raw(&gate, method, path, headers, body).await
    };
    send(Method::GET, "/nosuch", &known, b"").await.refused(404, "no_such_route");
    send(Method::GET, "/api/v1/nosuch", &known, b"").await.refused(404, "no_such_route");
    send(Method::PUT, "/api/v1/tokens", &known, b"").await.refused(405, "method_not_allowed");
    send(Method::POST, "/api/v1/tokens", &known, b"{}").await.refused(415, "unsupported_media_type");
    for malformed in [b"".as_slice(), b"{", b"{} x", b"\xff", b"{\"description\": \"\xff\"}", b"null", b"5"] {
        send(Method::POST, "/api/v1/tokens", &json, malformed).await.refused(400, "invalid");
    }
    let twice = br#"{"description": "a", "description": "b"}"#;
    send(Method::POST, "/api/v1/tokens", &json, twice).await.refused(400, "invalid");
    let large = vec![b' '; 64 * 1024 + 1].leak();
    send(Method::POST, "/api/v1/tokens", &json, large).await.refused(413, "body_too_large");
    send(Method::GET, "/api/v1/users/%ff", &known, b"").await.refused(400, "invalid");
    send(Method::GET, "/api/v1/tokens?user=%ff", &known, b"").await.refused(404, "not_found");
}

#[tokio::test]
async fn replies_are_not_stored_and_carry_an_id() {
    let gate = Gate::start().await;
    for path in ["/api/v1/whoami", "/api/v1/nosuch", "/healthz", "/readyz"] {
        let reply = gate.call(Method::GET, path, &gate.admin, None).await;
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("x-request-id").len(), 16, "{path}");
        for (sent, taken) in [("4bf92f35-77b3-4da6-a3ce-929d0e0e4736", true), (gate.admin.as_str(), false)] {
            let request =
                Request::builder().uri(path).header("host", "localhost").header("x-request-id", sent);
            let reply = gate.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(reply.header("x-request-id") == sent, taken, "{path} {sent}");
        }
    }
}

#[tokio::test]
async fn a_secret_in_a_wrong_place_is_not_repeated() {
    let gate = Gate::start().await;
    let replies = [
        gate.get(&format!("/tokens/{}", gate.admin), &gate.admin).await,
        gate.get(&format!("/tokens?state={}", gate.admin), &gate.admin).await,
        gate.post("/tokens", &gate.admin, json!({"description": "x", "control_plane": gate.admin})).await,
        gate.post("/users", &gate.admin, json!({"name": "x", "role": gate.admin})).await,
        gate.post("/tokens", &gate.admin, json!({"description": "x", "allowed_ips": [gate.admin]})).await,
        gate.patch("/settings", &gate.admin, json!({"max_validity": gate.admin})).await,
        gate.patch("/settings", &gate.admin, json!({"protected_paths": [gate.admin]})).await,
    ];
    for reply in replies {
        assert!(reply.status.is_client_error(), "{reply:?}");
        assert!(!reply.text.contains(&gate.admin), "{reply:?}");
    }
}

#[tokio::test]
async fn x_forwarded_for_counts_only_from_stated_proxies() {
    let gate = Gate::start().await;
    let bearer = format!("Bearer {}", gate.admin);
    let headers: [(&str, &[u8]); 3] =
        [("host", b"localhost"), ("authorization", bearer.as_bytes()), ("x-forwarded-for", b"192.0.2.1")];
    let reply = raw(&gate, Method::GET, "/api/v1/whoami", &headers, b"").await.ok(200);
    assert_eq!(reply["ip"], "127.0.0.1", "loopback is no stated proxy");
}

#[tokio::test]
async fn a_failing_database_is_a_500_that_tells_nothing() {
    let gate = Gate::start().await;
    gate.sql("DROP TABLE audit").await;
    let reply = gate.post("/tokens", &gate.admin, json!({"description": "x"})).await;
    reply.refused(500, "internal");
    assert!(!reply.text.contains("audit"), "{reply:?}");
}

#[tokio::test]
async fn browsers_that_came_by_tls_are_told_to_stay_with_it() {
    let gate = Gate::start().await;
    let told = async |peer: &str, host: &str, encrypted: bool| -> String {
        let mut request =
            Request::builder().uri("/healthz").header("host", host).body(Body::empty()).unwrap();
        if encrypted {
            request.extensions_mut().insert(Encrypted);
        }
        let reply = gate.send_from(peer.parse::<IpAddr>().unwrap(), request).await;
        reply.header("strict-transport-security").to_owned()
    };
    let year = "max-age=31536000";
    assert_eq!(told("192.0.2.1", "gate.example.com:8443", true).await, year, "its own TLS");
    assert_eq!(told("192.0.2.1", "evil.example", true).await, year, "also with a refusal");
    assert_eq!(
        told("192.0.2.1", "localhost:8443", true).await,
        "",
        "that would be every port of everybody's machine"
    );
    assert_eq!(told("10.9.0.1", "GATE.example.com", false).await, year, "a proxy's, under the public name");
    assert_eq!(told("127.0.0.1", "gate.example.com", false).await, year);
    assert_eq!(told("10.9.0.1", "localhost", false).await, "");
    assert_eq!(told("10.9.0.1", "127.0.0.1:8080", false).await, "", "in clear");
    assert_eq!(told("192.0.2.1", "gate.example.com", false).await, "", "a stranger, in clear");
}
