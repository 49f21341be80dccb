//! The binary `gatepass` for what it does and ends.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use crate::artefacts;

/// Runs it with `input` on its standard input, without the test's own `GATEPASS_*` variables.
#[track_caller]
pub fn run(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(artefacts::program());
    for (variable, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GATEPASS_"))
    {
        command.env_remove(variable);
    }
    finish(command.args(arguments), input)
}

/// What it prints, if it succeeds.
#[track_caller]
pub fn prints(arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input);
    assert!(output.status.success(), "gatepass {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What it says when it fails.
#[track_caller]
pub fn fails(arguments: &[&str], input: &str) -> String {
    let output = run(arguments, input);
    assert!(!output.status.success() && output.stdout.is_empty(), "gatepass {arguments:?}: {output:?}");
    String::from_utf8(output.stderr).expect("text")
}

/// Runs any program to its end with `input` on its standard input.
#[track_caller]
pub fn finish(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("its standard input");
    let input = input.to_owned();
    // An error means that it has ended without reading all, which its status tells.
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().expect("its output");
    let _ = writer.join().expect("the writer");
    output
}
