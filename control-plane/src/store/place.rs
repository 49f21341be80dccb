//! Which database a server works with: a file in the data folder, or the one that a URL names.

use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use url::{Host, Url};

use super::postgres::PostgresStore;
use super::schema::Schema;
use super::sqlite::{SqliteStore, copy};
use super::{Store, StoreError};
use crate::data_folder::{DataFolder, read_private};

/// Opens the database: the one that `url` names, by its scheme, or without one the file in `folder`.
///
/// # Errors
/// The URL or the database cannot be used.
pub async fn open(folder: &DataFolder, url: Option<&DatabaseUrl>) -> Result<Arc<dyn Store>, StoreError> {
    match url {
        None => Ok(Arc::new(SqliteStore::open(&folder.database()).await?)),
        Some(url) => Ok(Arc::new(PostgresStore::open(&url.server()?).await?)),
    }
}

/// How the database's schema stands to this program's; `None` if it is none of this program's. Nothing is changed.
///
/// # Errors
/// The URL or the database cannot be used.
pub async fn schema(folder: &DataFolder, url: Option<&DatabaseUrl>) -> Result<Option<Schema>, StoreError> {
    match url {
        None => copy::schema(&folder.database()).await,
        Some(url) => PostgresStore::schema(&url.server()?).await,
    }
}

/// A URL as it was given. It may hold a password: neither `Debug` nor an error repeats it.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(String);

/// Where a PostgreSQL is, and as whom to go there.
#[derive(Clone)]
pub struct Server {
    options: PgConnectOptions,
    place: String,
}

/// Parameters that a URL may have: libpq's names, as the driver knows them.
const PARAMETERS: [&str; 12] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

impl DatabaseUrl {
    /// Takes any text; what is wrong with it is told when the database is opened.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The one line of the file at `path`.
    ///
    /// # Errors
    /// It cannot be read, or every user of the machine can read it.
    pub fn in_file(path: &Path) -> Result<Self, StoreError> {
        let unusable = |problem: String| StoreError::Unusable {
            place: format!("whose URL is in {}", path.display()),
            problem,
        };
        let bytes = read_private(path).map_err(|error| unusable(error.to_string()))?;
        let bytes = bytes.ok_or_else(|| unusable("there is no such file".to_owned()))?;
        // A group may read it: that is how secrets are mounted.
        if path.metadata().is_ok_and(|metadata| metadata.mode() & 0o007 != 0) {
            let shown = path.display();
            return Err(unusable(format!(
                "every user of this machine can read the file: run `chmod o-rwx {shown}`"
            )));
        }
        let text = String::from_utf8(bytes).map_err(|_| unusable("the file holds no text".to_owned()))?;
        Ok(Self(text.trim_ascii_end().to_owned()))
    }

    /// Whether it holds a password, or may hold one since it cannot be read.
    pub fn holds_secret(&self) -> bool {
        let Ok(url) = Url::parse(&self.0) else { return true };
        check(&url).is_err()
            || url.password().is_some()
            || url.query_pairs().any(|(name, _)| name == "password")
    }

    /// The PostgreSQL that the URL names.
    ///
    /// # Errors
    /// What is wrong with the URL, without repeating any of it: a password that was not escaped may be anywhere in it.
    pub fn server(&self) -> Result<Server, StoreError> {
        let wrong = |problem: String| StoreError::Unusable {
            place: "that --database-url, GATEPASS_DATABASE_URL or --database-url-file names".to_owned(),
            problem,
        };
        let url = Url::parse(&self.0).map_err(|error| wrong(format!("the URL has an {error}. {FORM}")))?;
        check(&url).map_err(|problem| wrong(format!("{problem}. {FORM}")))?;
        let options = sqlx::ConnectOptions::from_url(&url);
        let options: PgConnectOptions =
            options.map_err(|_| wrong(format!("a value in the URL cannot be read. {FORM}")))?;
        let options = if has_tls_mode(&url) || is_local(&options) {
            options
        } else {
            // What the driver would do by itself is to go on in clear where the server has no TLS.
            options.ssl_mode(PgSslMode::VerifyFull)
        };
        let options = match options.get_application_name() {
            Some(_) => options,
            None => options.application_name("gatepass"),
        };
        Ok(Server { place: place(&options), options })
    }
}

const FORM: &str = "Write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with other characters than letters and digits in \
                    USER and PASSWORD as %XX; a socket as postgres:///DATABASE?host=/FOLDER";

