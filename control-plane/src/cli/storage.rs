//! The flags that say where a server keeps what it knows.

use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Args};

use crate::app::{self, StartError, Storage};
use crate::context::Context;
use crate::data_folder::DataFolder;
use crate::store::place::DatabaseUrl;

/// Where the database and the files beside it are.
#[derive(Clone, Debug, Args)]
pub struct StorageArgs {
    /// TOML file of settings, for what neither flag nor variable says; a key is a flag's name with _ in place of -
    #[arg(long, env = "GATEPASS_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder of the database and the files beside it
    #[arg(long, env = "GATEPASS_DATA_DIR", default_value = "data", value_name = "FOLDER")]
    pub data_dir: PathBuf,
    /// PostgreSQL in place of SQLite in the data folder: postgres://USER@HOST/DATABASE; with a password only in the
    /// variable, since other users of the machine see flags
    #[arg(long, env = "GATEPASS_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<DatabaseUrl>,
    /// File that holds that URL, for one with a password: a mounted secret, for example
    #[arg(long, env = "GATEPASS_DATABASE_URL_FILE", value_name = "FILE", conflicts_with = "database_url")]
    pub database_url_file: Option<PathBuf>,
    /// The key of the audit's chain, one for all servers of a database [default: audit.key in the data folder]
    #[arg(long, env = "GATEPASS_AUDIT_KEY_FILE", value_name = "FILE")]
    pub audit_key_file: Option<PathBuf>,
}

/// A flag of a data folder on the command line of a command that reads it only with `--data`, without that.
pub(super) fn unasked(matches: &ArgMatches) -> Option<String> {
    let mut leaf = matches;
    while let Some((_, deeper)) = leaf.subcommand() {
        leaf = deeper;
    }
    if *leaf.try_get_one::<bool>("data").ok().flatten()? {
        return None;
    }
    let ids = ["config", "data_dir", "database_url", "database_url_file", "audit_key_file"];
    let said = ids.into_iter().find(|id| leaf.value_source(id) == Some(ValueSource::CommandLine));
    said.map(|id| id.replace('_', "-"))
}

impl StorageArgs {
    /// What is not in the data folder.
    ///
    /// # Errors
    /// The file with the database's URL cannot be used.
    pub fn storage(&self) -> Result<Storage, StartError> {
        let database = match &self.database_url_file {
            Some(file) => Some(DatabaseUrl::in_file(file)?),
            None => self.database_url.clone(),
        };
        Ok(Storage { database, audit_key: self.audit_key_file.clone() })
    }

    /// Opens the database of a server, for a command beside it.
    ///
    /// # Errors
    /// A sentence that says what to do.
    pub async fn open(&self) -> Result<Context, StartError> {
        let storage = self.storage()?;
        let folder = match storage.database {
            Some(_) => DataFolder::open(&self.data_dir)?,
            None => DataFolder::open_existing(&self.data_dir)?,
        };
        app::open(folder, &storage).await
    }

    /// What a person may be told of where the database is.
    pub fn place(&self) -> String {
        if self.is_elsewhere() { "the database".to_owned() } else { self.data_dir.display().to_string() }
    }

    /// Whether the database is none of the data folder's.
    pub fn is_elsewhere(&self) -> bool {
        self.database_url.is_some() || self.database_url_file.is_some()
    }
}
