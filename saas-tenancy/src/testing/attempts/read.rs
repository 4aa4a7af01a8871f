//! Reads by the typed statements, in a transaction and in one round trip.

use saas_core::sql::Stores;
use saas_core::{Entity, Id, TenantOwned};

use super::super::KitError;
use super::super::outcome::{Outcome, Tries};
use super::super::stage::Stage;
use super::MOST;
use crate::{Error, TenantBackend};

/// A tenant's own reading must work, or nothing is known.
fn own<E: Entity>(source: Error) -> KitError {
    KitError::Own { table: E::TABLE, source }
}

pub(super) async fn list<DB, E>(stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let (db, tenant) = (&stage.house.db, stage.intruder.tenant);
    let mut tx = db.tenant(tenant).await?;
    let mut rows = tx.select::<E>().limit(MOST).all(&mut tx).await.map_err(own::<E>)?;
    drop(tx);
    rows.extend(db.read(tenant).select::<E>().limit(MOST).all().await.map_err(own::<E>)?);
    let foreign = stage.intruder.foreign(E::TABLE, rows.iter().map(|row| row.id().uuid()));
    Ok(Outcome::of_rows(foreign.len() as u64, "it read"))
}

pub(super) async fn by_id<DB, E>(stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let (db, tenant) = (&stage.house.db, stage.intruder.tenant);
    let id = Id::from_uuid(stage.victim.rows(E::TABLE)?.leaf.id());
    let mut tx = db.tenant(tenant).await?;
    let here = tx.select::<E>().by_id(id).optional(&mut tx).await.map_err(own::<E>)?;
    drop(tx);
    let there = db.read(tenant).select::<E>().by_id(id).optional().await.map_err(own::<E>)?;
    Ok(Outcome::of_rows(here.iter().chain(&there).count() as u64, "it read"))
}

pub(super) async fn count<DB, E>(stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let (db, tenant) = (&stage.house.db, stage.intruder.tenant);
    let id = Id::from_uuid(stage.victim.rows(E::TABLE)?.leaf.id());
    let mut tx = db.tenant(tenant).await?;
    let here = tx.select::<E>().count(&mut tx).await.map_err(own::<E>)?;
    let mut exists = tx.select::<E>().by_id(id).exists(&mut tx).await.map_err(own::<E>)?;
    drop(tx);
    let read = db.read(tenant);
    let there = read.select::<E>().count().await.map_err(own::<E>)?;
    exists |= read.select::<E>().by_id(id).exists().await.map_err(own::<E>)?;
    // Its two rows that live.
    let more = here.max(there).saturating_sub(2);
    if exists {
        return Ok(Outcome::leaked("it is told that the other's row exists"));
    }
    Ok(Outcome::of_rows(more, "it counted"))
}
