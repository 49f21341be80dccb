//! `/explain`: the decision that it tells of is the one that the filter takes.

use std::net::IpAddr;

use gatepass::config::wire::PluginConfiguration;
use gatepass::decision::decide;
use gatepass::policy::Policy;
use gatepass::request::{Request, Surroundings};
use serde_json::{Value, json};

use crate::support::{DAY, Gate, START, id, secret};

/// What a real request has around it.
struct Around {
    address: IpAddr,
    now: i64,
}

impl Surroundings for Around {
    fn source_address(&self) -> Option<IpAddr> {
        Some(self.address)
    }

    fn now(&self) -> Option<u64> {
        u64::try_from(self.now).ok()
    }
}

/// The filter as it is delivered to proxies.
fn filter(gate: &Gate) -> Policy {
    let json = gate.delivered().to_string();
    Policy::from_wire(PluginConfiguration::from_json(json.as_bytes()).unwrap()).unwrap()
}

/// A small generator of choices: a failure names the round, and the round gives the same choices again.
struct Choices(u64);

impl Choices {
    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        // Steele and Vigna's SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        &of[usize::try_from((z ^ (z >> 31)) % of.len() as u64).unwrap()]
    }
}

fn basic(user: &str, secret: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}")))
}

/// The decision of the delivered filter for these credentials.
fn decided(policy: &Policy, question: &Value, now: i64, authorization: Option<&str>) -> &'static str {
    let text = |name: &str| question[name].as_str().unwrap();
    let mut headers = vec![(":method", text("method").as_bytes()), (":path", text("path").as_bytes())];
    headers.extend(authorization.map(|value| ("authorization", value.as_bytes())));
    let around = Around { address: text("address").parse().unwrap(), now };
    decide(Some(policy), Request::new(&headers), &around).verdict.decision()
}

const METHODS: [&str; 4] = ["GET", "POST", "DELETE", "get"];
const PATHS: [&str; 9] = [
    "/rest/a",
    "/restless",
    "/open",
    "/rest/api/2/search?x=1",
    "/rest/a?_method=PUT",
    "/open/../rest",
    "/%72est/a",
    "/rest;x/a",
    "/",
];
const ADDRESSES: [&str; 4] = ["10.0.0.5", "192.0.2.1", "2001:db8::7", "10.1.2.3"];

fn settings(choices: &mut Choices) -> Value {
    let bools = [false, true];
    let modes = ["refuse", "forward"];
    json!({
        "allowed_ips": choices.one(&[json!([]), json!(["10.0.0.0/8"]), json!(["10.0.0.0/16", "2001:db8::/32"])]),
        "protected_paths": choices.one(&[json!(["/"]), json!(["/rest/"])]),
        "password_auth": choices.one(&bools),
        "anonymous": choices.one(&modes),
        "foreign_credentials": choices.one(&modes),
        "only_admins_create_tokens": choices.one(&bools),
        "users_may_use_tokens": choices.one(&bools),
        "scopes": {"search": choices.one(&[
            json!([{"methods": ["POST"], "paths": ["/rest/api/"]}]), json!([{"methods": ["GET"]}])
        ])},
    })
}

/// Tokens of every kind, each with its secret: of a user, of an admin, scoped, bound to addresses, short, disabled, revoked,
/// and one of somebody who was deactivated.
async fn tokens(gate: &Gate) -> Vec<(String, String, String)> {
    gate.settings(json!({"custom_validity": true})).await;
    let mut made = Vec::new();
    for (owner, role) in [("fred", "user"), ("ada", "admin"), ("gone", "user")] {
        gate.post("/users", &gate.admin, json!({"name": owner, "role": role})).await.ok(201);
        for more in [
            json!({}),
            json!({"scope": "read_only"}),
            json!({"scope": "search"}),
            json!({"allowed_ips": ["10.0.0.0/24"]}),
            json!({"valid_for": "P30D"}),
            json!({"scope": "read_only", "allowed_ips": ["2001:db8::7", "192.0.2.1"]}),
        ] {
            let mut wish = json!({"description": "x", "user": owner});
            wish.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let token = gate.token(&gate.admin, wish).await;
            made.push((owner.to_owned(), id(&token), secret(&token)));
        }
    }
    let of = |number: usize| format!("/tokens/{}", made[number].1);
    gate.patch(&of(0), &gate.admin, json!({"enabled": false})).await.ok(200);
    gate.delete(&of(6), &gate.admin).await.ok(204);
    gate.patch("/users/gone", &gate.admin, json!({"active": false})).await.ok(200);
    made
}

