//! The control plane over real HTTP: who may do what, under which name, and what a crash leaves.

use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::wait;
use serde_json::{Value, json};

#[test]
fn a_token_without_control_plane_creates_nothing() {
    let control = ControlPlane::start();
    let before = control.revision();
    let weak = control.token("admin");
    let after_own = control.revision();
    assert_ne!(before, after_own);
    for (method, path, body) in [
        ("POST", "/tokens", json!({"user": "admin", "description": "x"})),
        ("POST", "/users", json!({"name": "ann", "role": "user"})),
        ("PATCH", "/settings", json!({"password_auth": true})),
        ("DELETE", "/users/admin/tokens", Value::Null),
    ] {
        let reply = control.call(&weak.secret, method, path, &body);
        println!("{method} {path}: {} {}", reply.status, reply.code());
        assert_eq!(reply.status, 403, "{method} {path}: {}", reply.text());
    }
    assert_eq!(control.revision(), after_own, "nothing has changed");
    let whoami = control.call(&weak.secret, "GET", "/whoami", &Value::Null);
    assert_eq!(whoami.status, 200, "{}", whoami.text());
}

#[test]
fn a_manager_creates_nothing_for_an_admin() {
    let control = ControlPlane::start();
    control.user("mara", "token_manager");
    control.user("fred", "user");
    let manager = control.token_with("mara", &json!({"control_plane": true}));
    let before = control.revision();
    let reply =
        control.call(&manager.secret, "POST", "/tokens", &json!({"user": "admin", "description": "x"}));
    println!("a manager for an admin: {} {}", reply.status, reply.code());
    assert_eq!(reply.status, 403, "{}", reply.text());
    assert_eq!(control.revision(), before);
    let reply =
        control.call(&manager.secret, "POST", "/tokens", &json!({"user": "fred", "description": "x"}));
    assert_eq!(reply.status, 201, "{}", reply.text());
}

#[test]
fn a_strange_host_gets_421() {
    let control = ControlPlane::start();
    let admin = gatepass_tests::bearer(&control.admin());
    for (host, status) in [
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("localhost", 200),
        (&control.address().to_string() as &str, 200),
    ] {
        let headers = [("Host", host), ("Authorization", admin.as_str())];
        let reply = control.raw_call("GET", "/whoami", &headers, &Value::Null);
        println!("Host: {host}: {} {}", reply.status, reply.code());
        assert_eq!(reply.status, status, "{host}: {}", reply.text());
        assert!(reply.header("www-authenticate").iter().all(|challenge| !challenge.starts_with("Basic")));
    }
}

/// Killed as soon as the reply has come, over and over: whatever the database says must be what the file says after
/// the next start.
#[test]
fn a_crash_right_after_a_change_leaves_nothing_undelivered() {
    let mut control = ControlPlane::start();
    control.user("fred", "user");
    let mut last = control.revision();
    for round in 0..5 {
        let token = control.token("fred");
        control.kill();
        control.restart();
        let now = control.revision();
        assert!(
            now.0 != last.0 && now.1 > last.1,
            "round {round}: {last:?}, then {now:?}; each start is an epoch"
        );
        let delivered = || control.delivered().filter(|delivered| *delivered == now);
        wait::until("the ECDS file at the database's revision", delivered);
        assert!(control.admins(200, "GET", "/tokens", &Value::Null).text().contains(&token.id));
        last = now;
    }
    println!("5 crashes, each made good: {last:?}");
}

/// A crash between commit and write is what a stale file looks like.
#[test]
fn a_stale_or_missing_file_is_made_good_at_the_next_start() {
    let mut control = ControlPlane::start();
    control.user("fred", "user");
    let file = control.data().join("envoy/gatepass.ecds.pb");
    let stale = std::fs::read(&file).expect("the file");
    control.token("fred");
    let (_, wanted) = control.revision();
    control.kill();
    for content in [Some(stale), None] {
        match content {
            Some(bytes) => std::fs::write(&file, bytes).expect("written"),
            None => std::fs::remove_file(&file).expect("removed"),
        }
        control.restart();
        let (epoch, revision) = control.revision();
        assert_eq!(revision, wanted);
        let delivered = || control.delivered().filter(|delivered| *delivered == (epoch.clone(), revision));
        wait::until("the ECDS file at the database's revision", delivered);
        control.kill();
    }
}
