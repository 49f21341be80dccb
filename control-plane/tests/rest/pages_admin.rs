//! Overview and administration, as a browser without script sees them.

use serde_json::json;

use crate::pages::{Visitor, hidden};
use crate::reporter::{Reporter, report};
use crate::sessions::person;
use crate::support::{Gate, Reply, id, secret};

const ADMINS_PAGES: [&str; 6] = [
    "/admin/settings",
    "/admin/users",
    "/admin/new-user",
    "/admin/users/fred",
    "/admin/audit",
    "/admin/fleet",
];

async fn gate() -> Gate {
    let gate = Gate::start().await;
    for (name, role) in [("fred", "user"), ("mona", "token_manager"), ("ada", "admin")] {
        person(&gate, name, role).await;
    }
    gate
}

fn with_csrf(page: &Reply, more: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut fields = vec![("csrf", hidden(page, "csrf"))];
    fields.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    fields
}

/// The form of the settings as a browser would send it, untouched but for `change`.
fn settings_form(page: &Reply, change: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    let mut fields = with_csrf(page, &[]);
    fields.push(("version", hidden(page, "version")));
    let untouched = [
        ("max_validity", "P1Y"),
        ("users_may_use_tokens", "on"),
        ("max_tokens_per_user", "100"),
        ("anonymous", "refuse"),
        ("foreign_credentials", "refuse"),
        ("protected_paths", "/"),
        ("token_prefixes", "gp_"),
        ("user_header", "x-gatepass-user"),
        ("token_id_header", "x-gatepass-token-id"),
        ("scope_name", "read_only"),
        ("scope_rules", "GET HEAD OPTIONS"),
    ];
    for (name, value) in untouched {
        if !change.iter().any(|(changed, _)| *changed == name) {
            fields.push((name, value.to_owned()));
        }
    }
    fields.extend(change.iter().map(|(name, value)| (*name, (*value).to_owned())));
    fields
}

#[tokio::test]
async fn each_page_is_for_whom_it_is_and_tells_others_so() {
    let gate = gate().await;
    for (name, for_all, overview, admins) in
        [("fred", 200, 403, 403), ("mona", 200, 200, 403), ("ada", 200, 200, 200)]
    {
        let mut visitor = Visitor::signed_in(&gate, name).await;
        let mut pages = vec![("/explain", for_all), ("/overview", overview)];
        pages.extend(ADMINS_PAGES.map(|path| (path, admins)));
        for (path, status) in pages {
            let page = visitor.get(path).await;
            assert_eq!(page.status, status, "{name} {path}: {page:?}");
            assert_eq!(page.header("cache-control"), "no-store", "{path}");
            assert!(page.header("content-security-policy").contains("script-src 'self'"), "{path}");
            let why =
                page.text.contains("nly admins may") || page.text.contains("nly token managers and admins");
            assert_eq!(why, status == 403, "{name} {path}: an explanation, where there is a refusal");
            for inline in ["<style", " style=", "<script>", " onclick=", "javascript:"] {
                assert!(!page.text.contains(inline), "{path}: {inline}");
            }
        }
        let menu = visitor.get("/tokens").await.text;
        assert_eq!(menu.contains("href=\"/overview\""), overview == 200, "{name}");
        assert_eq!(menu.contains("href=\"/admin/settings\""), admins == 200, "{name}");
    }
}

/// A form is for whom its page is, and for nobody whom another site sends.
#[tokio::test]
async fn forms_are_refused_to_others_and_from_elsewhere() {
    let gate = gate().await;
    let before = gate.state().await;
    let forms = [
        "/admin/settings",
        "/admin/new-user",
        "/admin/users/fred",
        "/admin/users/fred/password",
        "/admin/users/fred/failed-sign-ins",
        "/admin/users/fred/sessions",
        "/admin/audit/check",
    ];
    for name in ["fred", "mona", "ada"] {
        let mut visitor = Visitor::signed_in(&gate, name).await;
        let page = visitor.get("/explain").await;
        let fields = settings_form(
            &page_with_version(&page),
            &[("do", "save"), ("password_auth", "on"), ("role", "admin")],
        );
        for path in forms {
            if name != "ada" && path != "/admin/users/fred/sessions" {
                let reply = visitor.post(path, &fields).await;
                assert_eq!(reply.status, 403, "{name} {path}: {reply:?}");
            }
            let forged: Vec<_> = fields.iter().filter(|(field, _)| *field != "csrf").cloned().collect();
            assert_eq!(
                visitor.post(path, &forged).await.status,
                403,
                "{name} {path}: without the page's token"
            );
            let elsewhere = visitor.post_from(Some("https://evil.example"), path, &fields).await;
            assert_eq!(elsewhere.status, 403, "{name} {path}: from another site");
        }
    }
    let after = gate.state().await;
    assert_eq!((before.0, before.1), (after.0, after.1), "nothing has changed");
}

