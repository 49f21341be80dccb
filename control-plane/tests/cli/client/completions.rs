//! `gatepass completions`.

use std::process::Command;

use tempfile::TempDir;

use super::site::{Told, bare};
use crate::support::Place;

fn script(shell: &str) -> String {
    Told::by(bare(&Place::new(), &["completions", shell]).output().unwrap()).good()
}

#[test]
fn bash_completes_commands_and_flags() {
    let complete = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        let last = words.len() - 1;
        let ask = format!(
            "COMP_WORDS=({}); COMP_CWORD={last}; _gatepass gatepass {} {}; echo \"${{COMPREPLY[@]}}\"",
            words.join(" "),
            words[last],
            words[last - 1],
        );
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("completions");
        std::fs::write(&file, script("bash") + &ask).unwrap();
        let told = Command::new("bash").arg("--norc").arg(&file).output();
        Told::by(told.unwrap()).good()
    };
    assert_eq!(complete(&["gatepass", "tok"]).trim(), "token");
    assert_eq!(complete(&["gatepass", "token", "rev"]).trim(), "revoke");
    assert!(complete(&["gatepass", "token", "list", "--exp"]).contains("--expires"));
}

#[test]
fn each_shell_gets_all_commands() {
    for (shell, beginning) in [("bash", "_gatepass()"), ("zsh", "#compdef gatepass"), ("fish", "")] {
        let script = script(shell);
        assert!(script.starts_with(beginning), "{shell}");
        for word in ["whoami", "revoke-tokens", "valid-for", "exit-code"] {
            assert!(script.contains(word), "{word} for {shell}");
        }
    }
    Told::by(bare(&Place::new(), &["completions", "tcsh"]).output().unwrap()).bad(2);
}
