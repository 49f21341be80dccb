//! Uses of tokens, of which many are written at once.

use sqlx::PgConnection;

use super::{Result, unsigned};
use crate::domain::usage::TokenUse;

/// Writes the uses of known tokens where they are later than what is known, and tells how many tokens were known.
pub(super) async fn record(db: &mut PgConnection, uses: &[TokenUse]) -> Result<u64> {
    let ids: Vec<&str> = uses.iter().map(|used| used.id.as_str()).collect();
    let at: Vec<i64> = uses.iter().map(|used| used.last.at).collect();
    let ips: Vec<Option<String>> = uses.iter().map(|used| used.last.ip.map(|ip| ip.to_string())).collect();
    let agents: Vec<Option<&str>> = uses.iter().map(|used| used.last.user_agent.as_deref()).collect();
    let known = "SELECT count(*) FROM unnest($1::text[]) u (id) JOIN tokens t ON t.id = u.id";
    let known = sqlx::query_scalar(known).bind(&ids).fetch_one(&mut *db).await?;
    // One statement cannot write a row twice: of several uses of one token the latest, and of those the first.
    let write = "INSERT INTO token_uses (number, used_at, ip, user_agent)
                 SELECT DISTINCT ON (t.number) t.number, u.at, u.ip, u.user_agent
                 FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
                      WITH ORDINALITY u (id, at, ip, user_agent, place)
                 JOIN tokens t ON t.id = u.id
                 ORDER BY t.number, u.at DESC, u.place
                 ON CONFLICT (number) DO UPDATE
                 SET used_at = excluded.used_at, ip = excluded.ip, user_agent = excluded.user_agent
                 WHERE excluded.used_at > token_uses.used_at";
    sqlx::query(write).bind(ids).bind(at).bind(ips).bind(agents).execute(db).await?;
    unsigned(known)
}
