//! Deleted rows, by the typed statements: asking for them must not widen whose they are.

use chrono::TimeDelta;
use saas_core::{Column, Deleted, Id, NotNull, TenantOwned};
use uuid::Uuid;

use super::super::outcome::{Outcome, Tries, of_foreign_row, of_no_rows};
use super::super::soft::Soft;
use super::super::stage::Stage;
use super::MOST;
use crate::TenantBackend;
use crate::statement::Here;

fn id<E: TenantOwned>() -> Column<Soft<E>, Uuid, NotNull> {
    Column::new("id")
}

pub(super) async fn list<DB: TenantBackend, E: TenantOwned>(stage: &Stage<'_, DB>) -> Tries {
    let (db, tenant) = (&stage.house.db, stage.intruder.tenant);
    let mut found: Vec<(Uuid,)> = Vec::new();
    for deleted in [Deleted::With, Deleted::Only] {
        let mut tx = db.tenant(tenant).await?;
        let here = tx.select::<Soft<E>>().deleted(deleted).columns::<Here, _>(id::<E>());
        found.extend(here.limit(MOST).all(&mut tx).await?);
        drop(tx);
        let there = db.read(tenant).select::<Soft<E>>().deleted(deleted);
        found.extend(there.columns::<Here, _>(id::<E>()).limit(MOST).all().await?);
    }
    let foreign = stage.intruder.foreign(E::TABLE, found.into_iter().map(|(id,)| id));
    Ok(Outcome::of_rows(foreign.len() as u64, "it read"))
}

pub(super) async fn delete<DB: TenantBackend, E: TenantOwned>(stage: &Stage<'_, DB>) -> Tries {
    let db = &stage.house.db;
    let rows = stage.victim.rows(E::TABLE)?;
    let mut tx = db.tenant(stage.intruder.tenant).await?;
    let done = tx.soft_delete(Id::<Soft<E>>::from_uuid(rows.leaf.id())).await;
    if let outcome @ Outcome::Leaked(_) = of_foreign_row(done, "it deleted the other's row")? {
        return Ok(outcome);
    }
    drop(tx);
    let mut tx = db.tenant(stage.intruder.tenant).await?;
    let named = tx.soft_delete_all::<Soft<E>>().filter(id::<E>().is_in(rows.ids()));
    let done = named.await.map(|deletion| deletion.rows);
    of_no_rows(done, "by their ids it deleted")
}

pub(super) async fn restore<DB: TenantBackend, E: TenantOwned>(stage: &Stage<'_, DB>) -> Tries {
    let rows = stage.victim.rows(E::TABLE)?;
    let deleted = rows.deleted.as_ref().unwrap_or(&rows.leaf);
    let mut tx = stage.house.db.tenant(stage.intruder.tenant).await?;
    let done = tx.restore(Id::<Soft<E>>::from_uuid(deleted.id())).await;
    of_foreign_row(done, "it restored the other's row")
}

/// Purges as a tenant that has nothing deleted, what was deleted long ago.
pub(super) async fn purge<DB: TenantBackend, E: TenantOwned>(stage: &Stage<'_, DB>) -> Tries {
    let mut tx = stage.house.db.tenant(stage.stranger).await?;
    let before = chrono::DateTime::UNIX_EPOCH + TimeDelta::days(1);
    let done = tx.purge::<Soft<E>>(before).await.map(|purged| purged.rows);
    of_no_rows(done, "it purged")
}
