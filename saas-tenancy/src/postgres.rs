mod arrays;
pub(crate) mod lent;
mod moments;
mod survey;

use futures_core::future::BoxFuture;
use saas_core::schema::{identifier, quoted};
use saas_core::sql::{Fragment, Writes};
use saas_core::{Entity, Kind, TenantId};
use sqlx::{Pool, Postgres, QueryBuilder, SqlStr};

use crate::across::Crossing;
use crate::isolation::schema;
use crate::isolation::survey::Survey;
use crate::lent::{Lent, Returned, Session};
use crate::transfer::{self, Cell};
use crate::verify::postgres as verify;
use crate::{Finding, Isolation, Lock, Options, Registry, Result, TenantBackend};

impl TenantBackend for Postgres {
    /// Role and read-only end with the transaction.
    const AFTER_CROSSING: Option<&'static str> = None;

    fn begin_across(crossing: &Crossing, options: &Options) -> Option<SqlStr> {
        // All of it travels in one message, where values cannot be bound.
        let begin = format!(
            "{begin}; set local role {role}; \
             select saas.cross('{id}', {actor}, {reason}, '{at}'); \
             set transaction read only",
            begin = lent::BEGIN,
            role = identifier(options.across_role.as_deref()?),
            id = crossing.id,
            actor = literal(&crossing.reason.actor),
            reason = literal(&crossing.reason.text),
            at = crossing.at.to_rfc3339(),
        );
        Some(QueryBuilder::<Self>::new(begin).into_sql())
    }

    fn begin(tenant: Option<TenantId>, options: &Options) -> SqlStr {
        match tenant {
            _ if options.isolation == Isolation::Schema => {
                schema::begin(&options.schema_names, tenant)
            }
            Some(tenant) => QueryBuilder::<Self>::new(lent::begin(tenant)).into_sql(),
            None => SqlStr::from_static(lent::BEGIN),
        }
    }

    fn session(pool: &Pool<Self>) -> BoxFuture<'_, Result<Option<Session>, sqlx::Error>> {
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

    fn abandon_lent(conn: &mut Self::Connection, lent: &Lent) -> bool {
        lent::abandon(conn, lent)
    }

    fn begin_snapshot(tenant: TenantId, options: &Options) -> SqlStr {
        // Said by the statement that begins, since the next one takes the snapshot.
        let begin = Self::begin(Some(tenant), options);
        let rest = begin.as_str().strip_prefix("begin").unwrap_or_default();
        let begin = format!("begin isolation level repeatable read, read only{rest}");
        QueryBuilder::<Self>::new(begin).into_sql()
    }

    fn cell(row: &Self::Row, at: usize, kind: Kind) -> Result<Option<Cell>, sqlx::Error> {
        match kind {
            Kind::Timestamp => Ok(moments::timestamp(row, at)?.map(Cell::Timestamp)),
            Kind::Date => Ok(moments::date(row, at)?.map(Cell::Date)),
            kind => transfer::read(row, at, kind),
        }
    }

    fn push_read(query: &mut QueryBuilder<Self>, tenant: TenantId, rows: &dyn Fragment<Self>) {
        // The inner scan starts only after the outer row exists, because it depends on it; `offset 0`
        // keeps the planner from pulling it up and losing that. Were it ever otherwise, the policy
        // would see no tenant and the statement would return no rows.
        query.push("select q.* from (select set_config('app.tenant_id', ");
        query.push_bind(tenant.to_string());
        query.push(", true) as tenant) s cross join lateral (select rows.* from (");
        rows.push_to(query);
        query.push(") rows where s.tenant is not null offset 0) q");
    }

    fn push_lock(query: &mut QueryBuilder<Self>, table: &str, lock: Lock) {
        // Named, since the optional side of an outer join cannot be locked; and without its schema,
        // which `of` does not take.
        let bare = table.rsplit('.').next().unwrap_or(table);
        query.push(" for update of ").push(quoted(bare)).push(match lock {
            Lock::Wait => "",
            Lock::SkipLocked => " skip locked",
            Lock::NoWait => " nowait",
        });
    }

    fn takes_arrays<E: Entity>() -> bool
    where
        Self: Writes<E>,
    {
        arrays::fit::<E>()
    }

    fn push_arrays<E: Entity>(query: &mut QueryBuilder<Self>, rows: &[E], columns: &[usize])
    where
        Self: Writes<E>,
    {
        arrays::push(query, rows, columns);
    }

    fn verify<'c>(
        conn: &'c mut Self::Connection,
        registry: &'c Registry,
        options: &'c Options,
    ) -> BoxFuture<'c, Result<Vec<Finding>, sqlx::Error>> {
        Box::pin(verify::findings(conn, registry, options))
    }

    fn survey<'c>(
        conn: &'c mut Self::Connection,
        registry: &'c Registry,
        options: &'c Options,
    ) -> BoxFuture<'c, Result<Survey, sqlx::Error>> {
        Box::pin(survey::survey(conn, registry, options))
    }

    fn look_for_pooler(pool: &Pool<Self>) -> BoxFuture<'_, Result<Option<Finding>, sqlx::Error>> {
        Box::pin(verify::pooler::finding(pool))
    }
}

/// In the form in which backslashes mean the same whatever `standard_conforming_strings` says.
fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}
