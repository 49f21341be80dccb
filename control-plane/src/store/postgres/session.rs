//! What a session with the server must be like.

use sqlx::{PgConnection, Row as _};

use super::meta;
use crate::store::StoreError;

/// The oldest version that is still cared for by those who make it, as it numbers itself.
const OLDEST: i32 = 130_000;

/// What this program relies on and a database may lack.
pub(super) async fn check(db: &mut PgConnection) -> Result<Result<(), String>, StoreError> {
    let sql = "SELECT current_setting('server_encoding'), pg_is_in_recovery(), current_setting('fsync'),
                      current_setting('server_version_num')::int, current_setting('server_version')";
    let row = sqlx::query(sql).fetch_one(db).await?;
    let (encoding, standby, fsync): (String, bool, String) =
        (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    let (number, version): (i32, String) = (row.try_get(3)?, row.try_get(4)?);
    if number < OLDEST {
        return Ok(Err(format!("it is PostgreSQL {version}, and gatepass needs 13 or newer")));
    }
    if encoding != "UTF8" {
        let advice = "make another with `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`";
        return Ok(Err(format!("its encoding is {encoding}, and names are Unicode: {advice}")));
    }
    if standby {
        return Ok(Err("it is a standby, which takes no changes: name the primary".to_owned()));
    }
    if fsync != "on" {
        tracing::warn!(
            "fsync is off in this PostgreSQL: a power cut there loses changes that were acknowledged"
        );
    }
    Ok(Ok(()))
}

/// How the database's life is told from another's; less where the server keeps its state to itself.
pub(super) async fn lineage(db: &mut PgConnection) -> &'static str {
    match sqlx::query(meta::LINEAGE).fetch_one(db).await {
        Ok(_) => meta::LINEAGE,
        Err(error) => {
            tracing::warn!(
                %error,
                "this PostgreSQL does not tell its timeline: after a restore or a failover start with --begin-epoch"
            );
            meta::SHORT_LINEAGE
        }
    }
}

/// Makes a new session one that this program can rely on: a change that is answered is on disk, and on the standbys that
/// the server waits for, whatever its default is.
pub(super) async fn prepare(db: &mut PgConnection) -> sqlx::Result<()> {
    let sql = "SELECT pg_is_in_recovery(), set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                   WHEN 'remote_apply' THEN 'remote_apply' ELSE 'on' END, false)";
    let standby: bool = sqlx::query(sql).fetch_one(db).await?.try_get(0)?;
    if standby { Err(sqlx::Error::Configuration("this server is a standby".into())) } else { Ok(()) }
}