/// A page of another kind has no version; its form's fields are taken for those of a page that has.
fn page_with_version(page: &Reply) -> Reply {
    let text = format!("{}<input name=\"version\" value=\"1\">", page.text);
    Reply { status: page.status, headers: page.headers.clone(), text }
}

#[tokio::test]
async fn consequences_are_told_before_anything_is_saved() {
    let gate = gate().await;
    for _ in 0..2 {
        gate.token(&gate.admin, json!({"description": "x", "user": "fred", "valid_for": "P1Y"})).await;
    }
    let mut ada = Visitor::signed_in(&gate, "ada").await;
    let page = ada.get("/admin/settings").await;
    let before = gate.get("/settings", &gate.admin).await.ok(200);
    let change = [
        ("allowed_ips", "10.0.0.0/8"),
        ("max_validity", "P6M"),
        ("apply_max_validity_to_existing", "on"),
        ("password_auth", "on"),
        ("do", "preview"),
    ];
    let told = ada.post("/admin/settings", &settings_form(&page, &change)).await;
    assert_eq!(told.status, 200);
    for sentence in [
        "Your own address 127.0.0.1 would be refused at the gate.",
        "Shortens the life of 2 tokens of 1 user.",
        "fred (2)",
        "Passwords go on to the service",
    ] {
        assert!(told.text.contains(sentence), "{sentence}: {}", told.text);
    }
    assert_eq!(gate.get("/settings", &gate.admin).await.ok(200), before, "and nothing is saved");
    // The page's script sends the form without a button.
    let live = settings_form(&page, &change[..4]);
    assert!(ada.post("/admin/settings", &live).await.text.contains("2 tokens of 1 user"));
    let saved = ada
        .post("/admin/settings", &settings_form(&told, &[("allowed_ips", "127.0.0.0/8"), ("do", "save")]))
        .await;
    assert_eq!(
        (saved.status.as_u16(), saved.header("location")),
        (303, "/admin/settings?done=settings-saved")
    );
    let after = gate.get("/settings", &gate.admin).await.ok(200);
    assert_eq!(after["allowed_ips"], json!(["127.0.0.0/8"]));
    assert_eq!(
        after["max_validity"], "P1Y",
        "what stands in the form holds, and not what was looked at before"
    );
    let audit = gate.get("/audit?action=settings.updated", &gate.admin).await.ok(200);
    assert_eq!(audit["items"][0]["actor"], "ada");
}

#[tokio::test]
async fn what_cannot_be_undone_is_seen_before_it_is_saved() {
    let gate = gate().await;
    let wish = json!({"description": "x", "user": "fred", "valid_for": "P1Y"});
    let token = gate.token(&gate.admin, wish.clone()).await;
    let end = async || {
        gate.get(&format!("/tokens/{}", id(&token)), &gate.admin).await.ok(200)["expires_at"].clone()
    };
    let before = end().await;
    let mut ada = Visitor::signed_in(&gate, "ada").await;
    let page = ada.get("/admin/settings").await;
    let change = [("max_validity", "P6M"), ("apply_max_validity_to_existing", "on"), ("do", "save")];
    let asked = ada.post("/admin/settings", &settings_form(&page, &change)).await;
    assert_eq!(asked.status, 200);
    assert!(
        asked.text.contains("Nothing is saved yet.") && asked.text.contains("life of 1 token"),
        "{asked:?}"
    );
    assert_eq!(end().await, before);
    // What was seen is no longer what would be.
    let seen = hidden(&asked, "seen");
    gate.token(&gate.admin, wish).await;
    let with = |page: &Reply, seen: &str| {
        let mut form = settings_form(page, &change);
        form.push(("seen", seen.to_owned()));
        form
    };
    let again = ada.post("/admin/settings", &with(&asked, &seen)).await;
    assert!(
        again.text.contains("Nothing is saved yet.") && again.text.contains("life of 2 tokens"),
        "{again:?}"
    );
    let saved = ada.post("/admin/settings", &with(&again, &hidden(&again, "seen"))).await;
    assert_eq!(saved.status, 303);
    assert_ne!(end().await, before);
    // What ends no token is asked about by nobody.
    let page = ada.get("/admin/settings").await;
    assert_eq!(ada.post("/admin/settings", &settings_form(&page, &change)).await.status, 303);
}

