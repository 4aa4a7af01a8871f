//! Statements outside any tenant's transaction, on a connection that a tenant used before.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::future::BoxFuture;
use saas_core::TenantOwned;
use saas_core::sql::{Backend, Reads, Statements, Stores};
use sqlx::pool::PoolOptions;
use sqlx::{Connection, Pool, QueryBuilder};

use super::super::outcome::{Outcome, Tries, is_out_of_reach};
use super::super::sql;
use super::super::stage::{Stage, number};
use super::super::subject::{Entry, Subject};
use crate::registry::Table;
use crate::{Error, Isolation, Result, TenantBackend, TenantDb};

const ELSEWHERE: &str = "the pool holds no tenant's rows";

/// Where nobody was before.
pub(super) async fn fresh<DB: TenantBackend>(table: &Table, stage: &Stage<'_, DB>) -> Tries {
    if stage.house.db.isolation() == Isolation::Database {
        return Ok(Outcome::not_applicable(ELSEWHERE));
    }
    let new = stage.house.db.on(alone(stage.house.db.pool()));
    let outcome = plain(table, &new).await;
    new.pool().close().await;
    Ok(outcome?)
}

pub(super) async fn committed<DB: TenantBackend>(table: &Table, stage: &Stage<'_, DB>) -> Tries {
    after(table, stage, async |db| {
        let mut tx = db.tenant(stage.intruder.tenant).await?;
        tx.execute(sql::count(table.name), tx.statements()).await?;
        tx.commit().await
    })
    .await
}

pub(super) async fn rolled_back<DB: TenantBackend>(table: &Table, stage: &Stage<'_, DB>) -> Tries {
    after(table, stage, async |db| {
        let mut tx = db.tenant(stage.intruder.tenant).await?;
        tx.execute(sql::count(table.name), tx.statements()).await?;
        tx.rollback().await
    })
    .await
}

/// Drops a transaction that has written.
pub(super) async fn dropped<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let order = stage.order();
    after(Subject::<DB>::table(entry), stage, async |db| {
        let mut tx = db.tenant(stage.intruder.tenant).await?;
        let _ = entry.insert(&mut tx, &order).await;
        drop(tx);
        Ok(())
    })
    .await
}

/// Where an opening and the statement after it wait; each that is broken off costs a connection.
const PLACES: usize = 5;

/// Breaks off the opening of transactions, and the first statement in them, where they wait.
pub(super) async fn aborted<DB: TenantBackend>(table: &Table, stage: &Stage<'_, DB>) -> Tries {
    after(table, stage, async |db| {
        for polls in 1..=PLACES {
            let work = Box::pin(async {
                let mut tx = db.tenant(stage.intruder.tenant).await?;
                tx.execute(sql::count(table.name), tx.statements()).await?;
                Ok(())
            });
            BrokenOff { work, polls }.await?;
        }
        Ok(())
    })
    .await
}

/// Does something on the connection, and then asks on the same one what a plain statement sees.
async fn after<DB: TenantBackend>(
    table: &Table,
    stage: &Stage<'_, DB>,
    work: impl AsyncFnOnce(&TenantDb<DB>) -> Result<()>,
) -> Tries {
    let one = &stage.house.one;
    if one.isolation() == Isolation::Database {
        return Ok(Outcome::not_applicable(ELSEWHERE));
    }
    work(one).await?;
    Ok(plain(table, one).await?)
}

/// A pool like this one, hooks included, of a single connection.
pub(in super::super) fn alone<DB: TenantBackend>(pool: &Pool<DB>) -> Pool<DB> {
    let options: PoolOptions<DB> = pool.options().clone();
    let connect = (*pool.connect_options()).clone();
    options.min_connections(0).max_connections(1).connect_lazy_with(connect)
}

async fn plain<DB: TenantBackend>(table: &Table, db: &TenantDb<DB>) -> Result<Outcome> {
    let mut conn = db.pool().acquire().await?;
    let statements = db.options().statements;
    // Behind a pooler only a transaction keeps both statements on one connection of the server.
    if statements == Statements::Unnamed {
        return seen::<DB>(table, &mut *conn.begin().await?, statements).await;
    }
    seen::<DB>(table, &mut conn, statements).await
}

async fn seen<DB: TenantBackend>(
    table: &Table,
    conn: &mut DB::Connection,
    statements: Statements,
) -> Result<Outcome> {
    let setting = QueryBuilder::new(sql::SETTING);
    let row = <DB as Backend>::fetch_optional(conn, setting, statements).await?;
    let row = row.ok_or(sqlx::Error::RowNotFound)?;
    let tenant = <DB as Reads<(String,)>>::read(&row)?.0;
    if !tenant.is_empty() {
        return Ok(Outcome::Leaked(format!("the connection has the tenant {tenant}")));
    }
    // An error shows nothing either: with a schema per tenant, that there is no such table.
    match number::<DB>(conn, sql::count(table.name), statements).await.map_err(Error::from) {
        Ok(rows) => Ok(Outcome::of_rows(rows, "without a tenant it read")),
        Err(error) if is_out_of_reach(&error) => Err(error),
        Err(_) => Ok(Outcome::Held),
    }
}

/// A future that is dropped after it was polled so often.
struct BrokenOff<'a> {
    work: BoxFuture<'a, Result<()>>,
    polls: usize,
}

impl Future for BrokenOff<'_> {
    type Output = Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match (self.work.as_mut().poll(cx), self.polls) {
            (Poll::Ready(done), _) => Poll::Ready(done),
            (Poll::Pending, 1) => Poll::Ready(Ok(())),
            (Poll::Pending, left) => {
                self.polls = left - 1;
                Poll::Pending
            }
        }
    }
}
