//! Takes a connection back from SQL by hand.
//!
//! Differs: what is left can be a table of any name, so instead of taking it back the connection is
//! closed, which costs no more here than opening the file again.

use sqlx::sqlite::SqliteRow;
use sqlx::{Database, QueryBuilder, Row, Sqlite, SqliteConnection, SqlitePool};
use sqlx_core::transaction::TransactionManager;

use crate::lent::{Lent, Returned, Session};
use crate::{Error, Result};

type Transactions = <Sqlite as Database>::TransactionManager;

// That a connection only reads is a crossing's, and ends here with it: on one that was so before, no
// transaction could have been begun.
const WRITES: &str = "pragma query_only = off";
/// Each row is something that sessions are without from the start.
const OTHERS: &str = "
    select 'temporary ' || type || ' ' || name from temp.sqlite_schema
    union all
    select 'attached ' || name from pragma_database_list where seq > 1
    union all
    select 'no foreign_keys' from pragma_foreign_keys where foreign_keys = 0";
/// The same of what can as well be the application's choice for all its connections.
const CHOICES: &str = "
    select 'ignore_check_constraints' from pragma_ignore_check_constraints
     where ignore_check_constraints
    union all
    select 'recursive_triggers' from pragma_recursive_triggers where recursive_triggers
    union all
    select 'writable_schema' from pragma_writable_schema where writable_schema
    union all
    select 'read_uncommitted' from pragma_read_uncommitted where read_uncommitted
    union all
    select 'case_sensitive_like' where not 'a' like 'A'";

/// What the pool's sessions are like.
pub(super) async fn session(pool: &SqlitePool) -> Result<Session, sqlx::Error> {
    let sql = QueryBuilder::<Sqlite>::new(format!("{OTHERS} union all {CHOICES}")).into_sql();
    let values = names(&sqlx::raw_sql(sql).fetch_all(pool).await?)?;
    Ok(Session { values, restore: String::new() })
}

/// Ends the transaction for good, if there still is one.
///
/// Differs: whether it is the one that was lent cannot be told. No setting ends with a transaction, a
/// savepoint set in each would make all slower, and of sqlx's hooks each connection has one only, which
/// may be the application's.
pub(super) async fn commit(conn: &mut SqliteConnection, lent: &Lent) -> Result<Returned> {
    if Transactions::get_transaction_depth(conn) != 1 {
        return Err(Error::Escaped);
    }
    // Differs: an error does not abort a transaction here, so there is nothing to find out.
    Transactions::commit(conn)
        .await
        .map_err(|error| if ended(&error) { Error::Escaped } else { error.into() })?;
    Ok(returned(conn, lent).await)
}

/// Undoes it.
pub(super) async fn rollback(
    conn: &mut SqliteConnection,
    lent: &Lent,
) -> Result<Returned, sqlx::Error> {
    let unusable = Returned { left: vec![], reusable: false };
    if Transactions::get_transaction_depth(conn) != 1 {
        return Ok(unusable);
    }
    match Transactions::rollback(conn).await {
        Ok(()) => Ok(returned(conn, lent).await),
        Err(error) if ended(&error) => Ok(unusable),
        Err(error) => Err(error),
    }
}

/// Whether there was no transaction any more; sqlx goes on believing that there is.
fn ended(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.code().as_deref() == Some("1")
            && error.message().ends_with("no transaction is active")
    })
}

async fn returned(conn: &mut SqliteConnection, lent: &Lent) -> Returned {
    let (known, sql) = match &lent.session {
        Some(session) => (&session.values[..], format!("{WRITES}; {OTHERS} union all {CHOICES}")),
        None => (&[][..], format!("{WRITES}; {OTHERS}")),
    };
    let sql = QueryBuilder::<Sqlite>::new(sql).into_sql();
    let rows = sqlx::raw_sql(sql).fetch_all(conn).await;
    rows.and_then(|rows| names(&rows)).map_or_else(
        |error| {
            tracing::warn!(%error, "what SQL by hand left on a connection could not be looked for");
            Returned { left: vec![], reusable: false }
        },
        |found| {
            let more = found.iter().filter(|name| !known.contains(name)).cloned();
            let less = known.iter().filter(|name| !found.contains(name));
            let left: Vec<_> = more.chain(less.map(|name| format!("not {name}"))).collect();
            Returned { reusable: left.is_empty(), left }
        },
    )
}

fn names(rows: &[SqliteRow]) -> Result<Vec<String>, sqlx::Error> {
    rows.iter().map(|row| row.try_get(0)).collect()
}
