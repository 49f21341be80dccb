use clap::{CommandFactory as _, FromArgMatches as _};
use tempfile::TempDir;

use super::*;
use crate::cli::serve::ServeArgs;
use crate::cli::{Cli, Command as Chosen, without_empty_variables};

struct File {
    folder: TempDir,
}

impl File {
    fn of(text: &str) -> Self {
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("gatepass.toml"), text).unwrap();
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("gatepass.toml")
    }

    fn serve(&self, flags: &[&str]) -> Result<ServeArgs, String> {
        let config = self.path().display().to_string();
        let words = ["gatepass", "serve", "--config", &config].into_iter().chain(flags.iter().copied());
        // The tests' own environment says nothing.
        let command = without_empty_variables(Cli::command());
        let command =
            command.mut_subcommand("serve", |serve| serve.mut_args(|arg| arg.env(Resettable::Reset)));
        let matches = command.clone().try_get_matches_from(words.clone()).map_err(|e| e.to_string())?;
        let path = named(&matches).ok_or("no file is named")?;
        let command = apply(command, &matches, &path).map_err(|error| error.to_string())?;
        let matches = command.try_get_matches_from(words).map_err(|error| error.to_string())?;
        match Cli::from_arg_matches(&matches).map_err(|error| error.to_string())?.command {
            Chosen::Serve(args) => Ok(args),
            other => Err(format!("{other:?}")),
        }
    }

    fn refused(&self) -> String {
        let said = self.serve(&[]).unwrap_err();
        said.strip_prefix(&format!("{}, ", self.path().display())).unwrap_or(&said).to_owned()
    }
}

#[test]
fn a_file_says_what_no_flag_says() {
    let file = File::of(
        "# all kinds\nlisten = \"127.0.0.1:9000\"\ncreations_per_minute = 1_000_0\nusage_reports = false\n\
         public_host = [\"a.example\", \"b.example\"]\nlog = \"Debug\"\ntrusted_proxy = \"10.0.0.0/8\"\n",
    );
    let args = file.serve(&[]).unwrap();
    assert_eq!(args.listen.to_string(), "127.0.0.1:9000");
    assert_eq!(args.creations_per_minute, 10_000);
    assert!(!args.dataplane.usage_reports);
    assert_eq!(args.public_hosts, ["a.example", "b.example"]);
    assert_eq!(args.trusted_proxies.len(), 1);
    let args =
        file.serve(&["--listen", "127.0.0.1:1", "--public-host", "c.example", "--usage-reports", "true"]);
    let args = args.unwrap();
    assert_eq!((args.listen.port(), args.creations_per_minute), (1, 10_000));
    assert_eq!(args.public_hosts, ["c.example"], "a flag replaces the list");
    assert!(args.dataplane.usage_reports);
    assert!(File::of("").serve(&[]).is_ok() && File::of("public_host = []").serve(&[]).is_ok());
}

#[test]
fn what_is_wrong_is_named_with_its_key_and_its_line() {
    for (text, said) in [
        ("\nlisten = \"127.0.0.1:1\"\nlissten = 1", "line 3: lissten is not a setting"),
        ("public-host = \"a\"", "line 1: public-host is not a setting: write public_host"),
        ("[serve]\nlisten = \"x\"", "line 1: serve is not a setting"),
        ("\n\nlisten = \"here\"", "line 3: listen: invalid value 'here'"),
        ("listen = [\"127.0.0.1:1\"]", "line 1: listen: it takes one value"),
        ("public_host = [1.5]", "line 1: public_host: it takes a text"),
        ("listen = 2020-01-01", "line 1: listen: it takes a text"),
        ("creations_per_minute = -1", "line 1: creations_per_minute: invalid value '-1'"),
        ("usage_reports = \"maybe\"", "line 1: usage_reports: invalid value 'maybe'"),
        ("begin_epoch = true", "line 1: begin_epoch is no setting of a file"),
        ("config = \"other.toml\"", "line 1: config is no setting of a file"),
        ("log = \"info\"\nlog = \"warn\"", "line 2: duplicate key"),
        ("listen", "line 1: "),
        (
            "database_url = \"postgres://u@h/d\"\ndatabase_url_file = \"f\"",
            "line 2: database_url_file: there is",
        ),
    ] {
        let refused = File::of(text).refused();
        assert!(refused.starts_with(said), "{text:?}: {refused}");
    }
}

#[test]
fn a_password_in_the_file_is_refused_and_not_repeated() {
    for url in [
        "postgres://gate:hunter2@db/gate",
        "postgres://gate@db/gate?password=hunter2",
        "postgres://gate:hunter2/x@db/gate",
        "hunter2",
    ] {
        let refused = File::of(&format!("database_url = \"{url}\"")).refused();
        assert!(refused.starts_with("line 1: database_url: no password"), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
    let file = File::of("database_url = \"postgres://gate@db/gate\"");
    assert!(file.serve(&[]).unwrap().storage.database_url.is_some());
    let storage = file.serve(&["--database-url-file", "other"]).unwrap().storage;
    assert!(storage.database_url.is_none(), "a flag replaces the file's way to say it");
    assert_eq!(storage.database_url_file, Some(PathBuf::from("other")));
}

#[test]
fn a_file_that_everybody_may_write_or_nobody_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let file = File::of("");
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o646)).unwrap();
    assert!(file.refused().contains("chmod o-w"));
    std::fs::remove_file(file.path()).unwrap();
    assert!(file.refused().contains("--config"));
    std::fs::create_dir(file.path()).unwrap();
    assert!(file.refused().contains("it is a folder"));
}
