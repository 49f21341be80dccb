//! Sources: what CI pushes is in force, all at once, and gives nothing else away.

use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::openapi::operations;
use crate::support::{DAY, Gate, Reply, START, id, secret};

/// The digest of a token that nobody has.
pub fn digest(n: u64) -> String {
    format!("{n:064x}")
}

pub fn entry(name: &str, n: u64, user: &str) -> Value {
    json!({"id": name, "sha256": digest(n), "user": user})
}

pub fn document(entries: &[Value]) -> Value {
    json!({"entries": entries})
}

pub struct Ci {
    pub gate: Gate,
    pub push: String,
    /// The push token's id.
    push_id: String,
}

impl Ci {
    /// A source `ci` that may name fred and users whose names begin with `ci-`, such as `ci-a` and `ci-b`.
    pub async fn start() -> Self {
        Self::over(Gate::start().await).await
    }

    async fn over(gate: Gate) -> Self {
        for (name, role) in [("fred", "user"), ("ci-a", "user"), ("ci-b", "user"), ("mona", "token_manager")]
        {
            gate.post("/users", &gate.admin, json!({"name": name, "role": role})).await.ok(201);
        }
        let source = json!({"name": "ci", "users": ["fred"], "user_prefix": "ci-", "max_entries": 20});
        gate.post("/sources", &gate.admin, source).await.ok(201);
        let made = gate.post("/sources/ci/push-tokens", &gate.admin, json!({})).await.ok(201);
        Self { gate, push: secret(&made), push_id: id(&made) }
    }

    pub async fn push(&self, query: &str, entries: &[Value]) -> Reply {
        self.gate.put(&format!("/sources/ci/snapshot{query}"), &self.push, document(entries)).await
    }

    pub async fn push_if(&self, tag: &str, entries: &[Value]) -> Reply {
        let request = Request::builder().method(Method::PUT).uri("/api/v1/sources/ci/snapshot");
        let request = request.header("host", "localhost").header("content-type", "application/json");
        let request =
            request.header("authorization", format!("Bearer {}", self.push)).header("if-match", tag);
        self.gate.send(request.body(Body::from(document(entries).to_string())).unwrap()).await
    }

    async fn push_yaml(&self, yaml: &str) -> Reply {
        let request = Request::builder().method(Method::PUT).uri("/api/v1/sources/ci/snapshot");
        let request = request.header("host", "localhost").header("content-type", "application/yaml");
        let request = request.header("authorization", format!("Bearer {}", self.push));
        self.gate.send(request.body(Body::from(yaml.to_owned())).unwrap()).await
    }

    pub async fn in_force(&self) -> Value {
        self.gate.get("/sources/ci/snapshot?limit=200", &self.push).await.ok(200)
    }

    pub async fn ids(&self) -> Vec<String> {
        let items = self.in_force().await["items"].clone();
        items.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    }

    /// What proxies get is what the whole database gives; of it, the source's.
    pub async fn delivered(&self) -> Vec<Value> {
        self.gate.caught_up().await;
        let database = self.gate.get("/snapshot", &self.gate.admin).await.ok(200);
        let sorted = |tokens: &Value| {
            let mut tokens = tokens["tokens"].as_array().unwrap().clone();
            tokens.sort_by_key(|token| token["id"].as_str().unwrap().to_owned());
            tokens
        };
        let delivered = sorted(&self.gate.delivered());
        assert_eq!(delivered, sorted(&database));
        delivered.into_iter().filter(|token| token["id"].as_str().unwrap().contains('.')).collect()
    }
}

