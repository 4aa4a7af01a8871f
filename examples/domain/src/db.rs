//! Which databases the service runs on: one bound for all its functions.

use std::time::Duration;

use saas_core::Id;
use saas_core::sql::{Binds, Reads, Stores};
use saas_tenancy::{Registry, TenantBackend};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, PgPool, SqlitePool};

use crate::customers::Customer;
use crate::invoices::{Invoice, Line, Status};
use crate::tenants::{ApiKey, Tenant};

/// PostgreSQL or SQLite. A service that will only ever run on one of them writes
/// `type Db = sqlx::Postgres;` instead, and its functions lose a parameter.
pub trait Db:
    TenantBackend
    + saas_idempotency::Backend
    + saas_jobs::Backend
    + Stores<Tenant>
    + Stores<ApiKey>
    + Stores<Customer>
    + Stores<Invoice>
    + Stores<Line>
    + Reads<(Vec<u8>,)>
    + Reads<(Id<Tenant>, String)>
    + Binds<Status>
    + Binds<Id<Customer>>
    + Binds<Id<Invoice>>
{
}

impl Db for sqlx::Postgres {}
impl Db for sqlx::Sqlite {}

/// Every entity, so that the database can be checked against them before the first request.
pub fn registry() -> Registry {
    Registry::new()
        .register::<Tenant>()
        .register::<ApiKey>()
        .register::<Customer>()
        .register::<Invoice>()
        .register::<Line>()
}

/// A request waits at most this long for a connection, then it is told 503. Gates let few wait here at
/// once; this is room for a process that gets little of its processor while thousands connect.
const ACQUIRE: Duration = Duration::from_secs(15);

/// A connection that was idle for longer is asked whether it still stands before it is used: the
/// server, a pooler or a firewall may have closed it. To ask each time costs each statement as much
/// again as it takes itself.
const STALE: Duration = Duration::from_secs(1);

/// Connections to a server.
pub fn postgres(options: PgConnectOptions) -> PgPool {
    // One locked row must not hold every connection, and with them every tenant.
    let limits = [
        ("lock_timeout", "3s"),
        ("statement_timeout", "15s"),
        ("idle_in_transaction_session_timeout", "30s"),
    ];
    let options = options.application_name("invoicing").options(limits);
    PgPoolOptions::new()
        .max_connections(20)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|conn, meta| {
            Box::pin(async move {
                if meta.idle_for > STALE {
                    conn.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options)
}

/// Connections to a file, made if missing.
pub async fn sqlite(options: SqliteConnectOptions) -> Result<SqlitePool, sqlx::Error> {
    let options = options
        .create_if_missing(true)
        .foreign_keys(true)
        // Readers do not wait for the writer, and a committed invoice survives a power cut.
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5));
    SqlitePoolOptions::new().max_connections(8).acquire_timeout(ACQUIRE).connect_with(options).await
}