/// For every kind of token and many requests, explaining needs no secret and tells what the filter decides with it.
#[tokio::test]
async fn it_agrees_with_the_filter_that_is_delivered() {
    let gate = Gate::start().await;
    gate.settings(json!({"scopes": {"search": [{"methods": ["GET"]}]}})).await;
    let tokens = tokens(&gate).await;
    let (mut seen, mut rules) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
    for round in 0..40 {
        let mut choices = Choices(round);
        gate.settings(settings(&mut choices)).await;
        gate.caught_up().await;
        let policy = filter(&gate);
        for _ in 0..12 {
            let (owner, id, secret) = choices.one(&tokens);
            let users = [None, Some(owner.as_str()), Some("Fred"), Some("fred@example.com")];
            let user = choices.one(&users);
            // A token is known for 30 days beyond its end, which these times do not pass: the filter goes on with the
            // snapshot that it has.
            let now = START + choices.one(&[0, 30 * DAY - 1, 30 * DAY, 59 * DAY]);
            let mut question = json!({
                "token": id, "address": choices.one(&ADDRESSES), "method": choices.one(&METHODS),
                "path": choices.one(&PATHS), "at": jiff::Timestamp::from_second(now).unwrap().to_string(),
            });
            if let Some(user) = user {
                question["basic_user"] = json!(user);
            }
            let authorization = user.map_or_else(|| format!("Bearer {secret}"), |user| basic(user, secret));
            let reply = gate.post("/explain", &gate.admin, question.clone()).await.ok(200);
            let case = &reply["cases"][0];
            let expected = decided(&policy, &question, now, Some(&authorization));
            assert_eq!(case["decision"], expected, "round {round}: {question} {reply}");
            assert_eq!(case["allowed"], expected.starts_with("allow."), "{reply}");
            seen.insert(expected);
            rules.insert(format!("{} {}", expected, case["rule"].as_str().unwrap()));
        }
        let mut question = json!({"user": "fred", "address": choices.one(&ADDRESSES), "method": "GET",
                                  "path": choices.one(&PATHS)});
        let reply = gate.post("/explain", &gate.admin, question.clone()).await.ok(200);
        question["at"] = reply["at"].clone();
        for case in reply["cases"].as_array().unwrap() {
            let authorization = match case["credentials"].as_str().unwrap() {
                "none" => None,
                "password" => Some(basic("fred", "correct horse")),
                "other" => Some("Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln".to_owned()),
                _ => {
                    let id = case["token"]["id"].as_str().unwrap();
                    let (.., secret) = tokens.iter().find(|(_, known, _)| known == id).unwrap();
                    Some(format!("Bearer {secret}"))
                }
            };
            let expected = decided(&policy, &question, START, authorization.as_deref());
            assert_eq!(case["decision"], expected, "round {round}: {question} {case}");
            seen.insert(expected);
        }
    }
    // Nearly all that a filter that has a configuration can say: it was no agreement about nothing.
    for decision in [
        "allow.token",
        "allow.password",
        "allow.foreign",
        "allow.anonymous",
        "allow.unprotected",
        "refuse.credentials_missing",
        "refuse.ip_not_allowed",
        "refuse.credentials_unknown",
        "refuse.password_refused",
        "refuse.scheme_refused",
        "refuse.token_disabled",
        "refuse.user_inactive",
        "refuse.use_not_allowed",
        "refuse.token_expired",
        "refuse.scope_exceeded",
    ] {
        assert!(seen.contains(decision), "{decision} never came: {seen:?}");
    }
    for both in ["refuse.ip_not_allowed allowed_ips", "refuse.ip_not_allowed token_ips"] {
        assert!(rules.contains(both), "{both}: {rules:?}");
    }
}