#[tokio::test]
async fn what_is_pushed_is_in_force_and_nothing_else() {
    let ci = Ci::start().await;
    let full = json!({"id": "b", "sha256": digest(2), "user": "ci-b", "description": "nightly",
        "expires_at": "2027-01-31T00:00:00Z", "scope": "read_only", "allowed_ips": ["10.0.0.0/8"], "disabled": true});
    let report = ci.push("", &[entry("a", 1, "fred"), full.clone()]).await;
    assert!(!report.header("gatepass-revision").is_empty() && report.header("etag") == "\"2\"", "{report:?}");
    let report = report.ok(200);
    assert_eq!(
        (&report["dry_run"], &report["unchanged"], &report["needs"]),
        (&json!(false), &json!(0), &json!([]))
    );
    let added = json!({"count": 2, "entries": [{"id": "a", "user": "fred"}, {"id": "b", "user": "ci-b"}]});
    assert_eq!(report["added"], added);
    let year = START + 365 * DAY;
    let expected = json!([
        {"id": "ci.a", "sha256": digest(1), "user": "fred", "expires_at": year, "allowed_ips": []},
        {"id": "ci.b", "sha256": digest(2), "user": "ci-b", "expires_at": 1_801_353_600, "scope": "read_only",
         "allowed_ips": ["10.0.0.0/8"], "refuse": "token_disabled"},
    ]);
    let delivered = ci.delivered().await;
    for (got, expected) in delivered.iter().zip(expected.as_array().unwrap()) {
        for (field, value) in expected.as_object().unwrap() {
            assert!(got.get(field).unwrap_or(&json!([])) == value, "{field}: {got}");
        }
    }
    assert_eq!(delivered.len(), 2);
    // Changed, replaced, gone and new.
    let changed =
        json!({"id": "b", "sha256": digest(2), "user": "ci-b", "expires_at": "2027-01-31T00:00:00Z"});
    let report = ci.push("", &[entry("a", 3, "fred"), changed, entry("c", 4, "ci-a")]).await.ok(200);
    let fields = ["description", "scope", "allowed_ips", "disabled"];
    let lines = json!([{"id": "a", "user": "fred", "fields": ["sha256"]}, {"id": "b", "user": "ci-b", "fields": fields}]);
    assert_eq!(report["changed"], json!({"count": 2, "entries": lines}));
    assert_eq!(report["added"]["count"], 1);
    let digests: Vec<_> = ci.delivered().await.iter().map(|token| token["sha256"].clone()).collect();
    assert_eq!(digests, [digest(3), digest(2), digest(4)]);
    let report = ci.push("", &[entry("a", 3, "fred"), entry("c", 4, "ci-a")]).await.ok(200);
    assert_eq!((&report["removed"]["count"], &report["unchanged"]), (&json!(1), &json!(2)));
    assert_eq!(ci.delivered().await.len(), 2);
    // Renamed, and one takes the digest of another: each secret is known once.
    ci.push("?allow_removals=true", &[entry("x", 3, "fred"), entry("y", 4, "ci-a")]).await.ok(200);
    ci.push("", &[entry("x", 4, "fred"), entry("y", 3, "ci-a")]).await.ok(200);
    let delivered = ci.delivered().await;
    assert_eq!((&delivered[0]["sha256"], &delivered[1]["sha256"]), (&json!(digest(4)), &json!(digest(3))));
}

#[tokio::test]
async fn a_push_that_changes_nothing_leaves_no_trace_but_of_the_push_token() {
    let ci = Ci::start().await;
    ci.push("", &[entry("a", 1, "fred")]).await.ok(200);
    let before = ci.gate.state().await;
    let reply = ci.push("", &[entry("a", 1, "fred")]).await;
    assert_eq!((reply.header("etag"), reply.header("gatepass-revision")), ("\"2\"", ""));
    assert_eq!(ci.gate.state().await, before);
    let source = ci.gate.get("/sources/ci", &ci.gate.admin).await.ok(200);
    assert_eq!(source["push_tokens"][0]["last_pushed_ip"], "127.0.0.1");
    assert_eq!((&source["entries"], &source["pushed_by"]), (&json!(1), &json!("source:ci")));
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let ci = Ci::start().await;
    ci.push("", &[entry("a", 1, "fred"), entry("b", 2, "fred")]).await.ok(200);
    let before = (ci.gate.state().await, ci.in_force().await);
    let report = ci.push("?dry_run=true", &[entry("c", 3, "fred")]).await.ok(200);
    assert_eq!((&report["added"]["count"], &report["removed"]["count"]), (&json!(1), &json!(2)));
    assert_eq!(
        (&report["needs"], &report["dry_run"], &report["revision"]),
        (&json!(["allow_removals"]), &json!(true), &json!(2))
    );
    let empty = ci.push("?dry_run=true", &[]).await.ok(200);
    assert_eq!(empty["needs"], json!(["allow_empty"]));
    ci.push("?dry_run=true", &[entry("c", 3, "boss")]).await.wrong("entries[0].user");
    ci.push("?dry_run=yes", &[]).await.wrong("dry_run");
    assert_eq!((ci.gate.state().await, ci.in_force().await), before);
}

