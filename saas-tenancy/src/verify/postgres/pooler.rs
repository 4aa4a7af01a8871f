//! Whether something between here and PostgreSQL gives each transaction another server connection.
//!
//! A pooler does not say that it is there. But it shows: two connections of one client are then
//! served by one process of the server, or one connection now by this and now by that. Neither can
//! happen without one. Where other clients keep a pooler busy, a round may show nothing; hence
//! several. A pooler in session mode never shows it, and needs no care either.

use sqlx::{Connection, PgConnection, PgPool, Row};

use crate::Finding;

const ROUNDS: usize = 8;

/// What to say if transactions are seen to share server connections.
///
/// Asked outside any transaction, by the simple protocol: one message, which no pooler tears apart.
/// The second connection is not the pool's, which may have no more than one.
pub(crate) async fn finding(pool: &PgPool) -> Result<Option<Finding>, sqlx::Error> {
    let mut one = pool.acquire().await?;
    let mut other = match PgConnection::connect_with(&pool.connect_options()).await {
        Ok(conn) => conn,
        Err(error) => {
            // Too many connections, perhaps: no reason to refuse the one that is there.
            tracing::warn!(%error, "whether a pooler is in between could not be looked for");
            return Ok(None);
        }
    };
    let mut seen = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        seen.push((process(&mut one).await?, process(&mut other).await?));
    }
    other.close().await?;
    Ok(shows(&seen).then(|| {
        Finding::words(
            "connection".into(),
            "goes through a pooler that gives each transaction another server connection",
            "connect with `Options::new().pooler_safe(true)`",
        )
    }))
}

async fn process(conn: &mut PgConnection) -> Result<i32, sqlx::Error> {
    sqlx::raw_sql("select pg_backend_pid()").fetch_one(conn).await?.try_get(0)
}

/// Without a pooler each connection has one process for itself.
fn shows(seen: &[(i32, i32)]) -> bool {
    seen.iter().any(|pair| pair.0 == pair.1) || seen.windows(2).any(|pairs| pairs[0] != pairs[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_is_shared_or_changes_shows_a_pooler() {
        assert!(!shows(&[(1, 2), (1, 2), (1, 2)]));
        assert!(shows(&[(1, 1), (1, 1)]), "shared");
        assert!(shows(&[(1, 2), (3, 2)]), "changed");
    }
}
