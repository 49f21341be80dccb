//! What the pages for Jira, Confluence and Bitbucket tell people to write, taken from the pages themselves.

use gatepass_tests::client::{Connection, Response};
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::{Changes, Envoy, TOLD_DECISION};
use gatepass_tests::plugin::{Gate, configuration, entry, mint};
use gatepass_tests::upstream::Upstream;
use gatepass_tests::{artefacts, basic, bearer, wait};
use serde_json::{Value, json};

/// The fenced blocks of a page in one language, in their order.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(artefacts::root().join("docs").join(page)).expect(page);
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap_or_default().to_owned()).collect()
}

fn settings(page: &str) -> Value {
    serde_json::from_str(&blocks(page, "json")[0]).unwrap_or_else(|error| panic!("{page}: {error}"))
}

/// A block as it stands in `envoy.yaml` at a depth of so many blanks.
fn indented(block: &str, depth: usize) -> String {
    block.lines().map(|line| format!("{}{line}\n", " ".repeat(depth))).collect()
}

/// Texts for [`Changes::edits`], which live as long as the tests.
fn edits(of: Vec<(&'static str, String)>) -> &'static [(&'static str, String)] {
    Vec::leak(of)
}

const FIRST_FILTER: &str = "          # 1. Gatepass.";
const ROUTER: &str = "          # 3. To your service.";
const DOMAINS: &str = "              domains: [\"*\"]\n";

#[track_caller]
fn ask(envoy: &Envoy, method: &str, path: &str, headers: &[(&str, &str)]) -> Response {
    Connection::open(envoy.http())
        .and_then(|mut connection| connection.request(method, path, headers, ""))
        .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
}

#[test]
fn the_settings_of_each_page_are_taken_and_its_read_only_reads() {
    let control = ControlPlane::start();
    let upstream = Upstream::start();
    let changes = Changes { upstream: Some(upstream.address()), decision_told: true, ..Changes::default() };
    let envoy = Envoy::start(&control.data(), changes);
    control.user("fred", "user");
    let token = bearer(&control.token_with("fred", &json!({"scope": "read_only"})).secret);
    for (page, reads, writes) in [
        ("jira.md", "/rest/api/2/search", "/rest/api/2/issue"),
        ("confluence.md", "/rest/api/contentbody/convert/storage", "/rest/api/content"),
        ("bitbucket.md", "/scm/proj/tools.git/git-upload-pack", "/scm/proj/tools.git/git-receive-pack"),
    ] {
        control.admins(200, "PATCH", "/settings", &settings(page));
        let post = |path: &str| ask(&envoy, "POST", path, &[("Authorization", &token)]);
        wait::until(&format!("the settings of {page} on every worker"), || {
            (0..20).all(|_| post(reads).status == 200).then_some(())
        });
        let refused = post(writes);
        assert_eq!((refused.status, refused.code().as_str()), (403, "scope_exceeded"), "{page}: {writes}");
        let page_of_the_service = ask(&envoy, "GET", "/rest/anything", &[("Cookie", "JSESSIONID=1")]);
        assert_eq!(page_of_the_service.header(TOLD_DECISION), ["allow.anonymous"], "{page}");
    }
}

/// The table of docs/jira.md, row by row, with the filter that keeps sessions out of tokens.
#[test]
fn jira_gets_sessions_from_browsers_and_none_from_tokens() {
    let control = ControlPlane::start();
    control.admins(200, "PATCH", "/settings", &settings("jira.md"));
    control.user("fred", "user");
    let token = control.token("fred").secret;
    let upstream = Upstream::with_reply_headers("Set-Cookie: JSESSIONID=2; HttpOnly\r\n");
    let behind_the_seatbelt = format!("{}{ROUTER}", indented(&blocks("jira.md", "yaml")[0], 10));
    let changes = Changes {
        upstream: Some(upstream.address()),
        decision_told: true,
        edits: edits(vec![(ROUTER, behind_the_seatbelt)]),
        ..Changes::default()
    };
    let envoy = Envoy::start(&control.data(), changes);
    envoy.wait_for(200, "/rest/api/2/myself", &token);
    upstream.forget();

    let cookie = ("Cookie", "JSESSIONID=1");
    let oauth = r#"OAuth realm="", oauth_consumer_key="confluence", oauth_signature="x%3D""#;
    let (by_token, by_name) = (bearer(&token), basic("fred", &token));
    for (authorization, decision, user) in [
        (None, "allow.anonymous", vec![]),
        (Some(by_token.as_str()), "allow.token", vec!["fred"]),
        (Some(&by_name), "allow.token", vec!["fred"]),
        (Some("Bearer MDM0MjM5NDc2MDxxxxxxxxxxxxxxxxxxxxx"), "allow.foreign", vec![]),
        (Some(oauth), "allow.foreign", vec![]),
    ] {
        let mut headers = vec![cookie];
        headers.extend(authorization.map(|value| ("Authorization", value)));
        let reply = ask(&envoy, "GET", "/rest/api/2/myself", &headers);
        println!("{}: {:?}", reply.header(TOLD_DECISION).concat(), reply.header("set-cookie"));
        assert_eq!((reply.status, reply.header(TOLD_DECISION)), (200, vec![decision]), "{authorization:?}");
        let seen = upstream.seen().pop().expect("a request");
        let session = if decision == "allow.token" { vec![] } else { vec!["JSESSIONID=1"] };
        assert_eq!((seen.header("x-gatepass-user"), seen.header("cookie")), (user, session), "{decision}");
        assert_eq!(reply.header("set-cookie").is_empty(), decision == "allow.token", "{decision}");
        let forwarded = authorization.filter(|_| decision == "allow.foreign");
        assert_eq!(seen.header("authorization"), forwarded.into_iter().collect::<Vec<_>>(), "{decision}");
    }
    let reached = upstream.seen().len();
    for (authorization, code) in [
        (basic("fred", "a password"), "password_refused"),
        (bearer(mint().expose()), "credentials_unknown"),
        (format!("OAuth oauth_token=\"{}\"", mint().expose()), "credentials_unknown"),
    ] {
        let reply =
            ask(&envoy, "GET", "/secure/attachment/1/a", &[cookie, ("Authorization", &authorization)]);
        assert_eq!((reply.status, reply.code().as_str()), (403, code));
    }
    assert_eq!(upstream.seen().len(), reached);
}

#[test]
fn envoy_answers_preflights_of_known_origins_and_lets_their_pages_read_refusals() {
    let yaml = blocks("jira.md", "yaml");
    let in_front = format!("{}{FIRST_FILTER}", indented(&yaml[1], 10));
    let policy = format!("{DOMAINS}{}", indented(&yaml[2], 14));
    let changes =
        Changes { edits: edits(vec![(FIRST_FILTER, in_front), (DOMAINS, policy)]), ..Changes::default() };
    let token = mint();
    let gate = Gate::start(artefacts::module(), changes, &configuration(1, &[entry("t1", &token, "fred")]));
    let allowed = |reply: &Response| reply.header("access-control-allow-origin").concat();
    let known = "https://dashboard.example.com";
    let method = ("Access-Control-Request-Method", "GET");

    let preflight = ask(&gate.envoy, "OPTIONS", "/rest/a", &[("Origin", known), method]);
    assert_eq!((preflight.status, allowed(&preflight).as_str()), (200, known));
    assert!(preflight.header("access-control-allow-headers").concat().contains("authorization"));
    let stranger = ask(&gate.envoy, "OPTIONS", "/rest/a", &[("Origin", "https://elsewhere.test"), method]);
    assert_eq!((stranger.status, stranger.code().as_str()), (401, "credentials_missing"));
    assert_eq!(allowed(&stranger), "");
    assert!(gate.upstream.seen().is_empty());

    let from = |origin, token: &str| {
        ask(&gate.envoy, "GET", "/rest/a", &[("Origin", origin), ("Authorization", &bearer(token))])
    };
    let answered = from(known, token.expose());
    assert_eq!((answered.status, allowed(&answered).as_str()), (200, known));
    let refused = from(known, mint().expose());
    assert_eq!((refused.status, allowed(&refused).as_str()), (403, known));
    let elsewhere = from("https://elsewhere.test", token.expose());
    assert_eq!((elsewhere.status, allowed(&elsewhere).as_str()), (200, ""));
}

/// The one line of docs/confluence.md: an upgrade without filters of its own takes the ordinary chain.
#[test]
fn a_websocket_passes_the_gate_like_any_request() {
    let by = blocks("confluence.md", "yaml").remove(0).trim().to_owned();
    let changes = Changes { edits: edits(vec![("upgrade_configs: []", by)]), ..Changes::default() };
    let token = mint();
    let gate = Gate::start(artefacts::module(), changes, &configuration(1, &[entry("t1", &token, "fred")]));
    let upgrade = [("Connection", "upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")];
    let refused = ask(&gate.envoy, "GET", "/rest/socket", &upgrade);
    assert_eq!((refused.status, refused.code().as_str()), (401, "credentials_missing"));
    assert!(gate.upstream.seen().is_empty());
    let credentials = bearer(token.expose());
    let admitted = [upgrade.as_slice(), &[("Authorization", &credentials)]].concat();
    assert_eq!(ask(&gate.envoy, "GET", "/rest/socket", &admitted).status, 200, "the service's own answer");
    let seen = gate.upstream.seen().pop().expect("a request");
    assert_eq!((seen.header("upgrade"), seen.header("x-gatepass-user")), (vec!["websocket"], vec!["fred"]));
}

/// tests/end_to_end/git.rs runs git against a listener without HTTP/2.
#[test]
fn bitbuckets_listener_is_the_one_that_git_is_tested_with() {
    assert_eq!(blocks("bitbucket.md", "yaml")[0].trim(), "alpn_protocols: [http/1.1]");
}

/// One hop for one load balancer: the entry that it has appended counts, and none that the client has written.
#[test]
fn behind_a_load_balancer_the_address_that_it_appended_is_compared() {
    let hops = blocks("troubleshooting.md", "yaml").remove(0).trim().to_owned();
    let token = mint();
    let mut listed = configuration(1, &[entry("t1", &token, "fred")]);
    listed["settings"]["allowed_ips"] = json!(["203.0.113.0/24"]);
    let changes = Changes { edits: edits(vec![("xff_num_trusted_hops: 0", hops)]), ..Changes::default() };
    let gate = Gate::start(artefacts::module(), changes, &listed);
    let as_shipped = Gate::shipped(&listed);
    let credentials = bearer(token.expose());
    for (forwarded_for, behind_one, behind_none) in [
        ("203.0.113.9", 200, 403),
        ("198.51.100.1, 203.0.113.9", 200, 403),
        ("203.0.113.9, 198.51.100.1", 403, 403),
    ] {
        let headers = [("Authorization", credentials.as_str()), ("X-Forwarded-For", forwarded_for)];
        assert_eq!(ask(&gate.envoy, "GET", "/rest/a", &headers).status, behind_one, "{forwarded_for}");
        assert_eq!(ask(&as_shipped.envoy, "GET", "/rest/a", &headers).status, behind_none, "{forwarded_for}");
    }
    let direct = ask(&gate.envoy, "GET", "/rest/a", &[("Authorization", &credentials)]);
    assert_eq!((direct.status, direct.code().as_str()), (403, "ip_not_allowed"), "the peer's own address");
}

/// Every answer of the filter is explained, and nothing that it does not answer.
#[test]
fn troubleshooting_has_a_row_for_every_code() {
    let page = std::fs::read_to_string(artefacts::root().join("docs/troubleshooting.md")).expect("the page");
    let answers =
        std::fs::read_to_string(artefacts::root().join("docs/plugin-configuration.md")).expect("the page");
    let section = |text: &str, from: &str| {
        text.split(from).nth(1).and_then(|rest| rest.split("\n## ").next()).expect(from).to_owned()
    };
    let codes = |table: &str| {
        let cells = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
        let mut codes: Vec<String> =
            cells.flat_map(|cell| cell.split(", ")).map(|code| code.trim_matches('`').to_owned()).collect();
        codes.sort_unstable();
        codes
    };
    let explained = codes(&section(&page, "\n## What each code means\n"));
    assert_eq!(explained, codes(&section(&answers, "\n## Answers\n")));
    assert!(explained.len() >= 13, "{explained:?}");
}