#[tokio::test]
async fn rows_of_addresses_are_added_and_removed_without_script() {
    let gate = gate().await;
    gate.settings(json!({"allowed_ips": ["10.0.0.0/8", "127.0.0.1"]})).await;
    let mut ada = Visitor::signed_in(&gate, "ada").await;
    let page = ada.get("/admin/settings").await;
    let rows = |page: &Reply| page.text.matches("name=\"allowed_ips\"").count();
    assert_eq!(rows(&page), 2);
    let typed = [("allowed_ips", "10.0.0.0/8"), ("allowed_ips", "192.0.2.1"), ("password_auth", "on")];
    let mut more = settings_form(&page, &typed);
    more.push(("do", "add_ip".to_owned()));
    let page = ada.post("/admin/settings", &more).await;
    assert_eq!(rows(&page), 3);
    assert!(
        page.text.contains("192.0.2.1") && page.text.contains("name=\"password_auth\" checked"),
        "what was typed stays"
    );
    let mut fewer = settings_form(&page, &typed);
    fewer.push(("remove_ip", "0".to_owned()));
    let page = ada.post("/admin/settings", &fewer).await;
    assert_eq!(rows(&page), 1);
    assert!(page.text.contains("value=\"192.0.2.1\""), "{page:?}");
    let unchanged = gate.get("/settings", &gate.admin).await.ok(200);
    assert_eq!(unchanged["allowed_ips"], json!(["10.0.0.0/8", "127.0.0.1"]), "and nothing is saved by that");
}

#[tokio::test]
async fn what_is_wrong_is_told_beside_its_setting_and_what_was_typed_stays() {
    let gate = gate().await;
    let mut ada = Visitor::signed_in(&gate, "ada").await;
    let page = ada.get("/admin/settings").await;
    for action in ["save", "preview"] {
        let wrong = [("allowed_ips", "127.0.0.1"), ("allowed_ips", "10.0.0.x"), ("do", action)];
        let told = ada.post("/admin/settings", &settings_form(&page, &wrong)).await;
        assert_eq!(told.status.as_u16(), if action == "save" { 400 } else { 200 });
        assert!(told.text.contains("id=\"allowed_ips-error\">Entry 2: "), "{}", told.text);
        assert!(told.text.contains("value=\"10.0.0.x\""), "{action}");
    }
    gate.token(&gate.admin, json!({"description": "x", "scope": "read_only"})).await;
    gate.settings(json!({"scopes": {"ci": [{"methods": ["GET"]}]}})).await;
    gate.token(&gate.admin, json!({"description": "x", "scope": "ci"})).await;
    let page = ada.get("/admin/settings").await;
    let told = ada.post("/admin/settings", &settings_form(&page, &[("do", "save")])).await;
    assert_eq!(told.status, 409, "a scope that is in use does not go by being left out: {told:?}");
    assert!(told.text.contains("role=\"alert\""), "{}", told.text);
}