#[tokio::test]
async fn a_job_that_went_wrong_cuts_nobody_off() {
    let ci = Ci::start().await;
    let four: Vec<Value> = (1..=4).map(|n| entry(&format!("e{n}"), n, "fred")).collect();
    ci.push("", &four).await.ok(200);
    ci.push("", &[]).await.refused(409, "removal_not_confirmed");
    ci.push("?allow_removals=true", &[]).await.refused(409, "removal_not_confirmed");
    ci.push("", &four[..1]).await.refused(409, "removal_not_confirmed");
    ci.push("?allow_empty=true", &four[..1]).await.refused(409, "removal_not_confirmed");
    assert_eq!(ci.ids().await.len(), 4);
    ci.push("", &four[..2]).await.ok(200);
    ci.push("?allow_removals=true", &[entry("other", 9, "fred")]).await.ok(200);
    assert_eq!(ci.ids().await, ["other"]);
    let report = ci.push("?allow_empty=true", &[]).await.ok(200);
    assert_eq!(report["removed"]["count"], 1);
    assert!(ci.delivered().await.is_empty());
    ci.push("", &[]).await.refused(409, "removal_not_confirmed");
}

#[tokio::test]
async fn whoever_was_faster_is_not_overwritten() {
    let ci = Ci::start().await;
    ci.push_if("\"1\"", &[entry("a", 1, "fred")]).await.ok(200);
    ci.push_if("\"1\"", &[entry("b", 2, "fred")]).await.refused(412, "stale");
    ci.push_if("\"7\", \"2\"", &[entry("a", 1, "fred"), entry("b", 2, "fred")]).await.ok(200);
    ci.push_if("*", &[entry("a", 1, "fred"), entry("c", 2, "fred")]).await.ok(200);
    let read = ci.gate.get("/sources/ci/snapshot", &ci.push).await;
    assert_eq!(read.header("etag"), "\"4\"");
    // An admin's change of the source counts as well.
    ci.gate.patch("/sources/ci", &ci.gate.admin, json!({"max_entries": 9})).await.ok(200);
    ci.push_if("\"4\"", &[entry("a", 1, "fred")]).await.refused(412, "stale");
    // And so does a source of the same name that came after.
    ci.gate.delete("/sources/ci", &ci.gate.admin).await;
    let again = json!({"name": "ci", "users": ["fred"]});
    let made = ci.gate.post("/sources", &ci.gate.admin, again).await;
    assert_eq!(made.header("etag"), "\"6\"");
}

#[tokio::test]
async fn what_is_wrong_is_named_and_changes_nothing() {
    let ci = Ci::start().await;
    ci.push("", &[entry("a", 1, "fred")]).await.ok(200);
    let before = (ci.gate.state().await, ci.in_force().await);
    let with = |name: &str, value: Value| {
        let mut wrong = entry("b", 2, "ci-a");
        wrong[name] = value;
        wrong
    };
    for (wrong, field) in [
        (with("colour", json!(1)), "colour"),
        (with("control_plane", json!(true)), "control_plane"),
        (with("id", json!("a b")), "id"),
        (with("id", json!("a")), "id"),
        (with("id", json!("e".repeat(40))), "id"),
        (with("sha256", json!("abc")), "sha256"),
        (with("sha256", json!(digest(1))), "sha256"),
        (with("sha256", json!(digest(0xabc).to_uppercase())), "sha256"),
        (with("user", json!("mona")), "user"),
        (with("user", json!("CI-A")), "user"),
        (with("user", json!("ci-nobody")), "user"),
        (with("user", json!("admin")), "user"),
        (with("description", json!("a\nb")), "description"),
        (with("description", json!(format!("see {}", ci.push))), "description"),
        (with("scope", json!("write")), "scope"),
        (with("expires_at", json!("2026-11-22T09:00:00Z")), "expires_at"),
        (with("expires_at", json!("2027-11-22T09:00:01Z")), "expires_at"),
        (with("expires_at", json!("never")), "expires_at"),
        (with("expires_at", json!(1_801_353_600)), "expires_at"),
        (with("allowed_ips", json!(["10.0.0.0/33"])), "allowed_ips[0]"),
        (with("disabled", json!("no")), "disabled"),
    ] {
        let reply = ci.push("", &[entry("a", 1, "fred"), wrong]).await;
        reply.wrong(&format!("entries[1].{field}"));
        assert!(!reply.text.contains(&ci.push), "{reply:?}");
    }
    let many: Vec<Value> = (1..=21).map(|n| entry(&format!("e{n}"), n, "fred")).collect();
    ci.gate.pass(60);
    ci.push("", &many).await.wrong("entries");
    let path = "/sources/ci/snapshot";
    ci.gate.put(path, &ci.push, json!({"entries": [], "source": "other"})).await.wrong("source");
    ci.gate.put(path, &ci.push, json!({"entries": [], "extra": 1})).await.wrong("extra");
    ci.gate.put(path, &ci.push, json!({"version": 2, "entries": []})).await.wrong("version");
    ci.gate.put(path, &ci.push, json!([])).await.wrong("");
    ci.push_yaml("entries:\n- id: a\n  usr: fred\n").await.wrong("entries[0].usr");
    ci.push_yaml("entries: [*a]").await.refused(400, "invalid");
    assert_eq!((ci.gate.state().await, ci.in_force().await), before);
}

