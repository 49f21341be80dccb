//! Posts about tokens that end soon.

use std::sync::Arc;
use std::time::Duration;

use gatepass_control_plane::context::Context;
use gatepass_control_plane::tls::{Flags, TlsFiles};
use gatepass_control_plane::webhooks::outgoing::Outgoing;
use gatepass_control_plane::webhooks::sending::{note_due, send_due};
use serde_json::{Value, json};

use crate::certificates::Authority;
use crate::support::{DAY, Gate, START, id};
use crate::webhook_receiver::{Answer, Names, Receiver, outgoing};

const HOUR: i64 = 60 * 60;

/// A server that may post to this machine, and whose first admin has no token that ends soon.
pub async fn stage() -> Gate {
    let mut gate = Gate::start().await;
    gate.posts_by(outgoing(&["127.0.0.0/8"], None));
    gate.settings(json!({"max_validity": "never", "custom_validity": true})).await;
    let first = gate.get("/whoami", &gate.admin).await.ok(200)["token"]["id"].as_str().unwrap().to_owned();
    let wish = json!({"description": "x", "control_plane": true, "valid_for": "never"});
    let token = gate.token(&gate.admin, wish).await;
    gate.delete(&format!("/tokens/{first}"), &gate.admin).await.ok(204);
    gate.admin = crate::support::secret(&token);
    gate.post("/users", &gate.admin, json!({"name": "fred", "role": "user"})).await.ok(201);
    gate
}

pub async fn add(gate: &Gate, url: &str) -> Value {
    gate.post("/webhooks", &gate.admin, json!({"url": url, "description": "the on-call list"})).await.ok(201)
}

async fn make(gate: &Gate, days: i64) -> Value {
    let wish = json!({"description": "nightly", "user": "fred", "valid_for": format!("P{days}D")});
    gate.token(&gate.admin, wish).await
}

/// Looks for what is to be told, and sends what is due.
pub async fn tell(context: &Context) -> usize {
    note_due(context).await.unwrap();
    send_due(context).await.unwrap()
}

pub async fn deliveries(gate: &Gate, webhook: &Value) -> Vec<Value> {
    let path = format!("/webhooks/{}/deliveries", id(webhook));
    gate.get(&path, &gate.admin).await.ok(200)["items"].as_array().unwrap().clone()
}

async fn shown(gate: &Gate, webhook: &Value) -> Value {
    gate.get(&format!("/webhooks/{}", id(webhook)), &gate.admin).await.ok(200)
}

#[tokio::test]
async fn an_endpoint_is_told_of_a_token_once_at_each_stage() {
    let gate = stage().await;
    let receiver = Receiver::start(None).await;
    let webhook = add(&gate, &receiver.url("/hooks/gate?a=b")).await;
    let token = make(&gate, 40).await;
    make(&gate, 5).await;
    make(&gate, 1).await;
    tell(&gate.context).await;
    assert!(receiver.take().is_empty(), "none has come nearer to its end than it was made for");
    for (days_left, within_days) in [(30, 30), (7, 7), (1, 1)] {
        let now = gate.context.clock.now().as_second();
        gate.pass(START + (40 - days_left) * DAY - now - 1);
        tell(&gate.context).await;
        let early = receiver.take();
        assert!(early.iter().all(|post| post.json()["data"]["token_id"] != id(&token)), "{early:?}");
        gate.pass(1);
        tell(&gate.context).await;
        tell(&gate.context).await;
        let posts = receiver.take();
        let [post] = posts.as_slice() else { panic!("{posts:?}") };
        assert_eq!(post.target, "POST /hooks/gate?a=b HTTP/1.1");
        assert_eq!(post.header("content-type"), "application/json");
        assert_eq!(post.header("host"), receiver.address.to_string());
        assert!(post.is_signed_by(webhook["secret"].as_str().unwrap()), "{post:?}");
        let now = gate.context.clock.now();
        assert_eq!(post.header("webhook-timestamp"), now.as_second().to_string());
        assert_eq!(
            post.json(),
            json!({"type": "token.expiring", "timestamp": now.to_string(), "data": {
                "token_id": id(&token), "user": "fred", "description": "nightly", "hint": token["hint"],
                "expires_at": "2027-01-01T09:00:00Z", "within_days": within_days}})
        );
        let told = &deliveries(&gate, &webhook).await[0];
        assert_eq!(told["id"], post.header("webhook-id"));
        assert_eq!(
            (&told["state"], &told["status"], &told["attempts"]),
            (&json!("delivered"), &json!(200), &json!(1))
        );
    }
    gate.pass(DAY);
    tell(&gate.context).await;
    assert!(receiver.take().is_empty(), "it has ended");
}