fn check(url: &Url) -> Result<(), &'static str> {
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("the URL's scheme is not postgres; SQLite needs no URL, it is in the data folder");
    }
    if url.fragment().is_some() || url.path().contains('@') {
        return Err("the URL has a # or an @ where none belongs: in a password they are %23 and %40");
    }
    if url.query_pairs().any(|(name, _)| !PARAMETERS.contains(&name.as_ref())) {
        return Err("the URL has a parameter that is not known (? is %3F in a password)");
    }
    Ok(())
}

fn has_tls_mode(url: &Url) -> bool {
    url.query_pairs().any(|(name, _)| name == "sslmode")
        || std::env::var_os("PGSSLMODE").is_some_and(|mode| !mode.is_empty())
}

/// Whether nothing crosses a network.
fn is_local(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let loopback = match Host::parse(host) {
        Ok(Host::Ipv4(ip)) => ip.is_loopback(),
        Ok(Host::Ipv6(ip)) => ip.is_loopback(),
        Ok(Host::Domain(name)) => name == "localhost",
        Err(_) => false,
    };
    options.get_socket().is_some() || host.starts_with('/') || loopback
}

fn place(options: &PgConnectOptions) -> String {
    let host = options.get_socket().map_or(options.get_host().into(), |socket| socket.to_string_lossy());
    let database = options.get_database().unwrap_or(options.get_username());
    format!("{database:?} of user {:?} at {host}, port {}", options.get_username(), options.get_port())
}

impl Server {
    /// How to connect.
    pub fn options(&self) -> &PgConnectOptions {
        &self.options
    }

    /// What an error may name: database, user and host.
    pub fn place(&self) -> &str {
        &self.place
    }
}

impl From<String> for DatabaseUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("place", &self.place).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Result<Server, String> {
        DatabaseUrl::new(url).server().map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_names_a_place() {
        for (url, place) in [
            ("postgres://u:p@db.example:5433/gate", r#""gate" of user "u" at db.example, port 5433"#),
            ("postgresql://u@127.0.0.1/gate", r#""gate" of user "u" at 127.0.0.1, port 5432"#),
            ("postgres:///gate?host=/run/pg&user=u", r#""gate" of user "u" at /run/pg, port 5432"#),
            ("postgres://u:p%40%3F%23@[::1]:1/gate", r#""gate" of user "u" at [::1], port 1"#),
        ] {
            assert_eq!(server(url).map(|server| server.place).as_deref(), Ok(place), "{url}");
        }
    }

    #[test]
    fn what_crosses_a_network_is_encrypted_to_a_server_that_proved_who_it_is() {
        for (url, mode) in [
            ("postgres://u@db.example/gate", PgSslMode::VerifyFull),
            ("postgres://u@10.0.0.1/gate", PgSslMode::VerifyFull),
            ("postgres://u@db.example/gate?sslmode=require", PgSslMode::Require),
            ("postgres://u@db.example/gate?sslmode=disable", PgSslMode::Disable),
            ("postgres://u@localhost/gate", PgSslMode::Prefer),
            ("postgres://u@[::1]/gate", PgSslMode::Prefer),
            ("postgres:///gate?host=/run/pg", PgSslMode::Prefer),
        ] {
            let got = server(url).map(|server| format!("{:?}", server.options.get_ssl_mode()));
            assert_eq!(got, Ok(format!("{mode:?}")), "{url}");
        }
    }

    #[test]
    fn an_unusable_url_is_refused_without_a_word_of_it() {
        for url in [
            "",
            "data/gatepass.db",
            "sqlite:hunter2",
            "mysql://u:hunter2@db/gate",
            "postgres://u:hunter2/x@db/gate",
            "postgres://u:1/hunter2@db/gate",
            "postgres://u:12?hunter2@db/gate",
            "postgres://u:12#hunter2@db/gate",
            "postgres://u:p@db/gate?passwort=hunter2",
            "postgres://u:p@db/gate?sslmode=hunter2",
        ] {
            let refused = server(url).err().unwrap_or_default();
            assert!(!refused.contains("hunter2") && refused.contains("postgres://USER"), "{url}: {refused}");
        }
        assert_eq!(format!("{:?}", DatabaseUrl::new("postgres://u:hunter2@db/gate")), "DatabaseUrl(…)");
        let shown = format!("{:?}", server("postgres://u:hunter2@db/gate"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