#[tokio::test]
async fn yaml_is_taken_as_json_is() {
    let ci = Ci::start().await;
    let yaml = format!(
        "# team a\nversion: 1\nsource: ci\nentries:\n  - name: a\n    sha256: {}\n    user: fred\n    scope: read_only\n",
        digest(1)
    );
    ci.push_yaml(&yaml).await.ok(200);
    let report =
        ci.push("", &[json!({"id": "a", "sha256": digest(1), "user": "fred", "scope": "read_only"})]).await;
    assert_eq!(report.ok(200)["unchanged"], 1);
    let request =
        Request::builder().method(Method::PUT).uri("/api/v1/sources/ci/snapshot").header("host", "localhost");
    let request =
        request.header("authorization", format!("Bearer {}", ci.push)).header("content-type", "text/plain");
    ci.gate.send(request.body(Body::from("x")).unwrap()).await.refused(415, "unsupported_media_type");
}

#[tokio::test]
async fn a_digest_that_somebody_else_holds_is_refused_without_a_word_of_whom() {
    let ci = Ci::start().await;
    let admin = &ci.gate.admin;
    let live = ci.gate.token(admin, json!({"description": "x", "user": "fred"})).await;
    let revoked = ci.gate.token(admin, json!({"description": "x", "user": "fred"})).await;
    ci.gate.delete(&format!("/tokens/{}", id(&revoked)), admin).await;
    let other = json!({"name": "other", "users": ["fred"]});
    ci.gate.post("/sources", admin, other).await.ok(201);
    let others = ci.gate.post("/sources/other/push-tokens", admin, json!({})).await.ok(201);
    let entries = document(&[entry("a", 7, "fred")]);
    ci.gate.put("/sources/other/snapshot", &secret(&others), entries).await.ok(200);
    ci.gate.delete(&format!("/sources/other/push-tokens/{}", id(&others)), admin).await;
    let own_push = ci.push.clone();
    let mut answers = Vec::new();
    for taken in [secret(&live), secret(&revoked), own_push, secret(&others)] {
        let mut wrong = entry("b", 2, "fred");
        wrong["sha256"] = sha256(&taken).into();
        answers.push(ci.push("", &[entry("a", 1, "fred"), wrong]).await);
    }
    answers.push(ci.push("", &[entry("a", 1, "fred"), entry("b", 7, "fred")]).await);
    for answer in &answers {
        answer.refused(409, "digest_taken");
        assert_eq!(answer.text, answers[0].text);
        assert!(answer.text.contains("entries[1].sha256"), "{}", answer.text);
    }
    // An admin, who has to make it good, is told whom.
    let push_id = ci.push_id.clone();
    let holders = [
        (sha256(&secret(&live)), format!("the token {} of fred", id(&live))),
        (sha256(&secret(&revoked)), format!("the revoked token {} of fred", id(&revoked))),
        (sha256(&ci.push), format!("the push token {push_id} of the source ci")),
        (sha256(&secret(&others)), format!("the push token {} of the source other", id(&others))),
        (digest(7), "the entry a of the source other".to_owned()),
    ];
    for (taken, holder) in holders {
        let mut wrong = entry("b", 2, "fred");
        wrong["sha256"] = taken.into();
        let answer = ci.gate.put("/sources/ci/snapshot", admin, document(&[wrong])).await;
        assert!(answer.refused(409, "digest_taken").text.contains(&holder), "{}: {holder}", answer.text);
    }
    assert!(ci.ids().await.is_empty());
    assert_eq!(ci.delivered().await.len(), 1, "the other source's stays");
}

