//! Who gets in where proxies report.

use std::os::unix::fs::MetadataExt as _;

use axum::http::Method;
use gatepass_control_plane::dataplane::USAGE_PATH;
use gatepass_control_plane::random::SystemRandom;
use gatepass_control_plane::report_key::ReportKey;
use serde_json::json;

use crate::reporter::{Reporter, report};
use crate::support::Gate;

#[tokio::test]
async fn only_the_report_key_lets_a_proxy_in() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let body = report(&gate, 1, 1, json!([])).await.to_string();
    let key = &reporter.key;
    let (short, long, folded) = (&key[1..], format!("{key}A"), key.to_lowercase());
    for (authorization, code) in [
        (vec![], "credentials_missing"),
        (vec![format!("Bearer {short}")], "credentials_unknown"),
        (vec![format!("Bearer {long}")], "credentials_unknown"),
        (vec![format!("Bearer {folded}")], "credentials_unknown"),
        (vec![format!("Bearer {}", gate.admin)], "credentials_unknown"),
        (vec!["Bearer".to_owned()], "authorization_malformed"),
        (vec!["Bearer ".to_owned()], "authorization_malformed"),
        (vec![format!("Basic {key}")], "authorization_malformed"),
        (vec![key.clone()], "authorization_malformed"),
        (vec![format!("Bearer {key}"), format!("Bearer {key}")], "authorization_malformed"),
    ] {
        let headers: Vec<_> = authorization.iter().map(|value| ("authorization", value.as_str())).collect();
        let reply = reporter.send("POST", USAGE_PATH, &headers, body.as_bytes()).await;
        reply.refused(401, code);
        assert_eq!(reply.header("www-authenticate"), "Bearer realm=\"gatepass\"", "never Basic: {reply:?}");
        assert!(!reply.text.contains(key.as_str()) && !reply.header("x-request-id").is_empty(), "{reply:?}");
    }
    assert!(gate.get("/fleet", &gate.admin).await.ok(200)["proxies"].as_array().unwrap().is_empty());
    let bearer = format!("bearer {key}");
    let reply = reporter.send("POST", USAGE_PATH, &[("authorization", &bearer)], body.as_bytes()).await;
    assert_eq!(reply.ok(200), json!({"accepted": 0, "unknown": 0}));
}

#[tokio::test]
async fn strangers_learn_nothing_of_what_is_there_and_proxies_find_reports_alone() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let bearer = format!("Bearer {}", reporter.key);
    let admin = format!("Bearer {}", gate.admin);
    for (method, path, code) in [
        ("GET", USAGE_PATH, (405, "method_not_allowed")),
        ("POST", "/dataplane/v1/usage/", (404, "no_such_route")),
        ("GET", "/api/v1/whoami", (404, "no_such_route")),
        ("GET", "/healthz", (404, "no_such_route")),
        ("GET", "/", (404, "no_such_route")),
    ] {
        reporter.send(method, path, &[], b"").await.refused(401, "credentials_missing");
        reporter
            .send(method, path, &[("authorization", &admin)], b"")
            .await
            .refused(401, "credentials_unknown");
        let known = reporter.send(method, path, &[("authorization", &bearer)], b"").await;
        known.refused(code.0, code.1);
    }
    // REST, the other way around, takes no reports, and no report key.
    let body = report(&gate, 1, 1, json!([])).await;
    for token in [&reporter.key, &gate.admin] {
        let reply = gate.call(Method::POST, USAGE_PATH, token, Some(body.clone())).await;
        reply.refused(404, "no_such_route");
    }
    gate.get("/whoami", &reporter.key).await.refused(401, "credentials_unknown");
}

#[tokio::test]
async fn what_is_too_large_is_refused_and_a_strangers_not_even_read() {
    let gate = Gate::start().await;
    let reporter = Reporter::start(&gate).await;
    let bearer = format!("Bearer {}", reporter.key);
    let large = vec![b'{'; 1024 * 1024 + 1];
    let reply = reporter.send("POST", USAGE_PATH, &[("authorization", &bearer)], &large).await;
    assert!(reply.refused(413, "body_too_large").text.contains("1048576"), "{reply:?}");
    reporter.send("POST", USAGE_PATH, &[], &large).await.refused(401, "credentials_missing");
    let most = &large[..1024 * 1024];
    let reply = reporter.send("POST", USAGE_PATH, &[("authorization", &bearer)], most).await;
    assert_eq!(reply.problem().0, 400, "it is read, and no JSON: {reply:?}");
}

#[tokio::test]
async fn the_key_is_made_once_and_its_owners_alone() {
    let gate = Gate::start().await;
    let folder = &gate.context.folder;
    let make = || ReportKey::load_or_make(folder, &SystemRandom);
    let key = make().unwrap().expose().to_owned();
    assert_eq!(make().unwrap().expose(), key);
    let file = folder.report_key();
    assert_eq!(file, folder.path().join("report-key"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{key}\n"), "ready for $(cat …)");
    assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    assert_eq!(folder.path().metadata().unwrap().mode() & 0o777, 0o700);
    // 256 bits in 6-bit characters that need no quoting anywhere.
    assert!(key.len() == 43 && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)), "{key}");

    for damaged in ["", "\n", "secret", &key[1..]] {
        std::fs::write(&file, damaged).unwrap();
        let said = make().unwrap_err().to_string();
        assert!(said.contains("report-key") && said.contains("remove it"), "{said}");
    }
    std::fs::remove_file(&file).unwrap();
    assert_ne!(make().unwrap().expose(), key, "another one");
}
