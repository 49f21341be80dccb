//! What `gatepass render` writes for Envoy, validated and started by Envoy itself.

use std::path::Path;
use std::process::Command;

use gatepass_control_plane::cli::run::certificate;
use gatepass_tests::client::get;
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::Envoy;
use gatepass_tests::plugin::{configuration, entry, mint};
use gatepass_tests::program::{fails, finish, prints};
use gatepass_tests::upstream::Upstream;
use gatepass_tests::{artefacts, bearer, wait};
use serde_json::{Value, json};

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}

/// `gatepass render envoy`, with free ports.
fn envoy(upstream: &Upstream, more: &[&str], input: &str) -> String {
    let (module, upstream) = (artefacts::module(), upstream.address().to_string());
    let ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--upstream", &upstream];
    let module = if more.contains(&"--ecds-file") { vec![] } else { vec!["--module", text(&module)] };
    prints(&[&["render", "envoy"], ports.as_slice(), &module, more].concat(), input)
}

/// `envoy --mode validate`, which loads the module and configures it.
fn validate(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("envoy.yaml");
    std::fs::write(&file, text).expect("the configuration");
    let mut command = Command::new(artefacts::envoy());
    let output = finish(command.args(["--mode", "validate", "--log-level", "error", "-c"]).arg(&file), "");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// A token is admitted with its user, and nothing else is; Envoy's access log tells who it was.
fn guards(gate: &Envoy, upstream: &Upstream, known: &str) {
    upstream.forget();
    let status = |headers: &[(&str, &str)]| get(gate.http(), "/rest/a", headers).status;
    assert_eq!(status(&[("Authorization", &bearer(known))]), 200);
    assert_eq!(status(&[]), 401);
    assert_eq!(status(&[("Authorization", &bearer(mint().expose()))]), 403);
    assert_eq!(status(&[("x_gatepass_user", "admin")]), 400, "the edge settings are the shipped ones");
    assert_eq!(get(gate.http(), "/open", &[]).status, 200);
    let seen = upstream.seen();
    let told: Vec<_> =
        seen.iter().map(|seen| (seen.target.as_str(), seen.header("x-gatepass-user"))).collect();
    assert_eq!(told, [("/rest/a", vec!["fred"]), ("/open", vec![])]);
}

#[test]
fn envoy_takes_every_form_and_guards_the_service() {
    let (token, upstream) = (mint(), Upstream::start());
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = configuration(1, &[entry("t1", &token, "fred")]).to_string();
    let file = |name: &str| {
        let path = folder.path().join(name);
        let module = artefacts::module();
        prints(&["render", "ecds", "--module", text(&module), "--output", text(&path)], &input);
        text(&path).to_owned()
    };
    let (binary, json) = (file("gatepass.pb"), file("gatepass.json"));
    for (name, more) in [
        ("inline", vec![]),
        ("compact", vec!["--compact"]),
        ("a watched file in binary", vec!["--ecds-file", &binary]),
        ("a watched file in JSON", vec!["--ecds-file", &json]),
    ] {
        let text = envoy(&upstream, &more, &input);
        validate(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        guards(&Envoy::with_configuration(&text, None), &upstream, token.expose());
        println!("{name}: validated, started and asked");
    }
}

#[test]
fn tls_reports_and_names_are_configurations_that_envoy_takes() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    certificate::ensure(folder.path()).expect("a certificate");
    let (chain, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    let upstream = Upstream::start();
    // Characters that YAML or JSON could stumble over, in a name that the filter takes.
    let user = "fr'é\"d\\ # {x} \u{2028}\u{1f600}";
    let mut input = configuration(1, &[entry("t1", &mint(), user)]);
    input["settings"]["identity_headers"] = json!({"user": "x-remote-user"});
    for more in [
        vec!["--tls-certificate", text(&chain), "--tls-key", text(&key)],
        vec!["--reports", "localhost:8081", "--trusted-hops", "2"],
        vec!["--reports", "[::1]:8081", "--compact"],
    ] {
        let text = envoy(&upstream, &more, &input.to_string());
        validate(&text).unwrap_or_else(|error| panic!("{more:?}: {error}"));
    }
    let broken = envoy(&upstream, &[], &input.to_string()).replace("use_remote_address", "use_remote_adress");
    assert!(validate(&broken).is_err(), "Envoy would tell what it does not know");
}

#[test]
fn the_filters_alone_fit_into_a_configuration_of_ones_own() {
    let (token, upstream) = (mint(), Upstream::start());
    let input = configuration(1, &[entry("t1", &token, "fred")]).to_string();
    let module = artefacts::module();
    let filters = prints(&["render", "envoy", "--filters-only", "--module", text(&module)], &input);
    let filters: String = filters.lines().map(|line| format!("          {line}\n")).collect();
    let router = "          - name: envoy.filters.http.router\n            typed_config:\n              \"@type\": \
                  type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\n";
    let whole = envoy(&upstream, &[], &input);
    let (head, rest) = whole.split_once("          http_filters:\n").expect("filters");
    let (_, tail) = rest.split_once(router).expect("the router");
    let own = format!("{head}          http_filters:\n{filters}{router}{tail}");
    guards(&Envoy::with_configuration(&own, None), &upstream, token.expose());
}

#[test]
fn what_is_refused_is_named_and_leaves_no_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let output = folder.path().join("envoy.yaml");
    let to_file = ["--output", text(&output)];
    let good = configuration(1, &[entry("t1", &mint(), "fred")]);
    let mut broken = good.clone();
    broken["tokens"][0]["sha256"] = json!("zz");
    let render = |arguments: &[&str], input: &Value| {
        fails(&[&["render"], arguments, &to_file].concat(), &input.to_string())
    };
    let upstream = ["--upstream", "jira.internal:8080"];
    for (arguments, input, said) in [
        ([&["envoy"], upstream.as_slice()].concat(), &broken, "tokens[0].sha256"),
        (vec!["envoy", "--upstream", "jira.internal"], &good, "--upstream"),
        (vec!["envoy"], &good, "--upstream"),
        ([&["envoy"], upstream.as_slice(), &["--tls-key", "k"]].concat(), &good, "--tls-certificate"),
        (vec!["ecds"], &good, "--output"),
    ] {
        let error = render(&arguments, input);
        assert!(error.contains(said), "{arguments:?}: {error}");
        assert_eq!(folder.path().read_dir().expect("the folder").count(), 0, "{arguments:?} left something");
    }
}

/// What `GET /api/v1/snapshot` gives, by way of `--reports`: the use of a token shows in the control plane.
#[test]
fn the_control_planes_snapshot_is_enforced_and_its_use_reported() {
    let (control, upstream) = (ControlPlane::start(), Upstream::start());
    control.user("fred", "user");
    let token = control.token("fred");
    let snapshot = control.admins(200, "GET", "/snapshot", &Value::Null).text();
    let text = envoy(&upstream, &["--reports", &control.dataplane().to_string()], &snapshot);
    let key = std::fs::read_to_string(control.data().join("report-key")).expect("the report key");
    let gate = Envoy::with_configuration(&text, Some(&key));
    guards(&gate, &upstream, &token.secret);
    let path = format!("/tokens/{}", token.id);
    let used = wait::until("the use to be reported", || {
        let used = control.admins(200, "GET", &path, &Value::Null).json()["last_used"].clone();
        (!used.is_null()).then_some(used)
    });
    assert_eq!(used["ip"], "127.0.0.1", "{used}");
}

/// Each line of the two pages that begins so, in a folder with what they speak of.
#[test]
fn the_commands_of_the_pages_work_as_printed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let dist = folder.path().join("dist");
    std::fs::create_dir(&dist).expect("a folder");
    std::fs::copy(artefacts::module(), dist.join("gatepass.wasm")).expect("the module");
    let input = configuration(1, &[entry("t1", &mint(), "fred")]).to_string();
    std::fs::write(folder.path().join("snapshot.json"), input).expect("the input");
    let program = artefacts::program();
    let bin = program.parent().expect("its folder");
    let run = |line: &str| {
        let mut shell = Command::new("sh");
        shell.current_dir(folder.path()).arg("-euc").arg(line);
        let path = format!("{}:{}", text(bin), std::env::var("PATH").expect("PATH"));
        let output = finish(shell.env("PATH", path), "");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    run("gatepass render image --output dist/image");
    let mut commands = 0;
    for page in ["docs/envoy.md", "docs/istio.md"] {
        let page = std::fs::read_to_string(artefacts::root().join(page)).expect("the page");
        let page = page.replace("\\\n", "");
        for line in page.lines().filter(|line| line.starts_with("gatepass render ")) {
            run(line);
            commands += 1;
        }
    }
    assert_eq!(commands, 8, "commands in the pages");
}