fn sha256(secret: &str) -> String {
    gatepass::token::parse(secret.as_bytes(), &[gatepass::token::Prefix::default()]).unwrap().to_string()
}

#[tokio::test]
async fn an_entry_opens_no_control_plane_and_a_push_token_nothing_but_its_source() {
    let ci = Ci::start().await;
    let admin = ci.gate.admin.clone();
    // A token that mint would make: known here by its digest alone.
    let mut counter = 0_u8;
    let minted = gatepass::token::PlainToken::generate(&gatepass::token::Prefix::default(), |buffer| {
        counter += 1;
        buffer.fill(counter * 3);
        Ok::<_, ()>(())
    });
    let minted = minted.unwrap();
    let mut pushed = entry("a", 1, "fred");
    pushed["sha256"] = minted.digest().to_string().into();
    ci.push("", &[pushed]).await.ok(200);
    for (method, path, _) in operations() {
        let path = path.replace("{name}", "ci").replace("{id}", "01JD0ZQ8M2E5C9X7V3T1R6P4WY");
        let method: Method = method.to_ascii_uppercase().parse().unwrap();
        let open = ["/openapi.json", "/healthz", "/readyz", "/oidc/start", "/oidc/callback"];
        if open.iter().any(|end| path.ends_with(end)) || path.ends_with("/session") {
            continue;
        }
        let by_entry = ci.gate.call(method.clone(), &path, minted.expose(), None).await;
        by_entry.refused(401, "credentials_unknown");
        let own = path.ends_with("/sources/ci/snapshot") || path.ends_with("/whoami");
        let by_push = ci.gate.call(method.clone(), &path, &ci.push, None).await;
        if own {
            assert_ne!(by_push.status, 401, "{method} {path}");
        } else {
            by_push.refused(401, "credentials_unknown");
        }
    }
    assert!(ci.delivered().await.iter().all(|token| token["sha256"] != sha256(&ci.push)));
    let tokens = ci.gate.get("/tokens?limit=200", &admin).await.ok(200).to_string();
    assert!(!tokens.contains("ci.a"), "entries are no tokens to manage: {tokens}");
    ci.gate.get("/tokens/ci.a", &admin).await.refused(404, "not_found");
    ci.gate.delete("/tokens/ci.a", &admin).await.refused(404, "not_found");
    ci.gate.post("/tokens/ci.a/rotate", &admin, json!({})).await.refused(404, "not_found");
    let whoami = ci.gate.get("/whoami", &ci.push).await.ok(200);
    assert_eq!((&whoami["source"], &whoami["user"]), (&json!("ci"), &Value::Null));
    // Another source's entries do not exist, to this one; and Basic is for people.
    ci.gate.post("/sources", &admin, json!({"name": "other", "users": ["fred"]})).await.ok(201);
    for path in ["/sources/other/snapshot", "/sources/none/snapshot"] {
        ci.gate.get(path, &ci.push).await.refused(404, "not_found");
        ci.gate.put(path, &ci.push, document(&[])).await.refused(404, "not_found");
    }
}

