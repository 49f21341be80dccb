//! The data folder, the database, the audit and the clock of this machine. Nothing is changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::{Finding, notices};
use crate::app::Storage;
use crate::audit;
use crate::clock::{Clock, rfc3339};
use crate::data_folder::DataFolder;
use crate::delivery::ecds;
use crate::domain::fleet::{FORGOTTEN_AFTER, MAX_WORKERS, Worker};
use crate::store::place;
use crate::store::schema::Schema;
use crate::store::sqlite::{SqliteStore, copy};
use crate::store::{Store, StoreError, Version};

/// How far a clock may be off, in seconds, before somebody should look.
const CLOCK: i64 = 5;

/// Who may look into the folder.
pub fn folder(path: &Path) -> (Option<DataFolder>, Vec<Finding>) {
    let folder = match DataFolder::open(path) {
        Ok(folder) => folder,
        Err(error) => {
            let advice = "start `gatepass serve`, which makes it, or name it with --data-dir";
            return (None, vec![Finding::error("data_folder", error.to_string(), advice)]);
        }
    };
    let mut findings = Vec::new();
    let ours = rustix::process::geteuid().as_raw();
    for entry in folder.path().read_dir().into_iter().flatten().flatten() {
        let Ok(metadata) = entry.metadata() else { continue };
        let shown = entry.path().display().to_string();
        let kind = Kind { is_link: metadata.is_symlink(), is_file: metadata.is_file() };
        findings.extend(of_file(&shown, kind, metadata.mode(), metadata.uid(), ours));
    }
    if findings.is_empty() {
        let found = format!("{} and the files in it are the owner's alone", folder.path().display());
        findings.push(Finding::ok("data_folder", found));
    }
    (Some(folder), findings)
}

/// What something in the folder is.
#[derive(Clone, Copy, Debug)]
struct Kind {
    is_link: bool,
    is_file: bool,
}

/// What is wrong with one of the folder's files, of this mode and this user's. `ours` is who looks: root may look at any.
fn of_file(shown: &str, kind: Kind, mode: u32, uid: u32, ours: u32) -> Option<Finding> {
    if kind.is_link {
        let advice = "put the file itself in its place";
        return Some(Finding::warning("data_folder", format!("{shown} is a link"), advice));
    }
    if kind.is_file && mode & 0o077 != 0 {
        let advice = format!("run `chmod 600 {shown}`");
        return Some(Finding::error("data_folder", format!("{shown} is open to other users"), advice));
    }
    let advice = "run everything on the data folder as the one user that the server runs as";
    let found = || Finding::warning("data_folder", format!("{shown} is another user's"), advice);
    (ours != 0 && uid != ours).then(found)
}

/// The database and the audit in it, the newest revision, and what proxies enforce by their reports.
pub async fn database(
    folder: &DataFolder,
    storage: &Storage,
    clock: &dyn Clock,
) -> (Option<Version>, Vec<Finding>) {
    let (store, mut findings) = open(folder, storage).await;
    let Some(store) = store else { return (None, findings) };
    let looked = look(store.as_ref(), folder, storage, clock, &mut findings).await;
    store.close().await;
    let version = looked.unwrap_or_else(|error| {
        findings.push(Finding::error("database", error.to_string(), "restore a backup if it stays so"));
        None
    });
    (version, findings)
}

type Opened = (Option<std::sync::Arc<dyn Store>>, Vec<Finding>);

async fn open(folder: &DataFolder, storage: &Storage) -> Opened {
    let wrong = |found: String, advice: &str| (None, vec![Finding::error("database", found, advice)]);
    let file = folder.database();
    if storage.database.is_none() && !file.is_file() {
        return wrong(format!("there is no {}", file.display()), "start `gatepass serve`, which makes it");
    }
    match place::schema(folder, storage.database.as_ref()).await {
        Ok(Some(Schema::Same)) => {}
        Ok(Some(Schema::Newer)) => {
            return wrong(
                "the database was written by a newer gatepass".to_owned(),
                "run that version, or restore a backup made before it",
            );
        }
        Ok(Some(Schema::Older)) => {
            return wrong(
                "the database is of an older gatepass".to_owned(),
                "back it up with that version, then start this one, which brings it up to date",
            );
        }
        Ok(None) => {
            return wrong(
                "the database is none of gatepass's".to_owned(),
                "start `gatepass serve`, or name another",
            );
        }
        Err(error) => {
            return wrong(error.to_string(), "see docs/operations.md; restore a backup if it is damaged");
        }
    }
    if let Some(url) = &storage.database {
        // Of the same schema: nothing is brought up to date.
        let opened = place::open(folder, Some(url)).await;
        return match opened {
            Ok(store) => (
                Some(store),
                vec![Finding::ok("database", "PostgreSQL answers; its schema is this version's")],
            ),
            Err(error) => wrong(error.to_string(), "see docs/operations.md"),
        };
    }
    match copy::damage(&file).await {
        Ok(None) => {}
        Ok(Some(problem)) => return wrong(format!("the database is damaged: {problem}"), "restore a backup"),
        Err(error) => return wrong(error.to_string(), "restore a backup if it stays so"),
    }
    match SqliteStore::open_copy(&file).await {
        Ok(store) => {
            let found = "SQLite finds nothing wrong; its schema is this version's";
            (Some(std::sync::Arc::new(store)), vec![Finding::ok("database", found)])
        }
        Err(error) => wrong(error.to_string(), "see docs/operations.md"),
    }
}

