use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool, SqlStr};
use sqlx_core::transaction::TransactionManager;

/// A connection on which a transaction is being opened.
///
/// sqlx 0.9.0 counts a transaction only once its opening has been answered. A future that is dropped
/// before that returns the connection to the pool inside the open transaction, with the tenant still
/// set: the next borrower would sit in another tenant's scope (upstream #4385, #4393). So until the
/// answer is there, dropping closes the connection instead of returning it; and likewise when the
/// opening fails halfway.
struct Opening<DB: Database>(Option<PoolConnection<DB>>);

impl<DB: Database> Drop for Opening<DB> {
    fn drop(&mut self) {
        if let Some(conn) = &mut self.0 {
            conn.close_on_drop();
        }
    }
}

/// Takes a connection from the pool and opens a transaction on it with `statement`.
pub(crate) async fn open<DB: Database>(
    pool: &Pool<DB>,
    statement: SqlStr,
) -> Result<PoolConnection<DB>, sqlx::Error> {
    let mut opening = Opening(Some(pool.acquire().await?));
    if let Some(conn) = &mut opening.0 {
        DB::TransactionManager::begin(conn, Some(statement)).await?;
    }
    opening.0.take().ok_or(sqlx::Error::BeginFailed)
}