#[tokio::test]
async fn a_push_token_is_shown_once_rotated_and_revoked() {
    let ci = Ci::start().await;
    let admin = &ci.gate.admin;
    let wish = json!({"description": "pipeline", "valid_for": "P6M", "allowed_ips": ["10.0.0.0/8"]});
    let made = ci.gate.post("/sources/ci/push-tokens", admin, wish).await.ok(201);
    ci.gate.get("/sources/ci/snapshot", &secret(&made)).await.refused(401, "ip_not_allowed");
    let shown = ci.gate.get("/sources/ci", admin).await.ok(200);
    assert!(!shown.to_string().contains(&secret(&made)) && !shown.to_string().contains("sha256"), "{shown}");
    let of_ci = |token: &&Value| token["id"] == ci.push_id.as_str();
    let first = shown["push_tokens"].as_array().unwrap().iter().find(of_ci).unwrap();
    let rotate = format!("/sources/ci/push-tokens/{}/rotate", ci.push_id);
    let second = ci.gate.post(&rotate, admin, json!({"grace": "PT1H"})).await.ok(201);
    ci.gate.post(&rotate, admin, json!({})).await.refused(409, "token_rotated");
    ci.push("", &[entry("a", 1, "fred")]).await.ok(200);
    ci.gate.pass(3600);
    ci.push("", &[entry("a", 1, "fred")]).await.refused(401, "token_expired");
    let read = async |token: &str| ci.gate.get("/sources/ci/snapshot", token).await;
    read(&secret(&second)).await.ok(200);
    let rotate = format!("/sources/ci/push-tokens/{}/rotate", id(&second));
    let third = ci.gate.post(&rotate, admin, json!({})).await.ok(201);
    read(&secret(&second)).await.refused(401, "credentials_unknown");
    let rotate = format!("/sources/ci/push-tokens/{}/rotate", id(&third));
    let fourth = ci.gate.post(&rotate, admin, json!({"grace": "PT1H"})).await.ok(201);
    assert_eq!(fourth["expires_at"], first["expires_at"], "a rotation keeps the end");
    // Whoever had stolen the third may have had the fourth made.
    let gone = ci.gate.delete(&format!("/sources/ci/push-tokens/{}", id(&third)), admin).await;
    assert_eq!(gone.status, 204);
    read(&secret(&fourth)).await.refused(401, "credentials_unknown");
    read(&secret(&third)).await.refused(401, "credentials_unknown");
    ci.gate.delete(&format!("/sources/ci/push-tokens/{}", id(&third)), admin).await.refused(404, "not_found");
    assert_eq!(ci.delivered().await.len(), 1, "what it pushed stays in force");
    for _ in 0..9 {
        ci.gate.post("/sources/ci/push-tokens", admin, json!({})).await.ok(201);
    }
    ci.gate.post("/sources/ci/push-tokens", admin, json!({})).await.refused(409, "too_many_push_tokens");
    ci.gate.post("/sources/ci/push-tokens", admin, json!({"valid_for": "P2Y"})).await.wrong("valid_for");
    ci.gate
        .patch("/settings", admin, json!({"token_prefixes": ["new_"]}))
        .await
        .refused(409, "prefix_in_use");
}

#[tokio::test]
async fn a_source_says_whom_it_may_name() {
    let ci = Ci::start().await;
    let admin = &ci.gate.admin;
    for (wrong, field) in [
        (json!({"name": "C I", "users": ["fred"]}), "name"),
        (json!({"name": "a.b", "users": ["fred"]}), "name"),
        (json!({"name": "x"}), "users"),
        (json!({"name": "x", "users": []}), "users"),
        (json!({"name": "x", "users": ["nobody"]}), "users"),
        (json!({"name": "x", "users": ["mona"]}), "users"),
        (json!({"name": "x", "user_prefix": "ci"}), "user_prefix"),
        (json!({"name": "x", "user_prefix": " ci-"}), "user_prefix"),
        (json!({"name": "x", "users": ["fred"], "max_entries": 0}), "max_entries"),
        (json!({"name": "x", "users": ["fred"], "max_entries": 50_001}), "max_entries"),
        (json!({"name": "x", "users": ["fred"], "description": "a\nb"}), "description"),
        (json!({"name": "x", "users": ["fred"], "colour": 1}), "colour"),
    ] {
        ci.gate.post("/sources", admin, wrong).await.wrong(field);
    }
    ci.gate
        .post("/sources", admin, json!({"name": "ci", "users": ["fred"]}))
        .await
        .refused(409, "source_exists");
    // A person who signs in is named exactly, or not at all.
    ci.gate.put("/users/ci-a/password", admin, json!({"password": "correct horse battery"})).await;
    ci.push("", &[entry("a", 1, "ci-a")]).await.wrong("entries[0].user");
    ci.gate.patch("/sources/ci", admin, json!({"users": ["fred", "ci-a"]})).await.ok(200);
    ci.push("", &[entry("a", 1, "ci-a"), entry("b", 2, "ci-b"), entry("c", 3, "fred")]).await.ok(200);
    // What the source may not name any more ends, if that is said.
    let narrower = json!({"users": [], "user_prefix": "ci-"});
    let before = (ci.gate.state().await, ci.in_force().await);
    ci.gate.patch("/sources/ci", admin, narrower.clone()).await.refused(409, "entries_outside");
    assert_eq!((ci.gate.state().await, ci.in_force().await), before);
    let narrower = json!({"users": [], "end_entries": true});
    let source = ci.gate.patch("/sources/ci", admin, narrower).await.ok(200);
    assert_eq!((&source["entries"], &source["users"]), (&json!(1), &json!([])));
    assert_eq!(ci.ids().await, ["b"]);
    assert_eq!(ci.delivered().await.len(), 1);
    ci.push("", &[entry("b", 2, "ci-b"), entry("c", 3, "fred")]).await.wrong("entries[1].user");
}