async fn case(gate: &Gate, question: Value) -> Value {
    gate.post("/explain", &gate.admin, question).await.ok(200)["cases"][0].clone()
}

/// What is said of a case, but for the token.
fn said(case: &Value) -> Value {
    let mut said = case.clone();
    let members = said.as_object_mut().unwrap();
    members.remove("token");
    assert_eq!(members.remove("entry"), Some(Value::Null), "no source has pushed it");
    said
}

#[tokio::test]
async fn it_says_which_rule_decides_and_who_changes_it() {
    let gate = Gate::start().await;
    gate.person("fred", "user").await;
    gate.settings(json!({"allowed_ips": ["10.0.0.0/8"]})).await;
    let wish =
        json!({"description": "x", "user": "fred", "scope": "read_only", "allowed_ips": ["10.1.0.0/16"]});
    let token = id(&gate.token(&gate.admin, wish).await);
    let ask = |address: &str, method: &str| json!({"token": token, "address": address, "method": method, "path": "/rest/a"});
    let ips = "docs/troubleshooting.md#ip-restrictions";
    let outside = case(&gate, ask("192.0.2.1", "GET")).await;
    assert_eq!(
        said(&outside),
        json!({
            "credentials": "token", "allowed": false, "decision": "refuse.ip_not_allowed", "status": 403,
            "code": "ip_not_allowed", "rule": "allowed_ips", "who": "admin", "setting": "allowed_ips", "help": ips,
            "reason": "192.0.2.1 is outside the system-wide allowed_ips, which bind every request with credentials, passwords too",
            "change": "an admin adds the address to allowed_ips. If the list is right, the proxy may see another address \
                       than the client's: compare with `source` in the access log",
        })
    );
    assert_eq!(outside["token"]["user"], "fred");
    let short = |case: &Value| json!([case["rule"], case["who"], case["setting"], case["help"]]);
    let codes = "docs/troubleshooting.md#what-each-code-means";
    let its_own = case(&gate, ask("::ffff:10.2.0.1", "GET")).await;
    assert_eq!(short(&its_own), json!(["token_ips", "owner", null, ips]));
    let reason = its_own["reason"].as_str().unwrap();
    assert!(reason.contains("10.1.0.0/16") && reason.contains("10.2.0.1"), "{reason}");
    let scoped = case(&gate, ask("10.1.0.1", "POST")).await;
    assert_eq!(short(&scoped), json!(["token_scope", "owner", "scopes", codes]));
    let let_through = case(&gate, ask("10.1.0.1", "GET")).await;
    let behind = "docs/troubleshooting.md#replies-without-a-code";
    assert_eq!(short(&let_through), json!(["token", "service", null, behind]));
    assert_eq!(json!([let_through["status"], let_through["code"]]), json!([null, null]));
    let mut by_basic = ask("10.1.0.1", "GET");
    by_basic["basic_user"] = json!("Fred");
    let by_basic = case(&gate, by_basic).await;
    assert_eq!(by_basic["code"], "credentials_unknown");
    assert!(by_basic["change"].as_str().unwrap().contains("`fred`"), "{by_basic}");
    for (patch, expected) in [
        (json!({"enabled": false}), json!(["token_disabled", "manager", null, codes])),
        (json!({"enabled": true}), json!(["token", "service", null, behind])),
    ] {
        gate.patch(&format!("/tokens/{token}"), &gate.admin, patch).await.ok(200);
        assert_eq!(short(&case(&gate, ask("10.1.0.1", "GET")).await), expected);
    }
    gate.delete(&format!("/tokens/{token}"), &gate.admin).await;
    let revoked = case(&gate, ask("10.1.0.1", "GET")).await;
    assert_eq!(short(&revoked), json!(["unknown_token", "owner", null, codes]));
    assert!(revoked["reason"].as_str().unwrap().contains("has revoked the token"), "{revoked}");
}

