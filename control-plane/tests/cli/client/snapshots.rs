//! `gatepass snapshot show` and `diff`.

use serde_json::Value;

use super::site::{Site, Told, bare};

#[test]
fn what_proxies_are_to_enforce_is_shown_and_compared_with_a_file() {
    let site = Site::new();
    let (_, kept) = site.token(&["kept"]);
    let shown = site.run(&["snapshot", "show"]).json();
    assert!(shown["tokens"].as_array().unwrap().iter().any(|token| token["id"] == *kept));
    let path = |name: &str| site.place.folder.path().join(name).to_str().unwrap().to_owned();
    let before = path("before.json");
    site.run(&["snapshot", "show", "-o", &before]).good();
    let same = site.run(&["snapshot", "diff", &before, "--exit-code"]).good();
    assert_eq!(same, "no difference\n");

    let (_, made) = site.token(&["made", "--scope", "read_only"]);
    site.run(&["token", "disable", &kept]).good();
    site.run(&["settings", "set", "anonymous=forward"]).good();
    let after = path("after.json");
    site.run(&["snapshot", "show", "--output", &after]).good();
    let diff = Told::by(bare(&site.place, &["snapshot", "diff", &before, &after]).output().unwrap()).good();
    for line in [
        "~ settings.anonymous: refuse → forward".to_owned(),
        format!("~ token {kept} of admin"),
        "    refuse: - → token_disabled".to_owned(),
        "1 fields differ; tokens: 1 added, 0 removed, 1 changed".to_owned(),
    ] {
        assert!(diff.lines().any(|shown| shown == line), "{line:?} in {diff}");
    }
    assert!(diff.contains(&format!("+ token {made} of admin: ")), "{diff}");
    let told = site.run(&["snapshot", "diff", &before, "--exit-code", "--output", "json"]);
    assert_eq!(told.code, 7, "{told:?}");
    let json: Value = serde_json::from_str(&told.out).unwrap();
    assert_eq!((&json["same"], &json["tokens"]["removed"][0]["id"]), (&false.into(), &made.as_str().into()));
    site.run(&["snapshot", "diff", &before]).good();

    let compact = path("after.bin");
    site.run(&["snapshot", "encode", &after, "-o", &compact]).good();
    let files = ["snapshot", "diff", &after, &compact, "--exit-code"];
    Told::by(bare(&site.place, &files).output().unwrap()).good();
    std::fs::write(&compact, "{}").unwrap();
    assert!(site.run(&["snapshot", "diff", &compact]).bad(1).contains("after.bin"));
    let (reader, _) = site.token(&["reader"]);
    site.run_as(&reader, &["snapshot", "show"]).bad(3);
}
