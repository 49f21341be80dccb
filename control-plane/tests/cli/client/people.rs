//! `gatepass user` on a server.

use super::site::{Site, Told, bare, fed};

#[test]
fn people_come_change_and_go() {
    let site = Site::new();
    let told = site.run(&[
        "user",
        "create",
        "fred",
        "--display-name",
        "Fred \u{202e}F.",
        "--email",
        "fred@example.com",
        "--group",
        "ops",
        "--group",
        "dev",
    ]);
    let shown = told.good();
    for line in ["name          fred", "role          user", "groups        dev, ops"] {
        assert!(shown.lines().any(|shown| shown == line), "{line:?} in {shown}");
    }
    assert!(shown.contains("Fred \\u202eF.") && !shown.contains('\u{202e}'), "{shown:?}");
    assert!(site.run(&["user", "create", "FRED"]).bad(5).contains("409 user_exists"));
    assert!(site.run(&["user", "create", "x", "--role", "king"]).bad(1).contains("role"));
    let fred = || site.run(&["user", "show", "fred", "--output", "json"]).json();
    site.run(&["user", "update", "fred", "--role", "token_manager", "--email", "", "--no-groups"]).good();
    let changed = fred();
    assert_eq!(
        (&changed["role"], &changed["display_name"]),
        (&"token_manager".into(), &"Fred \u{202e}F.".into())
    );
    assert!(changed["email"].is_null() && changed["groups"].as_array().unwrap().is_empty(), "{changed}");
    site.run(&["user", "update", "fred"]).bad(2);

    let (secret, _) = site.token(&["robot", "--user", "fred"]);
    site.run(&["user", "deactivate", "fred"]).good();
    assert!(site.run_as(&secret, &["whoami"]).bad(3).contains("user_inactive"));
    site.run(&["user", "activate", "fred"]).good();
    site.run_as(&secret, &["whoami"]).good();
    let refused = site.run(&["user", "revoke-tokens", "fred"]).bad(2);
    assert!(refused.contains("all tokens of fred") && refused.contains("--yes"), "{refused}");
    site.run_as(&secret, &["whoami"]).good();
    assert_eq!(
        site.run(&["user", "revoke-tokens", "fred", "--yes"]).good(),
        "1 tokens of fred were revoked.\n"
    );
    site.run_as(&secret, &["whoami"]).bad(3);
    let last = site.run(&["user", "update", "admin", "--role", "user"]).bad(5);
    assert!(last.contains("409 last_admin"), "{last}");
    assert!(site.run(&["user", "show", "nobody"]).bad(4).contains("404 not_found"));
    let names = |arguments: &[&str]| {
        let table = site.run(&[&["user", "list"], arguments].concat()).good();
        table.lines().skip(1).map(|line| line.split(' ').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["admin", "fred"]);
    assert_eq!(names(&["--role", "admin"]), ["admin"]);
    assert_eq!(names(&["--search", "FRE", "--active", "true"]), ["fred"]);
    assert!(names(&["--active", "false"]).is_empty());
}

#[test]
fn a_name_of_dots_and_slashes_is_a_name() {
    let site = Site::new();
    for name in ["a/../admin", "../admin", "a?b#c", "100%", ".a."] {
        site.run(&["user", "create", name]).good();
        site.run(&["user", "deactivate", name]).good();
        assert_eq!(site.run(&["user", "show", name, "--output", "json"]).json()["name"], name);
        assert_eq!(site.run(&["user", "revoke-tokens", name, "-y", "--output", "json"]).json()["revoked"], 0);
    }
    assert_eq!(site.run(&["user", "show", "admin", "--output", "json"]).json()["active"], true);
}

#[test]
fn people_are_imported_from_a_file_all_or_none() {
    let site = Site::new();
    let write = |name: &str, text: &str| {
        let path = site.place.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let csv = write("people.csv", "name,role,groups\nfred,user,ops;dev\nanna,token_manager,\n");
    let told = site.run(&["user", "import", &csv, "--dry-run"]);
    assert!(told.err.contains("2 would be added"), "{told:?}");
    assert!(told.good().lines().any(|line| line.starts_with("fred ") && line.ends_with("dev, ops")));
    site.run(&["user", "show", "fred"]).bad(4);
    assert!(site.run(&["user", "import", &csv]).err.contains("2 were added"));
    let json = write("people.json", r#"{"users": [{"name": "fred", "role": "admin"}, {"name": "anna"}]}"#);
    let report = site.run(&["user", "import", &json, "--output", "json"]).json();
    assert_eq!((&report["updated"], &report["unchanged"]), (&1.into(), &1.into()));
    assert_eq!(site.run(&["user", "show", "fred", "--output", "json"]).json()["role"], "admin");

    let wrong = write("wrong.csv", "name,role\neva,user\nbad\tname,user\nuwe,king\n");
    let error = site.run(&["user", "import", &wrong]).bad(1);
    assert!(error.contains("\n  line 3, name: ") && error.contains("\n  line 4, role: "), "{error}");
    site.run(&["user", "show", "eva"]).bad(4);
    let unnamed = write("people", "name,role\neva,user\n");
    assert!(site.run(&["user", "import", &unnamed]).bad(2).contains("--format"));
    let mut piped = bare(&site.place, &["user", "import", "-", "--format", "csv"]);
    piped.env("GATEPASS_SERVER", &site.url).env("GATEPASS_TOKEN", site.admin());
    fed(piped, "name,role\neva,user\n").good();
    site.run(&["user", "show", "eva"]).good();
}

#[test]
fn what_works_on_the_data_folder_asks_no_server() {
    let site = Site::new();
    let mut recover = bare(&site.place, &["user", "recover", "admin"]);
    recover.env("GATEPASS_SERVER", "https://gatepass.invalid").env("GATEPASS_TOKEN", "gp_x");
    Told::by(recover.output().unwrap()).good();
    assert!(site.place.data().join("recovery-token").exists());
    let help = site.run(&["user", "--help"]).good();
    for line in help.lines().filter(|line| line.contains("set-password") || line.contains("recover ")) {
        assert!(line.contains("On the data folder"), "{line}");
    }
}