#[tokio::test]
async fn what_settings_and_people_are_reaches_entries() {
    let ci = Ci::start().await;
    let admin = &ci.gate.admin;
    ci.push("", &[entry("a", 1, "fred"), entry("b", 2, "ci-b")]).await.ok(200);
    let refusals = async || -> Vec<Value> {
        ci.delivered().await.iter().map(|token| token.get("refuse").cloned().unwrap_or_default()).collect()
    };
    ci.gate.patch("/users/fred", admin, json!({"active": false})).await.ok(200);
    assert_eq!(refusals().await, [json!("user_inactive"), Value::Null]);
    assert_eq!(ci.in_force().await["items"][0]["refused"], "user_inactive");
    ci.push("", &[entry("a", 1, "fred"), entry("b", 2, "ci-b"), entry("c", 3, "fred")]).await.ok(200);
    assert_eq!(refusals().await[2], "user_inactive", "who is deactivated stays so");
    ci.gate.patch("/users/fred", admin, json!({"active": true, "role": "token_manager"})).await.ok(200);
    assert_eq!(refusals().await, [json!("use_not_allowed"), Value::Null, json!("use_not_allowed")]);
    ci.gate.patch("/users/fred", admin, json!({"role": "user"})).await.ok(200);
    assert_eq!(refusals().await, [Value::Null, Value::Null, Value::Null]);
    let strict = json!({"only_admins_create_tokens": true, "users_may_use_tokens": false});
    ci.gate.settings(strict).await;
    assert_eq!(refusals().await, ["use_not_allowed"; 3]);
    ci.gate.settings(json!({"users_may_use_tokens": true})).await;
    // A scope that entries have stays.
    ci.gate.settings(json!({"scopes": {"ci": [{"methods": ["GET"]}]}})).await;
    let mut scoped = entry("a", 1, "fred");
    scoped["scope"] = "ci".into();
    ci.push("", &[scoped, entry("b", 2, "ci-b")]).await.ok(200);
    ci.gate.patch("/settings", admin, json!({"scopes": {"ci": null}})).await.refused(409, "scope_in_use");
    ci.push("", &[entry("a", 1, "fred"), entry("b", 2, "ci-b")]).await.ok(200);
    ci.gate.settings(json!({"scopes": {"ci": null}})).await;
    // A shorter bound reaches entries where it reaches tokens: when that is asked for. A push goes on as it was until then.
    let cut = json!({"max_validity": "P6M", "apply_max_validity_to_existing": true});
    let preview = ci.gate.post("/settings/preview", admin, cut.clone()).await.ok(200).to_string();
    assert!(preview.contains("ci.a"), "{preview}");
    ci.gate.settings(json!({"max_validity": "P6M"})).await;
    ci.push("", &[entry("a", 1, "fred"), entry("b", 2, "ci-b")]).await.ok(200);
    ci.gate.settings(cut).await;
    let six_months = ci.in_force().await["items"][0]["expires_at"].clone();
    assert_eq!(six_months, "2027-05-22T09:00:00Z");
    let published = ci.delivered().await[0]["expires_at"].as_i64().unwrap();
    assert_eq!(published, six_months.as_str().unwrap().parse::<jiff::Timestamp>().unwrap().as_second());
}

