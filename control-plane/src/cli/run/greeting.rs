//! What `gatepass run` prints once all is up: what is where, and a first use to copy.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

/// What is where.
#[derive(Clone, Copy, Debug)]
pub struct Running<'a> {
    /// The control plane.
    pub control_plane: SocketAddr,
    /// Whether that speaks TLS.
    pub control_plane_tls: bool,
    /// Envoy's plain port.
    pub http_port: u16,
    /// Envoy's TLS port.
    pub https_port: u16,
    /// Envoy's admin port.
    pub admin_port: u16,
    /// The data folder as the operator wrote it: commands are to be copied in the same folder.
    pub data_dir: &'a Path,
    /// What is protected. Everything else is open to everyone.
    pub protected_paths: &'a [String],
    /// This program as the operator called it.
    pub program: &'a Path,
}

/// The text. Secrets are named by the files that hold them, never shown.
pub fn text(running: &Running<'_>) -> String {
    let Running { http_port, https_port, admin_port, data_dir, program, protected_paths, .. } = *running;
    let control_plane = url(running);
    let protected = match protected_paths {
        [all] if all == "/" => "everything".to_owned(),
        some => format!("{}   (everything else is open: setting protected_paths)", some.join(", ")),
    };
    let data = data_dir.display();
    let (gatepass, folder) = (shell_word(program), shell_word(data_dir));
    let mut text = format!(
        "\n\
         Gatepass is running. Ctrl-C stops it.\n\
         \n  \
           the gate          http://127.0.0.1:{http_port}\n  \
           the gate by TLS   https://localhost:{https_port}   (certificate: {data}/envoy/tls.crt)\n  \
           control plane     {control_plane}\n  \
           Envoy's admin     http://127.0.0.1:{admin_port}\n  \
           data folder       {data}\n  \
           protected         {protected}\n"
    );
    let at = |name: &str| data_dir.join(name);
    if at("initial-admin-password").exists() {
        let _ = writeln!(
            text,
            "  user admin        signs in at {control_plane}/ with the password in {data}/initial-admin-password; to change it:\n                    \
             {gatepass} user set-password admin --data-dir {folder}"
        );
    }
    let token_file = at("initial-admin-token");
    if !token_file.exists() {
        let _ = writeln!(
            text,
            "\nThe first admin token is gone. To make tokens use one of yours that has control_plane; if none is left:\n  \
             {gatepass} user recover admin --data-dir {folder}\n"
        );
        return text;
    }
    let _ = writeln!(
        text,
        "  admin token       in {data}/initial-admin-token, for 24 hours after the first start; then another:\n                    \
         {gatepass} user recover admin --data-dir {folder}"
    );
    text + &first_use(running, &shell_word(&token_file))
}

fn url(running: &Running<'_>) -> String {
    let scheme = if running.control_plane_tls { "https" } else { "http" };
    format!("{scheme}://{}", running.control_plane)
}

/// Commands for another shell in the same folder.
fn first_use(running: &Running<'_>, token_file: &str) -> String {
    let Running { http_port, https_port, data_dir, .. } = *running;
    let control_plane = url(running);
    let certificate = shell_word(&data_dir.join("envoy/tls.crt"));
    format!(
        r#"
To try it, in another shell:

  # A user, a token for them, and the token out of the reply
  API={control_plane}/api/v1
  ADMIN="Authorization: Bearer $(cat {token_file})"
  JSON="Content-Type: application/json"
  curl -sS -w '\n' $API/users -H "$ADMIN" -H "$JSON" -d '{{"name": "fred", "role": "user"}}'
  REPLY=$(curl -sS $API/tokens -H "$ADMIN" -H "$JSON" -d '{{"user": "fred", "description": "a first token"}}')
  TOKEN=$(printf %s "$REPLY" | sed -n 's/.*"token": *"\([^"]*\)".*/\1/p')
  ID=$(printf %s "$REPLY" | sed -n 's/.*"id": *"\([^"]*\)".*/\1/p')

  # Through the gate: with it, in a password's place, by TLS, and without it
  curl -sS -w '\n' -H "Authorization: Bearer $TOKEN" http://127.0.0.1:{http_port}/rest/api/2/myself
  curl -sS -w '\n' -u "fred:$TOKEN" http://127.0.0.1:{http_port}/rest/api/2/myself
  curl -sS -w '\n' -u "fred:$TOKEN" --cacert {certificate} https://localhost:{https_port}/rest/api/2/myself
  curl -sS -w '\n' -i http://127.0.0.1:{http_port}/rest/api/2/myself

  # Revoked: 403 within a second
  curl -sS -X DELETE $API/tokens/$ID -H "$ADMIN"
  sleep 1
  curl -sS -w '\n' -i -u "fred:$TOKEN" http://127.0.0.1:{http_port}/rest/api/2/myself

"#
    )
}

/// Quoted for a shell where it must be.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_named_by_their_files_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["initial-admin-password", "initial-admin-token"] {
            std::fs::write(folder.path().join(name), "the secret").unwrap();
        }
        let control_plane = "127.0.0.1:8080".parse().unwrap();
        let running = Running {
            control_plane,
            control_plane_tls: false,
            http_port: 1,
            https_port: 2,
            admin_port: 3,
            data_dir: folder.path(),
            program: Path::new("gatepass"),
            protected_paths: &["/rest/".to_owned()],
        };
        let text = text(&running);
        assert!(text.contains("initial-admin-password") && text.contains("initial-admin-token"));
        assert!(!text.contains("the secret"));
    }

    #[test]
    fn a_folder_with_a_space_is_quoted_for_the_shell() {
        assert_eq!(shell_word(Path::new("data/x")), "data/x");
        assert_eq!(shell_word(Path::new("it's here")), r"'it'\''s here'");
    }
}
