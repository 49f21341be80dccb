//! What docs/ci.md tells CI to do, as its examples stand, against the real server and the real gate.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gatepass_tests::client::get;
use gatepass_tests::control_plane::ControlPlane;
use gatepass_tests::envoy::{Changes, Envoy};
use gatepass_tests::{artefacts, bearer, wait};
use serde_json::{Value, json};
use tempfile::TempDir;

const MYSELF: &str = "/rest/api/2/myself";

fn example(name: &str) -> PathBuf {
    artefacts::root().join("docs/examples/ci").join(name)
}

fn yaml(name: &str) -> Value {
    let text = std::fs::read_to_string(example(name)).expect(name);
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A checkout as CI has it, with a server to push to.
struct Job {
    control: ControlPlane,
    checkout: TempDir,
    push_token: String,
}

impl Job {
    fn new() -> Self {
        let control = ControlPlane::start();
        for name in ["ci-a-deploy", "ci-a-report"] {
            control.user(name, "user");
        }
        let source = json!({"name": "team-a", "user_prefix": "ci-a-", "max_entries": 50});
        control.admins(201, "POST", "/sources", &source);
        let made =
            control.admins(201, "POST", "/sources/team-a/push-tokens", &json!({"description": "pipeline"}));
        let push_token = made.json()["token"].as_str().expect("a secret").to_owned();
        let checkout = tempfile::tempdir().expect("a folder");
        std::fs::create_dir_all(checkout.path().join("gatepass")).expect("a folder");
        std::fs::create_dir(checkout.path().join("bin")).expect("a folder");
        let program = checkout.path().join("bin/gatepass");
        std::os::unix::fs::symlink(artefacts::program(), program).expect("a link");
        let job = Self { control, checkout, push_token };
        job.write("entries:\n");
        job
    }

    fn tokens(&self) -> PathBuf {
        self.checkout.path().join("gatepass/tokens.yaml")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.tokens(), text).expect("tokens.yaml");
    }

    /// Runs a line of an example as a runner does, in the checkout, with these variables but for where the server is.
    fn run(&self, line: &str, variables: &Value) -> Output {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.checkout.path().join("bin").display());
        let mut command = Command::new("/bin/sh");
        command.args(["-e", "-c", line]).current_dir(self.checkout.path()).env_clear().env("PATH", path);
        for (name, value) in variables.as_object().expect("variables") {
            command.env(name, value.as_str().expect("a text"));
        }
        command.env("GATEPASS_SERVER", format!("http://{}", self.control.address()));
        command.output().expect("a shell")
    }

    fn mint(&self, entry: &str, user: &str) -> String {
        let line = format!("sh {} {entry} {user}", example("mint.sh").display());
        let minted = self.run(&line, &json!({}));
        assert!(minted.status.success(), "{minted:?}");
        String::from_utf8(minted.stdout).expect("text").trim().to_owned()
    }

    /// Every line that GitHub would run.
    fn github(&self) -> Vec<Output> {
        let job = &yaml("github-actions.yml")["jobs"]["push"];
        let mut variables = job["env"].clone();
        assert!(variables.get("GATEPASS_TOKEN").is_none(), "not for every step");
        variables["GATEPASS_TOKEN"] = self.push_token.clone().into();
        let steps = job["steps"].as_array().expect("steps");
        let steps: Vec<_> = steps.iter().filter(|step| step["run"].is_string()).collect();
        for step in &steps {
            let token = &step["env"]["GATEPASS_TOKEN"];
            assert_eq!(token, "${{ secrets.GATEPASS_PUSH_TOKEN }}", "no secret in the file");
        }
        let lines: Vec<_> = steps.into_iter().filter_map(|step| step["run"].as_str()).collect();
        assert_eq!(lines.len(), 2);
        lines.into_iter().map(|line| self.run(line, &variables)).collect()
    }

    /// Every line that GitLab would run.
    fn gitlab(&self) -> Vec<Output> {
        let file = yaml("gitlab-ci.yml");
        let mut variables = file[".gatepass"]["variables"].clone();
        assert!(variables.get("GATEPASS_TOKEN").is_none(), "no secret in the file");
        variables["GATEPASS_TOKEN"] = self.push_token.clone().into();
        let mut outputs = Vec::new();
        for name in ["show the difference", "push"] {
            let job = &file[name];
            assert_eq!(job["extends"], ".gatepass");
            assert!(file["stages"].as_array().expect("stages").contains(&job["stage"]), "{name}");
            for line in job["script"].as_array().expect("a script") {
                outputs.push(self.run(line.as_str().expect("a line"), &variables));
            }
        }
        assert_eq!(outputs.len(), 2);
        outputs
    }

    fn in_force(&self) -> Value {
        self.control.admins(200, "GET", "/sources/team-a/snapshot", &Value::Null).json()
    }
}

