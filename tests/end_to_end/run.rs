//! `gatepass run`: everything on one machine, as `make run` starts it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use gatepass_tests::control_plane::free_port;
use gatepass_tests::process::Process;
use gatepass_tests::{artefacts, wait};

struct Ports {
    listen: u16,
    http: u16,
    https: u16,
    admin: u16,
}

impl Ports {
    fn free() -> Self {
        Self { listen: free_port(), http: free_port(), https: free_port(), admin: free_port() }
    }
}

/// Starts it with environment variables only, in a folder of its own: they must all be honoured.
fn start(folder: &Path, ports: &Ports) -> Process {
    let mut command = Command::new(artefacts::program());
    command
        .arg("run")
        .current_dir(folder)
        .env("GATEPASS_ENVOY", artefacts::envoy())
        .env("GATEPASS_ENVOY_CONFIG", artefacts::root().join("envoy.yaml"))
        .env("GATEPASS_MODULE", artefacts::module())
        .env("GATEPASS_DATA_DIR", "a folder")
        .env("GATEPASS_LISTEN", local(ports.listen).to_string())
        .env("GATEPASS_HTTP_PORT", ports.http.to_string())
        .env("GATEPASS_HTTPS_PORT", ports.https.to_string())
        .env("GATEPASS_ADMIN_PORT", ports.admin.to_string());
    Process::start("run", &mut command, folder)
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)
}

/// Starts it and waits for what it prints once all is up; other free ports if one was taken meanwhile.
fn started(folder: &Path) -> (Process, Ports) {
    for _ in 0..5 {
        let ports = Ports::free();
        let mut process = start(folder, &ports);
        let up = wait::until("`gatepass run` to be up", || {
            let said = process.output();
            let up = said.contains("Gatepass is running") && said.ends_with("\n\n");
            (up || process.ended().is_some()).then_some(up)
        });
        if up {
            return (process, ports);
        }
        assert!(process.errors().contains("in use"), "it ended: {}", process.errors());
    }
    panic!("no ports stayed free");
}

#[test]
fn it_starts_serves_what_it_prints_and_ends_both_on_ctrl_c() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut process, ports) = started(folder.path());
    let printed = process.output();
    let data = folder.path().join("a folder");
    for file in ["initial-admin-password", "initial-admin-token"] {
        let secret = std::fs::read_to_string(data.join(file)).expect("a file of the first start");
        assert!(printed.contains(file), "{printed}");
        assert!(
            !printed.contains(secret.trim()) && !process.errors().contains(secret.trim()),
            "{file} was printed"
        );
    }
    // The very commands that it prints, in a shell in the same folder.
    let commands = printed.split("in another shell:").nth(1).expect("commands to try");
    let ran = Command::new("sh").args(["-c", commands]).current_dir(folder.path()).output().expect("a shell");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    println!("{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(said.matches(r#""name":"fred","self""#).count(), 3, "Bearer, Basic and TLS: {said}");
    assert!(said.contains("401 Unauthorized") && said.contains("403 Forbidden"), "{said}");

    process.signal("INT");
    let status = process.wait();
    assert!(status.success(), "{status}: {}", process.errors());
    for port in [ports.listen, ports.http, ports.https, ports.admin] {
        assert!(TcpListener::bind(local(port)).is_ok(), "somebody still listens on {port}");
    }
}

#[test]
fn envoy_ends_when_the_program_is_killed() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut process, ports) = started(folder.path());
    process.kill();
    let free = || TcpListener::bind(local(ports.http)).is_ok().then_some(());
    wait::until("Envoy to let go of its port", free);
}

#[test]
fn when_envoy_dies_it_says_so_and_stops() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (mut process, ports) = started(folder.path());
    // Envoy's own admin port can end it.
    gatepass_tests::client::Connection::open(local(ports.admin))
        .and_then(|mut admin| admin.request("POST", "/quitquitquit", &[("Content-Length", "0")], ""))
        .expect("Envoy's admin port");
    let status = process.wait();
    assert!(!status.success());
    assert!(process.errors().contains("Envoy ended by itself"), "{}", process.errors());
    assert!(TcpListener::bind(local(ports.listen)).is_ok());
}

#[test]
fn a_port_in_use_gets_a_sentence_that_says_what_to_change() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port();
    for (flag, variable, ports) in [
        ("--http-port", "GATEPASS_HTTP_PORT", Ports { http: port, ..Ports::free() }),
        ("--https-port", "GATEPASS_HTTPS_PORT", Ports { https: port, ..Ports::free() }),
        ("--admin-port", "GATEPASS_ADMIN_PORT", Ports { admin: port, ..Ports::free() }),
        ("--listen", "GATEPASS_LISTEN", Ports { listen: port, ..Ports::free() }),
    ] {
        let mut process = start(folder.path(), &ports);
        assert!(!process.wait().success());
        let said = process.errors();
        let last = said.lines().last().unwrap_or_default();
        println!("{last}");
        for part in [&format!("port {port} is in use"), flag, variable] {
            assert!(last.contains(part), "{part:?} is not in {last:?}");
        }
    }
}