#[tokio::test]
async fn who_was_slower_is_shown_what_has_changed() {
    let gate = gate().await;
    let mut ada = Visitor::signed_in(&gate, "ada").await;
    let page = ada.get("/admin/settings").await;
    gate.settings(json!({"max_tokens_per_user": 7})).await;
    let change = [("password_auth", "on"), ("do", "save")];
    let stale = ada.post("/admin/settings", &settings_form(&page, &change)).await;
    assert_eq!(stale.status, 412);
    for part in
        ["Somebody has changed the settings", "max_tokens_per_user&#34;:7", "name=\"password_auth\" checked"]
    {
        assert!(stale.text.contains(part), "{part}: {}", stale.text);
    }
    assert_eq!(
        gate.get("/settings", &gate.admin).await.ok(200)["password_auth"],
        false,
        "nothing of it was saved"
    );
    // Sent again from the page that shows it, it is what is wanted.
    let again = [("password_auth", "on"), ("max_tokens_per_user", "7"), ("do", "save")];
    let saved = ada.post("/admin/settings", &settings_form(&stale, &again)).await;
    assert_eq!(saved.status, 303, "{saved:?}");
    let after = gate.get("/settings", &gate.admin).await.ok(200);
    assert_eq!(json!([after["password_auth"], after["max_tokens_per_user"]]), json!([true, 7]));
}

#[tokio::test]
async fn users_are_created_changed_and_given_passwords() {
    let gate = gate().await;
    let mut ada = Visitor::signed_in(&gate, "ada").await;
    let page = ada.get("/admin/new-user").await;
    let new = with_csrf(
        &page,
        &[
            ("name", "Wilma F"),
            ("role", "token_manager"),
            ("email", "w@example.com"),
            ("groups", "dev\r\nops"),
        ],
    );
    let made = ada.post("/admin/new-user", &new).await;
    let place = made.header("location").to_owned();
    assert_eq!((made.status.as_u16(), place.as_str()), (303, "/admin/users/Wilma%20F?done=user-created"));
    let shown = gate.get("/users/Wilma%20F", &gate.admin).await.ok(200);
    assert_eq!(json!([shown["role"], shown["groups"]]), json!(["token_manager", ["dev", "ops"]]));
    let twice = ada.post("/admin/new-user", &new).await;
    assert_eq!(twice.status, 409);
    assert!(
        twice.text.contains("value=\"Wilma F\"") && twice.text.contains("w@example.com"),
        "what was typed stays"
    );
    let bad = ada.post("/admin/new-user", &with_csrf(&page, &[("name", "a:b"), ("role", "user")])).await;
    assert!(bad.status == 400 && bad.text.contains("id=\"name-error\""), "{bad:?}");

    let page = ada.get(&place).await;
    assert!(page.text.contains("The user is created."), "{page:?}");
    let short =
        ada.post("/admin/users/Wilma%20F/password", &with_csrf(&page, &[("password", "short")])).await;
    assert!(
        short.status == 400
            && short.text.contains("id=\"password-error\"")
            && !short.text.contains("value=\"short\"")
    );
    let set = with_csrf(&page, &[("password", "correct horse")]);
    assert_eq!(ada.post("/admin/users/Wilma%20F/password", &set).await.status, 303);
    Visitor::signed_in(&gate, "Wilma F").await;
    let loaded = loaded(&page);
    let off = with_csrf(&page, &[("role", "user"), ("groups", "dev"), ("loaded", &loaded)]);
    assert_eq!(ada.post("/admin/users/Wilma%20F", &off).await.status, 303);
    let shown = gate.get("/users/Wilma%20F", &gate.admin).await.ok(200);
    assert_eq!(json!([shown["role"], shown["active"], shown["email"]]), json!(["user", false, null]));
    let found = ada.get("/admin/users?search=wilma&active=false").await.text;
    assert!(found.contains("/admin/users/Wilma%20F") && !found.contains("/admin/users/fred"), "{found}");
}

/// What the form on a page showed at first.
fn loaded(page: &Reply) -> String {
    hidden(page, "loaded").replace("&#34;", "\"").replace("&#39;", "'").replace("&#38;", "&")
}

