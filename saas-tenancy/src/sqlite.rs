mod lent;

use futures_core::future::BoxFuture;
use saas_core::sql::{Fragment, Writes};
use saas_core::{Entity, Kind, TenantId};
use sqlx::{Pool, QueryBuilder, SqlStr, Sqlite};

use crate::across::Crossing;
use crate::isolation::survey::Survey;
use crate::lent::{Lent, Returned, Session};
use crate::transfer::{self, Cell};
use crate::verify::sqlite as verify;
use crate::{Finding, Lock, Options, Registry, Result, TenantBackend};

impl TenantBackend for Sqlite {
    /// Differs: there are no roles, and that the connection is read-only outlives the transaction.
    const AFTER_CROSSING: Option<&'static str> = Some("pragma query_only = off");

    fn begin_across(crossing: &Crossing, _options: &Options) -> Option<SqlStr> {
        let begin = format!(
            "begin immediate; \
             insert into saas_audit (id, actor, action, change, at) \
             values (x'{id}', {actor}, 'crossing', json_object('reason', {reason}), '{at}'); \
             pragma query_only = on",
            id = crossing.id.uuid().simple(),
            actor = literal(&crossing.reason.actor),
            reason = literal(&crossing.reason.text),
            at = crossing.at.to_rfc3339(),
        );
        Some(QueryBuilder::<Self>::new(begin).into_sql())
    }

    fn begin(_tenant: Option<TenantId>, _options: &Options) -> SqlStr {
        // Differs: there is no setting to bind the tenant to. The write lock is taken at once, since
        // a transaction that began by reading cannot wait for it later.
        SqlStr::from_static("begin immediate")
    }

    fn begin_snapshot(_tenant: TenantId, _options: &Options) -> SqlStr {
        // Differs: a transaction that only reads has its snapshot anyway, and takes no write lock.
        SqlStr::from_static("begin")
    }

    fn cell(row: &Self::Row, at: usize, kind: Kind) -> Result<Option<Cell>, sqlx::Error> {
        transfer::read(row, at, kind)
    }

    fn session(pool: &Pool<Self>) -> BoxFuture<'_, Result<Option<Session>, sqlx::Error>> {
        // Differs: a connection on which anything is left is closed, so nothing is set back.
        Box::pin(async { lent::session(pool).await.map(Some) })
    }

    fn commit_lent<'c>(
        conn: &'c mut Self::Connection,
        lent: &'c Lent,
    ) -> BoxFuture<'c, Result<Returned>> {
        Box::pin(lent::commit(conn, lent))
    }

    fn rollback_lent<'c>(
        conn: &'c mut Self::Connection,
        lent: &'c Lent,
    ) -> BoxFuture<'c, Result<Returned, sqlx::Error>> {
        Box::pin(lent::rollback(conn, lent))
    }

    fn abandon_lent(_conn: &mut Self::Connection, _lent: &Lent) -> bool {
        // Differs: what was left cannot be looked for without waiting.
        false
    }

    fn push_read(query: &mut QueryBuilder<Self>, _tenant: TenantId, rows: &dyn Fragment<Self>) {
        // Differs: no row-level security, so no wall to step behind.
        rows.push_to(query);
    }

    fn push_lock(_query: &mut QueryBuilder<Self>, _table: &str, _lock: Lock) {
        // Differs: the transaction holds the only write lock already.
    }

    fn takes_arrays<E: Entity>() -> bool
    where
        Self: Writes<E>,
    {
        // Differs: there are no arrays.
        false
    }

    fn push_arrays<E: Entity>(_query: &mut QueryBuilder<Self>, _rows: &[E], _columns: &[usize])
    where
        Self: Writes<E>,
    {
    }

    fn verify<'c>(
        conn: &'c mut Self::Connection,
        registry: &'c Registry,
        options: &'c Options,
    ) -> BoxFuture<'c, Result<Vec<Finding>, sqlx::Error>> {
        Box::pin(verify::findings(conn, registry, options))
    }

    fn survey<'c>(
        _conn: &'c mut Self::Connection,
        _registry: &'c Registry,
        _options: &'c Options,
    ) -> BoxFuture<'c, Result<Survey, sqlx::Error>> {
        // Differs: there are no schemas, so nothing is to be found in them.
        Box::pin(async { Ok(Survey { schemaless: true, ..Survey::default() }) })
    }

    fn look_for_pooler(_pool: &Pool<Self>) -> BoxFuture<'_, Result<Option<Finding>, sqlx::Error>> {
        // Differs: nothing is between a file and who reads it.
        Box::pin(async { Ok(None) })
    }
}

/// Differs: a backslash is a letter like any other.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
