//! What others see of a worker's transactions.

use std::time::Duration;

use saas_core::schema::Dialect;
use saas_core::sql::Reads;
use saas_jobs::Backend;
use saas_testkit::sqlite_options;
use sqlx::{ConnectOptions, Connection, QueryBuilder};

use crate::processes::Ground;
use crate::processes::child::Process;

/// How many transactions stand open, once nothing moves.
pub(super) async fn open<DB: Backend>(ground: &Ground<'_, DB>) -> usize {
    // Differs: one at most writes.
    if DB::DIALECT == Dialect::Sqlite {
        return usize::from(!is_writable(ground, Duration::ZERO).await);
    }
    let sql = "select state from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'";
    loop {
        let mut tx = ground.site.pool.begin().await.unwrap();
        let rows = DB::fetch_all(&mut tx, QueryBuilder::new(sql), ground.site.how).await.unwrap();
        let state = |row| <DB as Reads<(String,)>>::read(row).unwrap().0;
        if rows.iter().all(|row| state(row) != "active") {
            return rows.len();
        }
    }
}

/// Whether somebody else can write to the file, who waits so long for it.
pub(super) async fn is_writable<DB: Backend>(ground: &Ground<'_, DB>, wait: Duration) -> bool {
    let options = sqlite_options(ground.orders.url.as_ref()).busy_timeout(wait);
    let mut conn = options.connect().await.unwrap();
    let begun = conn.begin_with("begin immediate").await;
    begun.is_ok()
}

/// Whether the worker has an epoch in the database.
pub(super) async fn registered<DB: Backend>(ground: &Ground<'_, DB>, worker: &Process) -> bool {
    let mut query = QueryBuilder::<DB>::new("select name from saas.jobs_worker where name = ");
    DB::push_bind(&mut query, &worker.name());
    let mut tx = ground.site.pool.begin().await.unwrap();
    DB::fetch_optional(&mut tx, query, ground.site.how).await.unwrap().is_some()
}