#[tokio::test]
async fn saving_a_page_that_was_open_for_long_undoes_nothing_that_others_did() {
    let gate = gate().await;
    let mut ada = Visitor::signed_in(&gate, "ada").await;
    gate.patch("/users/fred", &gate.admin, json!({"role": "token_manager"})).await.ok(200);
    let page = ada.get("/admin/users/fred").await;
    // Meanwhile somebody deactivates and demotes fred.
    gate.patch("/users/fred", &gate.admin, json!({"active": false, "role": "user"})).await.ok(200);
    let loaded = loaded(&page);
    let typed =
        |email| [("role", "token_manager"), ("active", "on"), ("email", email), ("loaded", loaded.as_str())];
    let wrong = ada.post("/admin/users/fred", &with_csrf(&page, &typed("no mail\u{7}"))).await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    assert_eq!(self::loaded(&wrong), loaded, "what was typed is kept, and what it differs from");
    assert_eq!(ada.post("/admin/users/fred", &with_csrf(&page, &typed("f@example.com"))).await.status, 303);
    let shown = gate.get("/users/fred", &gate.admin).await.ok(200);
    assert_eq!(
        json!([shown["role"], shown["active"], shown["email"]]),
        json!(["user", false, "f@example.com"]),
        "only what was changed in the form"
    );
    let without = with_csrf(&page, &[("role", "user"), ("active", "on")]);
    assert_eq!(ada.post("/admin/users/fred", &without).await.status, 400, "a form of an older page");
}

#[tokio::test]
async fn the_last_admin_stays_one() {
    let gate = gate().await;
    gate.patch("/users/admin", &gate.admin, json!({"active": false})).await.ok(200);
    let mut ada = Visitor::signed_in(&gate, "ada").await;
    let page = ada.get("/admin/users/ada").await;
    let loaded = loaded(&page);
    let fields = [("role", "user"), ("active", "on"), ("loaded", &loaded)];
    let off = ada.post("/admin/users/ada", &with_csrf(&page, &fields)).await;
    assert_eq!(off.status, 409);
    assert!(off.text.contains("No active admin would be left"), "{off:?}");
}

#[tokio::test]
async fn failed_sign_ins_are_shown_and_forgotten() {
    let gate = gate().await;
    for _ in 0..3 {
        let wrong = json!({"user": "fred", "password": "wrong"});
        gate.post("/session", "", wrong).await.refused(401, "sign_in_refused");
    }
    let mut ada = Visitor::signed_in(&gate, "ada").await;
    let page = ada.get("/admin/users/fred").await;
    assert!(page.text.contains("<dt>Failed sign-ins since</dt><dd>3</dd>"), "{page:?}");
    assert_eq!(ada.post("/admin/users/fred/failed-sign-ins", &with_csrf(&page, &[])).await.status, 303);
    assert_eq!(gate.get("/users/fred", &gate.admin).await.ok(200)["failed_sign_ins"], 0);
}

#[tokio::test]
async fn the_audit_is_filtered_exported_and_checked() {
    let gate = gate().await;
    gate.settings(json!({"password_auth": true})).await;
    let mut ada = Visitor::signed_in(&gate, "ada").await;
    let page = ada.get("/admin/audit?action=settings.updated&until=2026-11-22").await;
    assert!(page.text.contains("The chain holds.") && page.text.contains("password_auth"), "{page:?}");
    assert!(!page.text.contains("<code>user.created</code>"), "{page:?}");
    let export = "/api/v1/audit?format=csv&#38;action=settings.updated&#38;until=2026-11-23T00%3A00%3A00Z";
    assert!(page.text.replace("&amp;", "&#38;").contains(export), "{page:?}");
    let csv = ada.get(&export.replace("&#38;", "&")).await;
    assert_eq!((csv.status.as_u16(), csv.text.lines().count()), (200, 2), "{csv:?}");
    let none = ada.get("/admin/audit?actor=nobody").await;
    assert!(none.text.contains("No entry is like that."), "{none:?}");
    let wrong = ada.get("/admin/audit?from=yesterday").await;
    assert!(wrong.status == 400 && wrong.text.contains("id=\"from-error\""), "{wrong:?}");
    let whole = ada.post("/admin/audit/check", &with_csrf(&page, &[])).await;
    assert!(whole.text.contains("entries follow each other and are unchanged"), "{whole:?}");
    gate.sql("DROP TRIGGER audit_is_not_updated; UPDATE audit SET actor = 'nobody' WHERE seq = 2").await;
    let broken = ada.post("/admin/audit/check", &with_csrf(&page, &[])).await;
    assert!(broken.text.contains("The chain is broken.") && broken.text.contains("Entry 2 "), "{broken:?}");
    let first = ada.get("/admin/audit").await;
    assert!(
        first.text.contains("The chain holds."),
        "its end does; that all of it was not looked at is said"
    );
}

