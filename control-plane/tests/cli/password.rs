use std::fs::File;
use std::io::{BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::support::{Place, Running, stop};

const PASSWORD: &str = "correct horse battery";

/// Starts `gatepass user set-password admin` on a terminal and waits for its prompt.
fn on_a_terminal(place: &Place) -> (Running, OwnedFd) {
    let controller = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&controller).unwrap();
    unlockpt(&controller).unwrap();
    let name = ptsname(&controller, Vec::new()).unwrap().into_string().unwrap();
    let terminal = File::options().read(true).write(true).open(name).unwrap();
    let mut command = place.command(&["user", "set-password", "admin"]);
    let child = command.stdin(terminal).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut child = Running(child);
    let mut prompt = Vec::new();
    for byte in BufReader::new(child.stderr.as_mut().unwrap()).bytes() {
        prompt.push(byte.unwrap());
        if prompt.ends_with(b": ") {
            break;
        }
    }
    assert_eq!(String::from_utf8(prompt).unwrap(), "New password of admin: ");
    (child, controller)
}

fn echoes(terminal: &OwnedFd) -> bool {
    tcgetattr(terminal).unwrap().local_modes.contains(LocalModes::ECHO)
}

#[test]
fn a_terminal_shows_no_password_and_enter_ends_it() {
    let place = Place::new();
    let (server, _) = place.serve();
    let (mut child, terminal) = on_a_terminal(&place);
    let mut keyboard = File::from(terminal.try_clone().unwrap());
    keyboard.write_all(format!("{PASSWORD}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(echoes(&terminal), "the terminal is as it was");
    let mut shown = Vec::new();
    // Ends with an error, since nobody has the terminal open any more.
    let _ = keyboard.read_to_end(&mut shown);
    assert!(!String::from_utf8_lossy(&shown).contains(PASSWORD), "{shown:?}");
    assert!(!place.data().join("initial-admin-token").exists(), "it was set");
    stop(server);
}

#[test]
fn an_interruption_gives_the_terminal_back() {
    let place = Place::new();
    let (server, _) = place.serve();
    let (mut child, terminal) = on_a_terminal(&place);
    assert!(!echoes(&terminal));
    let told = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(told.success() && !child.wait().unwrap().success());
    assert!(echoes(&terminal));
    assert!(place.data().join("initial-admin-token").exists(), "nothing was set");
    stop(server);
}

#[test]
fn a_pipe_gives_its_first_line_and_need_not_end() {
    let place = Place::new();
    let (server, _) = place.serve();
    let mut command = place.command(&["user", "set-password", "admin"]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut child = Running(child);
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(format!("{PASSWORD}\r\nand more").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(!place.data().join("initial-admin-token").exists());
    drop(pipe);
    stop(server);
}