#[tokio::test]
async fn what_was_told_is_not_told_again_after_a_crash_and_what_was_not_is() {
    let gate = stage().await;
    let receiver = Receiver::start(None).await;
    add(&gate, &receiver.url("/")).await;
    make(&gate, 31).await;
    let late = make(&gate, 32).await;
    gate.pass(DAY);
    tell(&gate.context).await;
    assert_eq!(receiver.take().len(), 1);
    gate.pass(DAY);
    note_due(&gate.context).await.unwrap();
    let gone = gate.context.clock.now().as_second() - START;
    let mut again = Gate::start_in(gate.crash().await).await;
    again.posts_by(outgoing(&["127.0.0.0/8"], None));
    again.pass(gone);
    tell(&again.context).await;
    let posts = receiver.take();
    assert_eq!(
        posts.iter().map(|post| post.json()["data"]["token_id"].clone()).collect::<Vec<_>>(),
        [id(&late)]
    );
}

#[tokio::test]
async fn nothing_is_said_of_what_was_replaced_or_ended_meanwhile() {
    let gate = stage().await;
    let receiver = Receiver::start(None).await;
    let webhook = add(&gate, &receiver.url("/")).await;
    let mut tokens = Vec::new();
    for _ in 0..4 {
        tokens.push(make(&gate, 31).await);
    }
    gate.pass(DAY);
    note_due(&gate.context).await.unwrap();
    let path = |place: usize| format!("/tokens/{}", id(&tokens[place]));
    gate.delete(&path(0), &gate.admin).await.ok(204);
    gate.patch(&path(1), &gate.admin, json!({"enabled": false})).await.ok(200);
    gate.post(&format!("{}/rotate", path(2)), &gate.admin, json!({"grace": "P7D"})).await.ok(201);
    gate.patch(&path(3), &gate.admin, json!({"expires_at": "2026-11-24T09:00:00Z"})).await.ok(200);
    while send_due(&gate.context).await.unwrap() > 0 {}
    assert!(receiver.take().is_empty());
    let told = deliveries(&gate, &webhook).await;
    let mut why: Vec<_> =
        told.iter().map(|one| (one["problem"].as_str().unwrap(), one["state"].as_str().unwrap())).collect();
    why.sort_unstable();
    let dropped = ["disabled", "revoked", "rotated", "superseded"].map(|word| (word, "dropped"));
    assert_eq!(why, dropped);
    // What ends sooner than it did is told at the stage in which it is now.
    tell(&gate.context).await;
    let posts = receiver.take();
    let [post] = posts.as_slice() else { panic!("{posts:?}") };
    assert_eq!(
        (&post.json()["data"]["token_id"], &post.json()["data"]["within_days"]),
        (&json!(id(&tokens[3])), &json!(1))
    );
}

