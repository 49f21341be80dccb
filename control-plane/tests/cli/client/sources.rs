//! `gatepass source` on a server.

use super::site::Site;

#[test]
fn sources_come_change_push_and_go() {
    let site = Site::new();
    for name in ["fred", "ci-a"] {
        site.run(&["user", "create", name]).good();
    }
    let shown = site
        .run(&[
            "source",
            "create",
            "team-a",
            "--user",
            "fred",
            "--user-prefix",
            "ci-",
            "--description",
            "of \u{202e}a",
        ])
        .good();
    for line in ["may name     ci-…, fred", "entries      0 of at most 10000", "pushed       never"] {
        assert!(shown.lines().any(|shown| shown == line), "{line:?} in {shown}");
    }
    assert!(shown.contains("of \\u202ea"), "{shown}");
    assert!(site.run(&["source", "create", "team-a", "--user", "fred"]).bad(5).contains("409 source_exists"));
    assert!(site.run(&["source", "create", "b"]).bad(1).contains("users"));
    let one = || site.run(&["source", "show", "team-a", "--output", "json"]).json();

    let made =
        site.run(&["source", "token", "create", "team-a", "--valid-for", "P6M", "--allow-ip", "127.0.0.0/8"]);
    assert!(made.err.contains("127.0.0.0/8") && made.err.contains("shown this once"), "{made:?}");
    let push = made.good().trim().to_owned();
    let id = one()["push_tokens"][0]["id"].as_str().unwrap().to_owned();
    let file = site.place.folder.path().join("tokens.yaml");
    let entries: String = [("a", "fred"), ("b", "ci-a")]
        .iter()
        .zip(1..)
        .map(|((name, user), n)| format!("- {{id: {name}, sha256: \"{n:064x}\", user: {user}}}\n"))
        .collect();
    std::fs::write(&file, format!("entries:\n{entries}")).unwrap();
    let push_it = ["snapshot", "push", "--source", "team-a", file.to_str().unwrap(), "--yes"];
    site.run_as(&push, &push_it).good();
    let in_force = site.run_as(&push, &["source", "entries", "team-a"]).good();
    let names: Vec<&str> = in_force.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(names, ["ENTRY", "a", "b"], "{in_force}");
    assert_eq!(
        site.run(&["source", "entries", "team-a", "--output", "json"]).json()["items"][1]["user"],
        "ci-a"
    );
    site.run_as(&push, &["source", "show", "team-a"]).bad(3);

    let rotate = ["source", "token", "rotate", "team-a", &id];
    assert!(site.run(&rotate).bad(2).contains("--yes"));
    let next = site.run(&[&rotate[..], &["--grace", "PT1H", "--yes"]].concat()).good();
    site.run_as(next.trim(), &push_it).good();
    let revoke = ["source", "token", "revoke", "team-a", &id];
    assert!(site.run(&revoke).bad(2).contains("--yes"));
    site.run(&[&revoke[..], &["-y"]].concat()).good();
    site.run_as(next.trim(), &push_it).bad(3);

    site.run(&["source", "update", "team-a"]).bad(2);
    assert!(site.run(&["source", "update", "team-a", "--no-users"]).bad(5).contains("entries_outside"));
    assert!(
        site.run(&["source", "update", "team-a", "--no-users", "--end-entries"]).bad(2).contains("--yes")
    );
    let stale = ["source", "update", "team-a", "--max-entries", "9", "--if-match", "\"1\""];
    assert!(site.run(&stale).bad(5).contains("412 stale"));
    let narrower = [
        "source",
        "update",
        "team-a",
        "--no-users",
        "--end-entries",
        "-y",
        "--description",
        "",
        "--max-entries",
        "9",
    ];
    site.run(&narrower).good();
    let changed = one();
    assert_eq!((&changed["entries"], &changed["max_entries"]), (&1.into(), &9.into()));
    assert_eq!((&changed["description"], changed["users"].as_array().unwrap().len()), (&"".into(), 0));
    assert!(site.run(&["source", "list"]).good().lines().nth(1).unwrap().starts_with("team-a  1        9"));
    assert!(site.run(&["source", "delete", "team-a"]).bad(2).contains("its 1 entries"));
    site.run(&["source", "delete", "team-a", "--yes"]).good();
    site.run(&["source", "show", "team-a"]).bad(4);
    assert_eq!(
        site.run(&["source", "list", "--output", "json"]).json()["items"].as_array().unwrap().len(),
        0
    );
}
