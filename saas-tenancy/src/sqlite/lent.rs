//! Takes a connection back from SQL by hand.
//!
//! Differs: what is left can be a table of any name, so instead of taking it back the connection is
//! closed, which costs no more here than opening the file again.

use sqlx::{Database, Row, Sqlite, SqliteConnection};
use sqlx_core::transaction::TransactionManager;

use crate::lent::Returned;
use crate::{Error, Result};

type Transactions = <Sqlite as Database>::TransactionManager;

// That a connection only reads is a crossing's, and ends here with it: on one that was so before, no
// transaction could have been begun.
const LEFT: &str = "
    pragma query_only = off;
    select 'temporary ' || type || ' ' || name from temp.sqlite_schema
    union all
    select 'foreign_keys' from pragma_foreign_keys where foreign_keys = 0";

/// Ends the transaction for good, if it still is the one that was lent.
pub(super) async fn commit(conn: &mut SqliteConnection) -> Result<Returned> {
    if Transactions::get_transaction_depth(conn) != 1 {
        return Err(Error::Escaped);
    }
    // Differs: an error does not abort a transaction here, so there is nothing to find out.
    Transactions::commit(conn)
        .await
        .map_err(|error| if ended(&error) { Error::Escaped } else { error.into() })?;
    Ok(returned(conn).await)
}

/// Undoes it.
pub(super) async fn rollback(conn: &mut SqliteConnection) -> Result<Returned, sqlx::Error> {
    let unusable = Returned { left: vec![], reusable: false };
    if Transactions::get_transaction_depth(conn) != 1 {
        return Ok(unusable);
    }
    match Transactions::rollback(conn).await {
        Ok(()) => Ok(returned(conn).await),
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

async fn returned(conn: &mut SqliteConnection) -> Returned {
    let rows = sqlx::raw_sql(LEFT).fetch_all(conn).await;
    let left = rows.and_then(|rows| rows.iter().map(|row| row.try_get(0)).collect());
    left.map_or_else(
        |error: sqlx::Error| {
            tracing::warn!(%error, "what SQL by hand left on a connection could not be looked for");
            Returned { left: vec![], reusable: false }
        },
        |left: Vec<String>| Returned { reusable: left.is_empty(), left },
    )
}
