//! `gatepass settings` on a server.

use super::site::{Site, bare, fed};

#[test]
fn settings_are_read_and_changed_by_name() {
    let site = Site::new();
    assert_eq!(site.run(&["settings", "get", "max_validity"]).good(), "P1Y\n");
    let table = site.run(&["settings", "get"]).good();
    assert!(table.starts_with("SETTING ") && table.contains("\nallowed_ips "), "{table}");
    let two = site.run(&["settings", "get", "allowed_ips", "anonymous", "--output", "json"]).json();
    assert_eq!(two, serde_json::json!({"allowed_ips": [], "anonymous": "refuse"}));
    assert!(site.run(&["settings", "get", "colour"]).bad(2).contains("max_validity"));

    let told = site.run(&["settings", "set", "max_validity=P6M", "allowed_ips=[\"192.0.2.0/24\"]"]);
    assert!(told.err.contains("Warning: your own address"), "{told:?}");
    assert_eq!(told.good().lines().count(), 3, "a head, and what was changed");
    assert_eq!(site.run(&["settings", "get", "allowed_ips"]).good(), "[\"192.0.2.0/24\"]\n");
    site.run(&["settings", "set", "allowed_ips=null"]).good();
    assert_eq!(site.run(&["settings", "get", "allowed_ips"]).good(), "[]\n");
    let wrong = site.run(&["settings", "set", "max_validity=P3Y"]).bad(1);
    assert!(wrong.contains("Bad Request: max_validity: "), "{wrong}");
    assert!(
        site.run(&["settings", "set", "anonymous=forward", "--if-match", "\"0\""])
            .bad(5)
            .contains("412 stale")
    );
    for nothing in
        [&["settings", "set"] as &[_], &["settings", "set", "x"], &["settings", "set", "a=1", "a=2"]]
    {
        site.run(nothing).bad(2);
    }

    let mut piped = bare(&site.place, &["settings", "set", "--from", "-"]);
    piped.env("GATEPASS_SERVER", &site.url).env("GATEPASS_TOKEN", site.admin());
    fed(piped, r#"{"scopes": {"ci": [{"methods": ["GET"]}]}}"#).good();
    assert!(site.run(&["settings", "get", "scopes"]).good().contains("\"ci\""));
    let mut piped = bare(&site.place, &["settings", "set", "--from", "-"]);
    piped.env("GATEPASS_SERVER", &site.url).env("GATEPASS_TOKEN", site.admin());
    fed(piped, "[1]").bad(2);
    let (reader, _) = site.token(&["x", "--scope", "ci"]);
    assert!(site.run_as(&reader, &["settings", "get"]).bad(3).contains("control_plane_required"));
}

#[test]
fn a_preview_says_what_a_change_would_do_and_changes_nothing() {
    let site = Site::new();
    site.token(&["old", "--valid-for", "P1Y"]);
    let change = [
        "max_validity=P6M",
        "allowed_ips=[\"192.0.2.0/24\"]",
        "password_auth=true",
        "protected_paths=[\"/rest/\"]",
    ];
    let shown = site.run(&[&["settings", "preview"], &change[..]].concat()).good();
    for part in [
        "max_validity",
        "\"P6M\"",
        "refused by allowed_ips",
        "would go upstream",
        "path unprotected",
        "beyond max_validity",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert_eq!(site.run(&["settings", "get", "max_validity"]).good(), "P1Y\n");
    let json = site.run(&["settings", "preview", "max_validity=P6M", "--output", "json"]).json();
    assert_eq!(json["tokens_beyond_max_validity"], 1);
}

#[test]
fn tokens_that_there_are_end_sooner_only_if_somebody_says_yes() {
    let site = Site::new();
    let (_, id) = site.token(&["old", "--valid-for", "P1Y"]);
    let expires = || site.run(&["token", "show", &id, "--output", "json"]).json()["expires_at"].clone();
    let before = expires();
    let change = ["settings", "set", "max_validity=P6M", "--apply-max-validity-to-existing"];
    let refused = site.run(&change).bad(2);
    assert!(refused.contains("have 1 end sooner") && refused.contains("--yes"), "{refused}");
    assert_eq!(
        (expires(), site.run(&["settings", "get", "max_validity"]).good().as_str()),
        (before.clone(), "P1Y\n")
    );
    let told = site.run(&[&change[..], &["--yes"]].concat());
    assert!(told.err.contains("0 tokens have ended, 1 end sooner"), "{told:?}");
    assert_ne!(expires(), before);
}