#[tokio::test]
async fn proxies_and_their_decisions_are_shown() {
    let gate = gate().await;
    let mut ada = Visitor::signed_in(&gate, "ada").await;
    assert!(ada.get("/admin/fleet").await.text.contains("No proxy has reported yet."));
    assert!(ada.get("/overview").await.text.contains("No proxy has told of any request in this time."));
    let reporter = Reporter::start(&gate).await;
    let mut told = report(&gate, 1, 1, json!([])).await;
    told["node"]["id"] = json!("<b>gate</b>");
    told["decisions"] = json!({"allow.token": 1234, "refuse.token_expired": 5, "refuse.scope_exceeded": 2});
    reporter.post(&told).await.ok(200);
    let fleet = ada.get("/admin/fleet").await.text;
    assert!(
        fleet.contains("The newest change is live on 1 of 1 workers.") && fleet.contains("&#60;b&#62;gate"),
        "{fleet}"
    );
    gate.token(&gate.admin, json!({"description": "x"})).await;
    let fleet = ada.get("/admin/fleet").await.text;
    assert!(fleet.contains("live on 0 of 1 workers") && fleet.contains("1 change"), "{fleet}");
    let overview = ada.get("/overview?requests=last_hour").await.text;
    for part in [
        "let through: 1\u{202f}234",
        "refused: 7",
        "allow.token",
        "The token has expired.",
        "class=\"s0\"",
        "Last hour",
    ] {
        assert!(overview.contains(part), "{part}: {overview}");
    }
    let mut mona = Visitor::signed_in(&gate, "mona").await;
    let overview = mona.get("/overview").await.text;
    assert!(
        overview.contains("of everyone but administrators") && !overview.contains("let through"),
        "{overview}"
    );
}

#[tokio::test]
async fn a_refusal_is_explained_and_no_token_is_shown_again() {
    let gate = gate().await;
    let token = gate
        .token(&gate.admin, json!({"description": "nightly", "user": "fred", "allowed_ips": ["10.1.0.0/16"]}))
        .await;
    let mut fred = Visitor::signed_in(&gate, "fred").await;
    let page = fred.get("/explain").await;
    assert!(page.text.contains("value=\"127.0.0.1\"") && page.text.contains("value=\"fred\""), "{page:?}");
    let id = id(&token);
    let ask = |token: &str, path: &str| {
        with_csrf(&page, &[("token", token), ("address", "10.2.0.1"), ("method", "GET"), ("path", path)])
    };
    let told = fred.post("/explain", &ask(&id, "/rest/a")).await;
    assert_eq!(told.status, 200);
    for part in
        ["ip_not_allowed", "10.1.0.0/16", "the token’s owner", "refuse.ip_not_allowed", "value=\"/rest/a\""]
    {
        assert!(told.text.contains(part), "{part}: {told:?}");
    }
    for fields in [ask(&secret(&token), "/rest/a"), ask(&id, &format!("/rest/a?t={}", secret(&token)))] {
        let refused = fred.post("/explain", &fields).await;
        assert_eq!(refused.status, 400);
        assert!(!refused.text.contains(&secret(&token)), "{refused:?}");
        assert!(refused.text.contains("Must not hold a token"), "{refused:?}");
    }
    let own = fred.post("/explain", &with_csrf(&page, &[("address", "10.2.0.1"), ("path", "/")])).await;
    assert!(own.text.contains("A user name and a password") && own.text.contains("nightly"), "{own:?}");
    let others = fred
        .post("/explain", &with_csrf(&page, &[("user", "mona"), ("address", "10.2.0.1"), ("path", "/")]))
        .await;
    assert_eq!(others.status, 403);
    assert!(others.text.contains("Only token managers and admins"), "{others:?}");
}