#[track_caller]
fn good(outputs: &[Output]) -> String {
    assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
    outputs.iter().map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).collect()
}

fn without(path: &Path, entry: &str) -> String {
    let text = std::fs::read_to_string(path).expect("tokens.yaml");
    let (head, entries) = text.split_once("  - ").expect("an entry");
    let kept: Vec<_> =
        entries.split("  - ").filter(|text| !text.starts_with(&format!("id: {entry}\n"))).collect();
    format!("{head}  - {}", kept.join("  - "))
}

#[test]
fn a_pushed_entry_opens_the_gate_and_a_push_without_it_closes_it() {
    let job = Job::new();
    let envoy = Envoy::start(&job.control.data(), Changes::default());
    let deploy = job.mint("deploy", "ci-a-deploy");
    let report = job.mint("report", "ci-a-report");
    let written = std::fs::read_to_string(job.tokens()).expect("tokens.yaml");
    assert!(!written.contains(&deploy) && written.contains("id: deploy"), "{written}");
    let shown = good(&job.github());
    assert!(shown.contains("add     deploy  ci-a-deploy"), "{shown}");
    assert!(!shown.contains("gp_"), "{shown}");
    envoy.wait_for(200, MYSELF, &deploy);
    let reply = get(envoy.http(), MYSELF, &[("Authorization", &bearer(&deploy))]).json();
    assert_eq!(reply["name"], "ci-a-deploy");
    envoy.wait_for(200, MYSELF, &report);
    // What pushes is no token to the gate.
    let pushing = get(envoy.http(), MYSELF, &[("Authorization", &bearer(&job.push_token))]);
    assert_eq!((pushing.status, pushing.code().as_str()), (403, "credentials_unknown"));

    // A push that is wrong changes nothing.
    let before = job.in_force();
    job.write(&format!("{written}  - id: more\n    sha256: {}\n    user: admin\n", "1".repeat(64)));
    let refused = job.gitlab();
    assert!(refused.iter().all(|output| output.status.code() == Some(1)), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused[1].stderr).contains("entries[2].user"), "{refused:?}");
    assert_eq!(job.in_force(), before);
    job.write("entries: []\n");
    assert_eq!(job.gitlab()[1].status.code(), Some(5), "a list that is empty by mistake");
    assert_eq!(job.in_force(), before);
    assert_eq!(get(envoy.http(), MYSELF, &[("Authorization", &bearer(&deploy))]).status, 200);

    job.write(&written);
    job.write(&without(&job.tokens(), "deploy"));
    let shown = good(&job.gitlab());
    assert!(shown.contains("remove  deploy"), "{shown}");
    let refused = || get(envoy.http(), MYSELF, &[("Authorization", &bearer(&deploy))]).status == 403;
    wait::until("the entry that went is refused by every worker", || {
        (0..20).all(|_| refused()).then_some(())
    });
    assert_eq!(get(envoy.http(), MYSELF, &[("Authorization", &bearer(&report))]).status, 200);
    // The use of what is left is told to who pushes.
    let used = wait::until("the use of the entry is reported", || {
        let items = job.in_force()["items"].clone();
        items[0]["last_used"]["at"].as_str().map(str::to_owned)
    });
    println!("used last: {used:?}");
}

#[test]
fn the_file_of_the_page_is_taken() {
    let job = Job::new();
    std::fs::copy(example("tokens.yaml"), job.tokens()).expect("a copy");
    good(&job.github());
    let items = job.in_force()["items"].clone();
    assert_eq!((&items[0]["id"], &items[1]["scope"]), (&json!("deploy"), &json!("read_only")));
}
