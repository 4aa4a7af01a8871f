//! Raw SQL on a tenant's transaction. What has no predicate is asked by a tenant without rows, so that
//! whatever it meets is somebody else's, and never committed.

use saas_core::schema::Dialect;
use saas_core::sql::Stores;
use saas_core::{TenantId, TenantOwned};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::super::KitError;
use super::super::outcome::{Outcome, Tries, of_no_rows, of_refused};
use super::super::sql::{self, Forged};
use super::super::stage::{Side, Stage, number};
use super::super::subject::{Entry, Subject};
use crate::registry::Table;
use crate::{Error, Result, TenantBackend};

pub(super) async fn select<DB: TenantBackend>(table: &Table, stage: &Stage<'_, DB>) -> Tries {
    let id = stage.victim.rows(table.name)?.leaf.id();
    for (tenant, query) in [
        (stage.stranger, sql::count(table.name)),
        (stage.intruder.tenant, sql::count_of(table.name, id)),
    ] {
        let mut tx = stage.house.db.tenant(tenant).await?;
        let statements = tx.statements();
        let found = number::<DB>(tx.connection(), query, statements).await;
        let outcome = of_no_rows(found.map_err(Error::from), "it read")?;
        if outcome != Outcome::Held {
            return Ok(outcome);
        }
    }
    Ok(Outcome::Held)
}

pub(super) async fn update<DB: TenantBackend>(table: &Table, stage: &Stage<'_, DB>) -> Tries {
    of_no_rows(rolled_back(stage, sql::touch_all(table)).await, "it updated")
}

pub(super) async fn delete<DB: TenantBackend>(table: &Table, stage: &Stage<'_, DB>) -> Tries {
    of_no_rows(rolled_back(stage, sql::delete_all(table)).await, "it deleted")
}

/// A row that would be a valid one of the victim's.
pub(super) async fn insert<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let done = forge(entry, stage, &stage.victim, Some(stage.victim.tenant)).await?;
    of_refused(done, "a row of the other's was written")
}

pub(super) async fn insert_nobodys<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    of_refused(forge(entry, stage, &stage.intruder, None).await?, "a row of no tenant was written")
}

/// Gives an own row away: one that the statement names, and one that it need not name. Where a
/// statement reads nothing, PostgreSQL holds the new row to nothing but `with check`.
pub(super) async fn give<DB: TenantBackend>(table: &Table, stage: &Stage<'_, DB>) -> Tries {
    let id = stage.intruder.rows(table.name)?.leaf.id();
    let did = "a row was moved to the other";
    let outcome = match moved(table, stage, id, &stage.victim).await {
        Ok(0) => return Ok(Outcome::not_applicable("the role may not change its own row")),
        done => of_refused(done, did)?,
    };
    if outcome != Outcome::Held || DB::DIALECT == Dialect::Sqlite {
        return Ok(outcome);
    }
    let giver = stage.house.tenant().await;
    stage.house.fill_one(giver, table.name).await?;
    let (to, references) = (&stage.victim, parents(table, stage, &stage.victim));
    let mut tx = stage.house.db.tenant(giver).await?;
    let query = sql::give_all(table, to.tenant, &references);
    let done = tx.execute(query, tx.statements()).await.map_err(Error::from);
    tx.rollback().await?;
    of_refused(done, did)
}

/// Takes the victim's row over.
pub(super) async fn take<DB: TenantBackend>(table: &Table, stage: &Stage<'_, DB>) -> Tries {
    let id = stage.victim.rows(table.name)?.leaf.id();
    match moved(table, stage, id, &stage.intruder).await {
        Ok(0) => Ok(Outcome::Held),
        done => of_refused(done, "the other's row was moved here"),
    }
}

async fn moved<DB: TenantBackend>(
    table: &Table,
    stage: &Stage<'_, DB>,
    id: Uuid,
    to: &Side<DB>,
) -> Result<u64> {
    let references = parents(table, stage, to);
    let mut tx = stage.house.db.tenant(stage.intruder.tenant).await?;
    let rows = tx.execute(sql::give(table, id, to.tenant, &references), tx.statements()).await?;
    tx.commit().await?;
    Ok(rows)
}

/// Parents that are there already, so that no reference is in the way.
fn parents<DB: TenantBackend>(
    table: &Table,
    stage: &Stage<'_, DB>,
    to: &Side<DB>,
) -> Vec<(&'static str, Uuid)> {
    let references = stage.references(table);
    references.filter_map(|(column, parent)| Some((column, *to.parents.get(parent)?))).collect()
}

async fn rolled_back<DB: TenantBackend>(
    stage: &Stage<'_, DB>,
    query: QueryBuilder<DB>,
) -> Result<u64> {
    let mut tx = stage.house.db.tenant(stage.stranger).await?;
    let statements = tx.statements();
    Ok(tx.execute(query, statements).await?)
}

async fn forge<DB, E>(
    entry: &Entry<DB, E>,
    stage: &Stage<'_, DB>,
    like: &Side<DB>,
    tenant: Option<TenantId>,
) -> Result<Result<()>, KitError>
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let row = &entry.make(&stage.order_of(like))?;
    let mut tx = stage.house.db.tenant(stage.intruder.tenant).await?;
    let (table, now) = (Subject::<DB>::table(entry), tx.clock().now());
    let forged = Forged { table, tenant, row, values: row, references: &[], now };
    Ok(match tx.execute(forged.insert(), tx.statements()).await {
        Ok(_) => tx.commit().await,
        Err(error) => Err(error.into()),
    })
}