#[tokio::test]
async fn each_link_leads_into_the_troubleshooting_page() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/troubleshooting.md")).unwrap();
    let anchor = |heading: &str| {
        let kept = heading.to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect::<String>()
    };
    let anchors: Vec<String> = page.lines().filter_map(|line| line.strip_prefix("## ")).map(anchor).collect();
    let code = include_str!("../../src/explain/advice.rs");
    let links: Vec<&str> =
        code.split("docs/troubleshooting.md#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(links.len() >= 3, "{links:?}");
    for link in links {
        assert!(anchors.iter().any(|anchor| anchor == link), "{link} is none of {anchors:?}");
    }
}

#[tokio::test]
async fn a_user_is_told_of_all_that_could_be_sent() {
    let gate = Gate::start().await;
    let fred = gate.person("fred", "user").await;
    let ask = json!({"address": "10.0.0.5", "path": "/rest/a"});
    let own = gate.post("/explain", &fred, ask.clone()).await.ok(200);
    let shown = |reply: &Value| -> Vec<Value> {
        let cases = reply["cases"].as_array().unwrap().iter();
        cases.map(|case| json!([case["credentials"], case["decision"]])).collect()
    };
    assert_eq!(
        shown(&own),
        [
            json!(["token", "allow.token"]),
            json!(["password", "refuse.password_refused"]),
            json!(["other", "refuse.scheme_refused"]),
            json!(["none", "refuse.credentials_missing"]),
        ]
    );
    assert_eq!(own["more_tokens"], false);
    for _ in 0..20 {
        gate.token(&fred, json!({"description": "x"})).await;
    }
    let many = gate.post("/explain", &fred, ask).await.ok(200);
    assert_eq!((many["cases"].as_array().unwrap().len(), &many["more_tokens"]), (23, &json!(true)));
}

#[tokio::test]
async fn it_takes_no_secret_and_repeats_none() {
    let gate = Gate::start().await;
    let token = gate.token(&gate.admin, json!({"description": "x"})).await;
    let (id, secret) = (id(&token), secret(&token));
    let good = json!({"token": id, "address": "10.0.0.5", "path": "/rest/a"});
    gate.post("/explain", &gate.admin, good.clone()).await.ok(200);
    for (field, value) in [
        ("token", secret.clone()),
        ("path", format!("/rest/a?token={secret}")),
        ("method", secret.clone()),
        ("address", secret.clone()),
        ("basic_user", format!("x{secret}")),
    ] {
        let mut question = good.clone();
        question[field] = json!(value);
        let reply = gate.post("/explain", &gate.admin, question).await;
        reply.wrong(field);
        assert!(!reply.text.contains(&secret), "{reply:?}");
    }
    let before = gate.state().await;
    let reply = gate.post("/explain", &gate.admin, good).await.ok(200).to_string();
    assert!(!reply.contains("sha256") && !reply.contains(&secret), "{reply}");
    assert_eq!(gate.state().await, before, "it changes nothing");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let gate = Gate::start().await;
    let good = json!({"user": "admin", "address": "10.0.0.5", "path": "/rest/a"});
    let wrong = async |field: &str, value: Value| {
        let mut question = good.clone();
        question[field] = value;
        gate.post("/explain", &gate.admin, question).await.wrong(field);
    };
    for address in ["", "10.0.0", "10.0.0.0/8", "localhost", "10.0.0.5, 10.0.0.6"] {
        wrong("address", json!(address)).await;
    }
    for path in ["", "rest/a", "https://jira.example.com/rest/a", "/a\nb"] {
        wrong("path", json!(path)).await;
    }
    wrong("path", json!(format!("/{}", "a".repeat(4096)))).await;
    for method in ["", "GET ", "GET\r\n", "G\u{e9}T"] {
        wrong("method", json!(method)).await;
    }
    for at in ["yesterday", "2026-11-22", "1969-12-31T23:59:59Z", "9999-12-31T23:59:59-23:59"] {
        wrong("at", json!(at)).await;
    }
    wrong("user", json!("a:b")).await;
    wrong("colour", json!("red")).await;
    let both = json!({"user": "admin", "token": "x", "address": "10.0.0.5", "path": "/"});
    gate.post("/explain", &gate.admin, both).await.wrong("user");
    let nobody = json!({"user": "nobody", "address": "10.0.0.5", "path": "/"});
    gate.post("/explain", &gate.admin, nobody).await.refused(404, "not_found");
}
