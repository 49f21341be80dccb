//! The clients of docs/examples, each run by its own language, through TLS.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::plugin::mint;
use gatepass_tests::{artefacts, authority};
use serde_json::{Value, json};

const MYSELF: &str = "/rest/api/2/myself";

/// What runs each of them, in their folder.
const LANGUAGES: [(&str, &[&str]); 7] = [
    ("curl", &["sh", "myself.sh"]),
    ("Ruby", &["ruby", "myself.rb"]),
    ("Python", &["python3", "myself.py"]),
    ("Node", &["node", "myself.mjs"]),
    ("Java", &["java", "Myself.java"]),
    ("PHP", &["php", "myself.php"]),
    ("Go", &["go", "run", "myself.go"]),
];

/// A user whose name has to survive being encoded.
const USER: &str = "jörg";

/// What an example is told by its environment.
#[derive(Clone, Debug)]
struct Told {
    url: String,
    ca: Option<PathBuf>,
    user: Option<&'static str>,
    token: String,
}

fn run(words: &[&str], told: &Told) -> Output {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(artefacts::root().join("docs/examples")).stdin(Stdio::null());
    // Nothing of the tester's: no proxy, no options for a language.
    command.env_clear().env("LC_ALL", "C.UTF-8");
    for name in ["PATH", "HOME"] {
        command.envs(std::env::var_os(name).map(|value| (name, value)));
    }
    command.env("GOCACHE", artefacts::root().join("target/test/go")).env("GOPROXY", "off");
    command.env("GATEPASS_URL", &told.url).env("GATEPASS_TOKEN", &told.token);
    command.envs(told.ca.as_ref().map(|file| ("GATEPASS_CA_FILE", file)));
    command.envs(told.user.map(|user| ("GATEPASS_USER", user)));
    command.output().unwrap_or_else(|error| {
        panic!("{}: {error}. Run `make test`, which installs what these tests need.", words[0])
    })
}

/// Runs all examples, each in all these ways, and hands over what each said on its two outputs.
fn each(ways: &[(&str, Told)], check: impl Fn(&str, bool, &str, &str) + Sync) {
    std::thread::scope(|scope| {
        for (language, words) in LANGUAGES {
            let check = &check;
            scope.spawn(move || {
                for (way, told) in ways {
                    let output = run(words, told);
                    let [said, errors] = [&output.stdout, &output.stderr]
                        .map(|bytes| String::from_utf8_lossy(bytes).trim().to_owned());
                    let name = format!("{language}, {way}");
                    println!("{name}: {} {said}{errors}", output.status);
                    let shown = [&said, &errors].iter().any(|text| text.contains(&told.token));
                    assert!(told.token.is_empty() || !shown, "{name} shows the token");
                    check(&name, output.status.success(), &said, &errors);
                }
            });
        }
    });
}

#[test]
fn each_is_let_in_with_bearer_and_with_basic_and_says_why_it_is_refused() {
    let control = ControlPlane::start();
    let ca = authority::issue_for_localhost(&control.data());
    let envoy = Envoy::start(&control.data(), Changes::default());
    control.user(USER, "user");
    let (token, revoked) = (control.token(USER), control.token(USER));
    envoy.wait_for(200, MYSELF, &revoked.secret);
    let url = format!("https://localhost:{}", envoy.https().port());
    let bearer = Told { url, ca: Some(ca), user: None, token: token.secret };
    let basic = Told { user: Some(USER), ..bearer.clone() };

    nothing_is_sent_to_somebody_else(&envoy, &bearer);

    each(&[("Bearer", bearer.clone()), ("Basic", basic.clone())], |name, success, said, errors| {
        assert!(success && errors.is_empty(), "{name}: {errors}");
        let reply: Value = serde_json::from_str(said).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(reply["name"], json!(USER), "{name}");
    });

    control.admins(204, "DELETE", &format!("/tokens/{}", revoked.id), &Value::Null);
    envoy.wait_for(403, MYSELF, &revoked.secret);
    let ways = [
        ("Bearer and a revoked token", Told { token: revoked.secret, ..bearer.clone() }),
        ("Basic and an unknown token", Told { token: mint().expose().to_owned(), ..basic.clone() }),
        ("Basic and another's token", Told { user: Some("ann"), ..basic }),
    ];
    each(&ways, |name, success, said, errors| {
        assert!(!success && said.is_empty(), "{name}: {said}");
        assert!(errors.contains("403") && errors.contains("credentials_unknown"), "{name}: {errors}");
    });
}

/// Not to a server whose certificate nobody vouches for, nor to one of another name, nor in clear.
#[track_caller]
fn nothing_is_sent_to_somebody_else(envoy: &Envoy, right: &Told) {
    let asked = || envoy.stat("http.gate.downstream_rq_total").expect("Envoy's count of requests");
    let before = asked();
    let in_clear = format!("http://localhost:{}", envoy.http().port());
    let ways = [
        ("an unknown authority", Told { ca: None, ..right.clone() }),
        ("another name", Told { url: right.url.replace("localhost", "127.0.0.1"), ..right.clone() }),
        ("no TLS", Told { url: in_clear, ..right.clone() }),
        ("no token", Told { token: String::new(), ..right.clone() }),
    ];
    each(&ways, |name, success, said, errors| {
        assert!(!success && said.is_empty() && !errors.is_empty(), "{name}: {said}{errors}");
    });
    assert_eq!(asked(), before, "requests that reached Envoy");
}

#[test]
fn the_page_names_every_example() {
    let folder = artefacts::root().join("docs/examples");
    let page = std::fs::read_to_string(folder.join("README.md")).expect("docs/examples/README.md");
    for (language, words) in LANGUAGES {
        let file = words.last().expect("a file");
        assert!(Path::new(&folder).join(file).is_file(), "{language}: {file}");
        assert!(page.contains(&format!("]({file})")), "{language}: {file} is not linked");
    }
}
