use futures_core::future::BoxFuture;
use saas_core::sql::{Backend, Fragment, Reads, Writes};
use saas_core::{Entity, Kind, TenantId};
use sqlx::{Pool, QueryBuilder, SqlStr};

use crate::across::Crossing;
use crate::isolation::survey::Survey;
use crate::lent::{Lent, Returned, Session};
use crate::transfer::Cell;
use crate::{Audited, Finding, Lock, Options, Registry, Result};

/// One of the two databases, as tenancy needs it. Sealed.
pub trait TenantBackend:
    Backend
    + Reads<Audited>
    + Reads<(String, serde_json::Value)>
    + Reads<(Option<serde_json::Value>,)>
    + sealed::Sealed
{
    /// What takes back what a crossing leaves on its connection, if it leaves anything.
    #[doc(hidden)]
    const AFTER_CROSSING: Option<&'static str>;

    /// What opens a transaction across tenants that writes nothing but its own audit entry; nothing
    /// without a role to do so.
    #[doc(hidden)]
    fn begin_across(crossing: &Crossing, options: &Options) -> Option<SqlStr>;

    /// What opens a transaction in one round trip, with its tenant if it has one.
    #[doc(hidden)]
    fn begin(tenant: Option<TenantId>, options: &Options) -> SqlStr;

    /// The same for a tenant, to read everything in one snapshot.
    #[doc(hidden)]
    fn begin_snapshot(tenant: TenantId, options: &Options) -> SqlStr;

    /// Reads a value that was selected as the widest type of its kind.
    #[doc(hidden)]
    fn cell(row: &Self::Row, at: usize, kind: Kind) -> Result<Option<Cell>, sqlx::Error>;

    /// What the pool's sessions are like, if settings of theirs outlive a transaction.
    #[doc(hidden)]
    fn session(pool: &Pool<Self>) -> BoxFuture<'_, Result<Option<Session>, sqlx::Error>>;

    /// Ends a transaction for good whose connection was lent for SQL by hand, and takes back what that
    /// left. It is an error, and nothing is committed, if it is not the same transaction any more, or
    /// was aborted unnoticed.
    #[doc(hidden)]
    fn commit_lent<'c>(
        conn: &'c mut Self::Connection,
        lent: &'c Lent,
    ) -> BoxFuture<'c, Result<Returned>>;

    /// Undoes such a transaction, and takes back the same.
    #[doc(hidden)]
    fn rollback_lent<'c>(
        conn: &'c mut Self::Connection,
        lent: &'c Lent,
    ) -> BoxFuture<'c, Result<Returned, sqlx::Error>>;

    /// The same without waiting; whether the connection may be used again.
    #[doc(hidden)]
    fn abandon_lent(conn: &mut Self::Connection, lent: &Lent) -> bool;

    /// Writes one statement that sets the tenant for itself and reads `rows` behind the wall.
    #[doc(hidden)]
    fn push_read(query: &mut QueryBuilder<Self>, tenant: TenantId, rows: &dyn Fragment<Self>);

    /// Writes a select's lock of the rows of one of its tables.
    #[doc(hidden)]
    fn push_lock(query: &mut QueryBuilder<Self>, table: &str, lock: Lock);

    /// Whether rows of `E` can be written as arrays, one for each column.
    #[doc(hidden)]
    fn takes_arrays<E: Entity>() -> bool
    where
        Self: Writes<E>;

    /// Writes these columns of the rows as a table of arrays; only where it takes them.
    #[doc(hidden)]
    fn push_arrays<E: Entity>(query: &mut QueryBuilder<Self>, rows: &[E], columns: &[usize])
    where
        Self: Writes<E>;

    /// Looks for what would let a tenant see another's rows, in a transaction that has no tenant.
    #[doc(hidden)]
    fn verify<'c>(
        conn: &'c mut Self::Connection,
        registry: &'c Registry,
        options: &'c Options,
    ) -> BoxFuture<'c, Result<Vec<Finding>, sqlx::Error>>;

    /// Looks for which models of isolation the database holds.
    #[doc(hidden)]
    fn survey<'c>(
        conn: &'c mut Self::Connection,
        registry: &'c Registry,
        options: &'c Options,
    ) -> BoxFuture<'c, Result<Survey, sqlx::Error>>;

    /// Looks for something in between that gives each transaction another connection.
    #[doc(hidden)]
    fn look_for_pooler(pool: &Pool<Self>) -> BoxFuture<'_, Result<Option<Finding>, sqlx::Error>>;
}

mod sealed {
    pub trait Sealed {}
    #[cfg(feature = "postgres")]
    impl Sealed for sqlx::Postgres {}
    #[cfg(feature = "sqlite")]
    impl Sealed for sqlx::Sqlite {}
}