#[tokio::test]
async fn receivers_that_behave_badly_are_tried_again_and_learn_and_do_nothing() {
    let gate = stage().await;
    let (receiver, elsewhere) = (Receiver::start(None).await, Receiver::start(None).await);
    let webhook = add(&gate, &receiver.url("/")).await;
    make(&gate, 31).await;
    gate.pass(DAY);
    note_due(&gate.context).await.unwrap();
    let mut ids = Vec::new();
    let (mut attempts, mut longest) = (0, 30);
    let hurried = Outgoing::with_patience(outgoing(&["127.0.0.0/8"], None), Duration::from_millis(300));
    let hurried = Context { outgoing: Arc::new(hurried), ..gate.context.clone() };
    for (answer, problem, status) in [
        (Answer::Status(500), "status", Some(500)),
        (Answer::Status(404), "status", Some(404)),
        (Answer::Redirect(elsewhere.url("/")), "redirected", Some(307)),
        (Answer::Redirect("http://169.254.169.254/latest".to_owned()), "redirected", Some(307)),
        (Answer::Close, "reply_unreadable", None),
        (Answer::Noise, "reply_unreadable", None),
        (Answer::EndlessHead, "reply_unreadable", None),
        (Answer::Never, "timed_out", None),
    ] {
        let context = if matches!(answer, Answer::Never) { &hurried } else { &gate.context };
        receiver.answers(answer.clone());
        assert_eq!(send_due(context).await.unwrap(), 1, "{answer:?}");
        assert_eq!(send_due(context).await.unwrap(), 0, "not at once: {answer:?}");
        attempts += 1;
        let told = &deliveries(&gate, &webhook).await[0];
        assert_eq!((&told["state"], &told["problem"]), (&json!("pending"), &json!(problem)), "{answer:?}");
        assert_eq!((&told["status"], &told["attempts"]), (&json!(status), &json!(attempts)), "{answer:?}");
        assert_eq!(shown(&gate, &webhook).await["failing_since"], "2026-11-23T09:00:00Z");
        ids.extend(receiver.take().iter().map(|post| post.header("webhook-id").to_owned()));
        let next = told["next_attempt_at"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let wait = next.as_second() - gate.context.clock.now().as_second();
        assert!((longest / 2..=longest).contains(&wait), "{wait} after {attempts}");
        gate.pass(wait - 1);
        assert_eq!(send_due(&gate.context).await.unwrap(), 0, "not a second too early");
        gate.pass(1);
        longest *= 2;
    }
    receiver.answers(Answer::EndlessBody);
    assert_eq!(send_due(&gate.context).await.unwrap(), 1);
    ids.extend(receiver.take().iter().map(|post| post.header("webhook-id").to_owned()));
    let told = &deliveries(&gate, &webhook).await[0];
    assert_eq!((&told["state"], &told["status"]), (&json!("delivered"), &json!(200)), "its body is nobody's");
    assert_eq!((&told["problem"], &told["next_attempt_at"]), (&Value::Null, &Value::Null));
    assert_eq!(shown(&gate, &webhook).await["failing_since"], Value::Null);
    assert!(ids.len() == 9 && ids.iter().all(|one| *one == ids[0]), "one message has one id: {ids:?}");
    assert!(elsewhere.take().is_empty(), "nobody follows a redirect");
}

#[tokio::test]
async fn a_post_is_given_up_after_three_days_and_an_endpoint_after_five() {
    let gate = stage().await;
    let receiver = Receiver::start(None).await;
    receiver.answers(Answer::Status(503));
    let webhook = add(&gate, &receiver.url("/secret-path")).await;
    make(&gate, 37).await;
    make(&gate, 41).await;
    gate.pass(7 * DAY);
    note_due(&gate.context).await.unwrap();
    let begun = gate.context.clock.now().as_second();
    loop {
        while send_due(&gate.context).await.unwrap() > 0 {}
        let told = deliveries(&gate, &webhook).await;
        if told[0]["state"] == "failed" {
            assert!((20..40).contains(&told[0]["attempts"].as_i64().unwrap()), "{told:?}");
            break;
        }
        let now = gate.context.clock.now().as_second();
        assert!(now <= begun + 3 * DAY, "{told:?}");
        gate.pass(HOUR / 4);
    }
    assert!(shown(&gate, &webhook).await["enabled"] == true);
    // Nothing succeeds until a second token comes near to its end, on the fifth day.
    gate.pass(begun + 5 * DAY - gate.context.clock.now().as_second());
    receiver.take();
    tell(&gate.context).await;
    assert_eq!(receiver.take().len(), 1);
    let now = shown(&gate, &webhook).await;
    assert_eq!((&now["enabled"], &now["disabled_by"]), (&json!(false), &json!("server:webhooks")));
    let audit = gate.get("/audit?action=webhook.disabled", &gate.admin).await.ok(200);
    let entry = &audit["items"][0];
    assert_eq!((&entry["actor"], &entry["after"]["reason"]), (&json!("server:webhooks"), &json!("failing")));
    assert!(!audit.to_string().contains("secret-path"));
    gate.pass(DAY);
    tell(&gate.context).await;
    assert!(receiver.take().is_empty(), "a disabled endpoint is told nothing");
    let path = format!("/webhooks/{}", id(&webhook));
    gate.post(&format!("{path}/test"), &gate.admin, json!({})).await.refused(409, "webhook_disabled");
    receiver.answers(Answer::Status(204));
    let enabled = gate.patch(&path, &gate.admin, json!({"enabled": true})).await.ok(200);
    assert_eq!((&enabled["enabled"], &enabled["failing_since"]), (&json!(true), &Value::Null));
    tell(&gate.context).await;
    assert_eq!(receiver.take().len(), 1, "what it was still to be told is told at the present stage");
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_disabled_at_once() {
    let gate = stage().await;
    let receiver = Receiver::start(None).await;
    let webhook = add(&gate, &receiver.url("/")).await;
    make(&gate, 31).await;
    gate.pass(DAY);
    receiver.answers(Answer::Status(410));
    tell(&gate.context).await;
    assert_eq!(shown(&gate, &webhook).await["enabled"], false);
    let audit = gate.get("/audit?action=webhook.disabled", &gate.admin).await.ok(200);
    assert_eq!(audit["items"][0]["after"]["reason"], "gone");
}

#[tokio::test]
async fn two_servers_send_one_post_and_one_that_ends_leaves_it_to_the_other() {
    let gate = stage().await;
    let receiver = Receiver::start(None).await;
    let webhook = add(&gate, &receiver.url("/")).await;
    for _ in 0..6 {
        make(&gate, 31).await;
    }
    gate.pass(DAY);
    let other = Context { outgoing: Arc::new(outgoing(&["127.0.0.0/8"], None)), ..gate.beside() };
    tokio::try_join!(note_due(&gate.context), note_due(&other)).unwrap();
    for _ in 0..4 {
        tokio::try_join!(send_due(&gate.context), send_due(&other)).unwrap();
    }
    let posts = receiver.take();
    let told: std::collections::BTreeSet<_> = posts.iter().map(|post| post.header("webhook-id")).collect();
    assert_eq!((posts.len(), told.len()), (6, 6));

    gate.post(&format!("/webhooks/{}/test", id(&webhook)), &gate.admin, json!({})).await.ok(202);
    receiver.answers(Answer::Never);
    let context = other.clone();
    let sending = tokio::spawn(async move { send_due(&context).await });
    receiver.until_it_has_one().await;
    // As if it were killed: it writes nothing down.
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    receiver.answers(Answer::Status(200));
    let first = receiver.take();
    gate.pass(59);
    assert_eq!(send_due(&gate.context).await.unwrap(), 0, "somebody else may be sending it");
    gate.pass(1);
    assert_eq!(send_due(&gate.context).await.unwrap(), 1);
    let again = receiver.take();
    assert_eq!(
        (again.len(), again[0].header("webhook-id")),
        (1, first[0].header("webhook-id")),
        "at least once"
    );
    assert_eq!(again[0].json()["type"], "webhook.test");
    let told = deliveries(&gate, &webhook).await;
    let test = told.iter().find(|one| one["event"] == "webhook.test").unwrap();
    assert_eq!((&test["state"], &test["attempts"]), (&json!("delivered"), &json!(2)));
}

#[tokio::test]
async fn a_name_that_stands_for_an_address_inside_is_not_connected_to() {
    let mut gate = stage().await;
    let receiver = Receiver::start(None).await;
    let names = Arc::new(Names::default());
    let port = receiver.address.port();
    let resolver = Arc::clone(&names);
    gate.posts_by(outgoing(&[], None).with_resolver(resolver));
    let webhook = add(&gate, &format!("https://hooks.example.com:{port}/")).await;
    let test = format!("/webhooks/{}/test", id(&webhook));
    for (says, problem) in [
        (vec!["127.0.0.1"], "address_refused"),
        (vec!["10.0.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1"], "address_refused"),
        (vec!["::1", "fd00::1", "fe80::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"], "address_refused"),
        (vec![], "name_unknown"),
    ] {
        *names.says.lock().unwrap() = says.clone();
        names.asked.lock().unwrap().clear();
        gate.post(&test, &gate.admin, json!({})).await.ok(202);
        assert_eq!(send_due(&gate.context).await.unwrap(), 1);
        let told = &deliveries(&gate, &webhook).await[0];
        assert_eq!((&told["state"], &told["problem"]), (&json!("failed"), &json!(problem)), "{says:?}");
        assert_eq!(*names.asked.lock().unwrap(), ["hooks.example.com"], "a name is looked up once");
        gate.pass(1);
    }
    assert!(receiver.take().is_empty());
    assert_eq!(
        shown(&gate, &webhook).await["failing_since"],
        Value::Null,
        "a test is no failure of the endpoint's"
    );
}

#[tokio::test]
async fn certificates_are_verified_by_the_name_in_the_url() {
    let mut gate = stage().await;
    let ours = Authority::new(gate.folder.path(), "ours");
    let others = Authority::new(gate.folder.path(), "others");
    ours.issue("server", 2999);
    let (certificate, key) = (ours.file("server.crt"), ours.file("server.key"));
    let tls = TlsFiles { certificate, key, client_ca: None, flags: Flags::REST }.load().unwrap();
    let receiver = Receiver::start(Some(tls)).await;
    let port = receiver.address.port();
    for (name, authority, problem) in [
        ("localhost", &ours, None),
        ("other.example", &ours, Some("tls_failed")),
        ("localhost", &others, Some("tls_failed")),
    ] {
        let names = Arc::new(Names::default());
        *names.says.lock().unwrap() = vec!["127.0.0.1"];
        let posts = outgoing(&["127.0.0.1/32"], Some(&authority.file("ca.crt")));
        gate.posts_by(posts.with_resolver(names));
        let webhook = add(&gate, &format!("https://{name}:{port}/")).await;
        gate.post(&format!("/webhooks/{}/test", id(&webhook)), &gate.admin, json!({})).await.ok(202);
        assert_eq!(send_due(&gate.context).await.unwrap(), 1);
        let told = &deliveries(&gate, &webhook).await[0];
        assert_eq!(told["problem"], json!(problem), "{name}");
        let came = receiver.take();
        assert_eq!(came.len(), usize::from(problem.is_none()));
        assert!(came.iter().all(|post| post.is_signed_by(webhook["secret"].as_str().unwrap())));
    }
}

#[tokio::test]
async fn a_secret_is_shown_once_and_kept_nowhere_and_rotated_with_overlap() {
    let gate = stage().await;
    let receiver = Receiver::start(None).await;
    let webhook = add(&gate, &receiver.url("/kept-private")).await;
    let (path, first) = (format!("/webhooks/{}", id(&webhook)), webhook["secret"].as_str().unwrap());
    let send = async || {
        gate.post(&format!("{path}/test"), &gate.admin, json!({})).await.ok(202);
        send_due(&gate.context).await.unwrap();
        receiver.take().remove(0)
    };
    assert!(send().await.is_signed_by(first));
    let rotated = gate.post(&format!("{path}/rotate"), &gate.admin, json!({"grace": "PT1H"})).await.ok(200);
    let second = rotated["secret"].as_str().unwrap();
    assert_ne!(first, second);
    let post = send().await;
    assert!(post.is_signed_by(first) && post.is_signed_by(second), "{post:?}");
    gate.pass(HOUR);
    let post = send().await;
    assert!(!post.is_signed_by(first) && post.is_signed_by(second), "{post:?}");
    let third = gate.post(&format!("{path}/rotate"), &gate.admin, json!({})).await.ok(200);
    let post = send().await;
    assert!(!post.is_signed_by(second) && post.is_signed_by(third["secret"].as_str().unwrap()));
    gate.post(&format!("{path}/rotate"), &gate.admin, json!({"grace": "P8D"})).await.wrong("grace");

    let shown = [
        gate.get("/webhooks", &gate.admin).await.text,
        gate.get(&path, &gate.admin).await.text,
        gate.get(&format!("{path}/deliveries"), &gate.admin).await.text,
    ];
    let audit = gate.get("/audit?limit=200", &gate.admin).await.text;
    let mut kept = std::fs::read(gate.context.folder.database()).unwrap();
    kept.extend(std::fs::read(gate.context.folder.path().join("gatepass.db-wal")).unwrap());
    for secret in [first, second, third["secret"].as_str().unwrap()] {
        let bare = secret.strip_prefix("whsec_").unwrap();
        assert!(shown.iter().chain([&audit]).all(|text| !text.contains(bare)));
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::STANDARD.decode(bare).unwrap();
        for form in [bytes.as_slice(), bare.as_bytes(), hex::encode(&bytes).as_bytes()] {
            assert!(!kept.windows(form.len()).any(|part| part == form), "the database holds it");
        }
    }
    assert!(!audit.contains("kept-private") && audit.contains("webhook.rotated"));
}

#[tokio::test]
async fn endpoints_are_checked_changed_and_removed() {
    let gate = stage().await;
    for url in [
        "",
        "hooks.example.com",
        "ftp://hooks.example.com/",
        "http://hooks.example.com/",
        "http://10.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest",
        "https://[::1]/",
        "https://[fd00::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://0x0a000001/",
        "https://167772161/",
        "https://fred@hooks.example.com/",
        "https://fred:pw@hooks.example.com/",
        "https://hooks.example.com/#x",
        "https://hooks.example.com/\u{e9}",
        "https://hooks.example.com/a b",
        &format!("https://hooks.example.com/{}", gate.admin),
        &format!("https://hooks.example.com/{}", "a".repeat(2048)),
    ] {
        gate.post("/webhooks", &gate.admin, json!({"url": url})).await.wrong("url");
    }
    let far = "https://hooks.example.com/x";
    gate.post("/webhooks", &gate.admin, json!({"url": far, "description": ""})).await.wrong("description");
    gate.post("/webhooks", &gate.admin, json!({"url": far, "secret": "x"})).await.wrong("secret");
    let webhook = add(&gate, far).await;
    let path = format!("/webhooks/{}", id(&webhook));
    assert_eq!(
        shown(&gate, &webhook).await,
        json!({"id": id(&webhook), "url": far, "description": "the on-call list", "enabled": true,
               "created_at": "2026-11-22T09:00:00Z", "old_secret_until": null, "failing_since": null,
               "disabled_at": null, "disabled_by": null})
    );
    gate.patch(&path, &gate.admin, json!({"url": "https://10.0.0.1/"})).await.wrong("url");
    let patch = json!({"url": "https://hooks.example.com/y", "description": null, "enabled": false});
    let changed = gate.patch(&path, &gate.admin, patch.clone()).await.ok(200);
    assert_eq!((&changed["url"], &changed["description"]), (&patch["url"], &Value::Null));
    assert_eq!((&changed["enabled"], &changed["disabled_by"]), (&json!(false), &json!("admin")));
    let head = gate.get("/audit?limit=1", &gate.admin).await.ok(200);
    let entry = &head["items"][0];
    assert_eq!(
        (&entry["action"], &entry["target"]),
        (&json!("webhook.updated"), &json!(format!("webhook:{}", id(&webhook))))
    );
    assert_eq!(entry["after"]["origin"], "https://hooks.example.com");
    assert_ne!(
        entry["before"]["url_digest"], entry["after"]["url_digest"],
        "it shows that the path was changed"
    );
    gate.patch(&path, &gate.admin, patch).await.ok(200);
    assert_eq!(
        gate.get("/audit?limit=1", &gate.admin).await.ok(200),
        head,
        "what changes nothing leaves no trace"
    );
    for number in 1..10 {
        add(&gate, &format!("https://hooks.example.com/{number}")).await;
    }
    gate.post("/webhooks", &gate.admin, json!({"url": far})).await.refused(409, "too_many_webhooks");
    gate.delete(&path, &gate.admin).await.ok(204);
    gate.delete(&path, &gate.admin).await.refused(404, "not_found");
    gate.get(&format!("{path}/deliveries"), &gate.admin).await.refused(404, "not_found");
    let other = add(&gate, far).await;
    let path = format!("/webhooks/{}", id(&other));
    for _ in 0..10 {
        gate.post(&format!("{path}/test"), &gate.admin, json!({})).await.ok(202);
    }
    gate.post(&format!("{path}/test"), &gate.admin, json!({})).await.refused(409, "too_many_tests");
    let page = gate.get(&format!("{path}/deliveries?limit=8"), &gate.admin).await.ok(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = gate.get(&format!("{path}/deliveries?limit=8&cursor={cursor}"), &gate.admin).await.ok(200);
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next_cursor"]), (2, &Value::Null));
    gate.get(&format!("{path}/deliveries?cursor=AA"), &gate.admin).await.wrong("cursor");
    gate.delete(&path, &gate.admin).await.ok(204);
}

#[tokio::test]
async fn nothing_but_loopback_is_posted_to_in_clear() {
    let mut gate = stage().await;
    let receiver = Receiver::start(None).await;
    let names = Arc::new(Names::default());
    let resolver = Arc::clone(&names);
    gate.posts_by(outgoing(&["0.0.0.0/0"], None).with_resolver(resolver));
    let webhook = add(&gate, &format!("http://localhost:{}/", receiver.address.port())).await;
    for (says, problem) in [("192.0.2.1", json!("address_refused")), ("127.0.0.1", Value::Null)] {
        *names.says.lock().unwrap() = vec![says];
        gate.post(&format!("/webhooks/{}/test", id(&webhook)), &gate.admin, json!({})).await.ok(202);
        assert_eq!(send_due(&gate.context).await.unwrap(), 1);
        assert_eq!(deliveries(&gate, &webhook).await[0]["problem"], problem, "{says}");
        gate.pass(1);
    }
    assert_eq!(receiver.take().len(), 1);
    gate.posts_by(outgoing(&[], None));
    let url = receiver.url("/");
    gate.post("/webhooks", &gate.admin, json!({"url": url})).await.wrong("url");
}

#[tokio::test]
async fn what_was_told_long_ago_is_forgotten_and_what_is_due_is_found_by_an_index() {
    let gate = stage().await;
    let receiver = Receiver::start(None).await;
    let webhook = add(&gate, &receiver.url("/")).await;
    make(&gate, 31).await;
    gate.pass(DAY);
    tell(&gate.context).await;
    gate.pass(60 * DAY);
    note_due(&gate.context).await.unwrap();
    assert_eq!(deliveries(&gate, &webhook).await.len(), 1);
    gate.pass(1);
    note_due(&gate.context).await.unwrap();
    assert_eq!(deliveries(&gate, &webhook).await, [] as [Value; 0]);
    let sql = include_str!("../../src/store/tables/webhooks.rs");
    let begins = sql.find("SELECT t.id FROM tokens t").unwrap();
    let query = sql[begins..].split('"').next().unwrap();
    let plan = gate.plan(query).await;
    assert!(
        plan.contains("tokens_by_expiry (<expr>>? AND <expr><?)") && !plan.contains("TEMP B-TREE"),
        "{plan}"
    );
    assert!(plan.contains("webhook_notices"), "{plan}");
}