async fn look(
    store: &dyn Store,
    folder: &DataFolder,
    storage: &Storage,
    clock: &dyn Clock,
    findings: &mut Vec<Finding>,
) -> Result<Option<Version>, StoreError> {
    let key = match &storage.audit_key {
        Some(file) => audit::read_key(file),
        None => audit::load_key(folder),
    };
    match key {
        Err(error) => findings.push(Finding::error(
            "audit",
            error.to_string(),
            "put back the key that belongs to this database",
        )),
        Ok(key) => findings.push(match audit::verify(store, &key, None, |_| {}).await? {
            Ok(head) => Finding::ok("audit", format!("the audit is whole, its head {head}")),
            Err(found) => {
                let advice =
                    "find out who changed the database: `gatepass audit verify`; compare with a backup";
                Finding::error("audit", format!("the audit is not whole: {found}"), advice)
            }
        }),
    }
    let mut tx = store.read().await?;
    let version = tx.version().await?;
    let last = tx.audit_before(None, 1).await?.first().map(|entry| entry.draft.at);
    let now = clock.now().as_second();
    findings.push(against_the_audit(last, now));
    findings.extend(notices::look(tx.as_mut(), now).await?);
    if let Some(version) = &version {
        findings.push(delivered(folder, version));
        let workers = tx.workers(now.saturating_sub(FORGOTTEN_AFTER), MAX_WORKERS).await?;
        findings.push(fleet(&workers, version, now));
    }
    Ok(version)
}

/// What the workers that speak enforce, against the newest version.
fn fleet(workers: &[Worker], newest: &Version, now: i64) -> Finding {
    let speaking = workers.iter().filter(|worker| !worker.is_silent(now));
    let behind: Vec<_> = speaking.map(|worker| worker.behind(&newest.epoch, newest.revision)).collect();
    let up_to_date = behind.iter().filter(|behind| **behind == Some(0)).count();
    let (all, revision) = (behind.len(), newest.revision);
    let found = format!("{up_to_date} of {all} workers that report enforce revision {revision}");
    if up_to_date == all {
        return Finding::ok("fleet", found);
    }
    let advice = "GET /api/v1/fleet names the others; a worker reports within a minute";
    Finding::warning("fleet", found, advice)
}

fn against_the_audit(last: Option<i64>, now: i64) -> Finding {
    let ahead = last.map_or(0, |last| last.saturating_sub(now));
    if ahead > CLOCK {
        let found = format!("this machine's clock is {ahead} s behind the audit's last entry");
        return Finding::error("clock", found, "set the clock, by NTP for example: tokens end by it");
    }
    Finding::ok("clock", format!("{}, not before the audit's last entry", rfc3339(now)))
}

/// The clock of the machine that Envoy runs on, by which tokens end there. `date` is what a reply of its bears.
pub fn against_envoy(date: Option<i64>, now: i64) -> Option<Finding> {
    let off = date?.saturating_sub(now);
    let found = format!("Envoy's clock and this one are {} s apart", off.abs());
    Some(if off.abs() > CLOCK {
        Finding::error(
            "clock_of_envoy",
            found,
            "set both by NTP: tokens end by Envoy's clock, and reports are judged by this one",
        )
    } else {
        Finding::ok("clock_of_envoy", found)
    })
}

/// What the file that Envoy watches holds.
fn delivered(folder: &DataFolder, newest: &Version) -> Finding {
    let file = folder.ecds_file();
    let found = std::fs::read(&file).ok().and_then(|content| ecds::configuration(&content));
    let advice = "is `gatepass serve` running? Its log says why it cannot write. With --ecds-file the file is elsewhere, and this says nothing";
    let Some(found) = found else {
        let found = format!("{} holds no configuration", file.display());
        return Finding::warning("delivery", found, advice);
    };
    let told =
        format!("{} holds revision {}; {} is committed", file.display(), found.revision, newest.revision);
    if found.epoch == newest.epoch && found.revision == newest.revision.to_string() {
        return Finding::ok("delivery", told);
    }
    Finding::warning("delivery", told, advice)
}

#[cfg(test)]
mod tests;