#[tokio::test]
async fn the_audit_tells_each_push_and_each_entry() {
    let ci = Ci::start().await;
    ci.push("", &[entry("a", 1, "fred"), entry("b", 2, "ci-b")]).await.ok(200);
    let mut disabled = entry("b", 2, "ci-b");
    disabled["disabled"] = true.into();
    ci.push("", &[entry("a", 3, "fred"), disabled]).await.ok(200);
    ci.push("", &[entry("a", 3, "fred")]).await.ok(200);
    let audit = ci.gate.get("/audit?actor=source:ci&limit=200", &ci.gate.admin).await.ok(200);
    let mut lines: Vec<(String, String)> = audit["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            (item["action"].as_str().unwrap().to_owned(), item["target"].as_str().unwrap().to_owned())
        })
        .collect();
    lines.reverse();
    let expected = [
        ("snapshot.pushed", "source:ci"),
        ("token.created", "token:ci.a user:fred"),
        ("token.created", "token:ci.b user:ci-b"),
        ("snapshot.pushed", "source:ci"),
        ("token.rotated", "token:ci.a user:fred"),
        ("token.updated", "token:ci.b user:ci-b"),
        ("snapshot.pushed", "source:ci"),
        ("token.revoked", "token:ci.b user:ci-b"),
    ];
    assert_eq!(lines, expected.map(|(action, target)| (action.to_owned(), target.to_owned())));
    let last = &audit["items"][1];
    assert_eq!(last["after"]["removed"], 1);
    let pushed = document(&[entry("a", 3, "fred")]).to_string();
    let hash = ring::digest::digest(&ring::digest::SHA256, pushed.as_bytes());
    let hex: String = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(last["after"]["document"], hex);
    assert!(last["actor_token_id"].is_string() && last["ip"] == "127.0.0.1", "{last}");
    assert!(!audit.to_string().contains(&ci.push));
    let text = ci.gate.get("/audit?target=user:fred", &ci.gate.admin).await.ok(200).to_string();
    assert!(text.contains("ci.a"), "what happened to a person's entries is told with the person");
}

#[tokio::test]
async fn a_source_that_is_deleted_takes_its_entries_along() {
    let ci = Ci::start().await;
    ci.push("", &[entry("a", 1, "fred"), entry("b", 2, "ci-b")]).await.ok(200);
    let admin = &ci.gate.admin;
    let gone = ci.gate.delete("/sources/ci", admin).await;
    assert!(gone.status == 204 && !gone.header("gatepass-revision").is_empty(), "{gone:?}");
    assert!(ci.delivered().await.is_empty());
    ci.gate.get("/sources/ci", admin).await.refused(404, "not_found");
    ci.gate.get("/whoami", &ci.push).await.refused(401, "credentials_unknown");
    let again = json!({"name": "ci", "users": ["fred"]});
    ci.gate.post("/sources", admin, again).await.ok(201);
    ci.gate.get("/whoami", &ci.push).await.refused(401, "credentials_unknown");
    // Its push token is nobody's token either, now or later.
    let push = secret(&ci.gate.post("/sources/ci/push-tokens", admin, json!({})).await.ok(201));
    let mut stolen = entry("a", 1, "fred");
    stolen["sha256"] = sha256(&ci.push).into();
    ci.gate.put("/sources/ci/snapshot", &push, document(&[stolen])).await.refused(409, "digest_taken");
}

#[tokio::test]
async fn an_admin_may_push_and_pages_follow_each_other() {
    let ci = Ci::start().await;
    let entries: Vec<Value> = (1..=5).map(|n| entry(&format!("e{n}"), n, "fred")).collect();
    let path = "/sources/ci/snapshot";
    ci.gate.put(path, &ci.gate.admin, document(&entries)).await.ok(200);
    assert_eq!(ci.gate.get("/sources/ci", &ci.gate.admin).await.ok(200)["pushed_by"], "admin");
    let first = ci.gate.get(&format!("{path}?limit=3"), &ci.push).await.ok(200);
    assert_eq!((first["items"].as_array().unwrap().len(), &first["entries"]), (3, &json!(5)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = ci.gate.get(&format!("{path}?limit=3&cursor={cursor}"), &ci.push).await.ok(200);
    assert_eq!(second["items"][0]["id"], "e4");
    assert_eq!(second["next_cursor"], Value::Null);
    let listed = ci.gate.get("/sources", &ci.gate.admin).await.ok(200);
    assert_eq!((&listed["items"][0]["name"], &listed["items"][0]["entries"]), (&json!("ci"), &json!(5)));
}
