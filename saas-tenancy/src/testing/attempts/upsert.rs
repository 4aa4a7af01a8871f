//! Upserts by the typed statement: what the other has is no conflict.

use saas_core::sql::Stores;
use saas_core::{Entity, TenantOwned};

use super::super::maker::Order;
use super::super::outcome::{Outcome, Tries, is_out_of_reach, said};
use super::super::stage::Stage;
use super::super::subject::Entry;
use crate::statement::{Columns, Only};
use crate::{Error, Result, TenantBackend};

/// A set of unique columns that is known only when it runs.
#[derive(Clone, Copy)]
struct Unique(&'static [&'static str]);

impl<E: Entity> Columns<Only<E>, ()> for (Unique, std::marker::PhantomData<E>) {
    type Row = ();

    fn names(self) -> Vec<(&'static str, &'static str)> {
        self.0.0.iter().map(|name| (E::TABLE, *name)).collect()
    }
}

/// With the victim's id.
pub(super) async fn by_id<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let mut order = stage.order();
    order.id = stage.victim.rows(E::TABLE)?.leaf.id();
    upsert(entry, stage, &order, &["id"], "the id").await
}

/// With the victim's unique values.
pub(super) async fn by_values<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let mut outcome = Outcome::not_applicable("it declares nothing to be unique");
    for unique in E::UNIQUE {
        let mut order = stage.order();
        order.number = stage.victim.rows(E::TABLE)?.leaf.order.number;
        outcome = upsert(entry, stage, &order, unique, "a unique value").await?;
        if matches!(outcome, Outcome::Leaked(_)) {
            break;
        }
    }
    Ok(outcome)
}

/// An upsert that nothing of the intruder's own is in the way of.
async fn upsert<DB, E>(
    entry: &Entry<DB, E>,
    stage: &Stage<'_, DB>,
    order: &Order,
    unique: &'static [&'static str],
    what: &str,
) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    // First one that meets nobody's row, to know whether upserts work at all.
    match once(entry, stage, &stage.order(), unique).await {
        Ok(_) => {}
        Err(error) if is_out_of_reach(&error) => return Err(error.into()),
        Err(error) => {
            return Ok(Outcome::NotApplicable(format!("it cannot be upserted: {}", said(&error))));
        }
    }
    match once(entry, stage, order, unique).await {
        Ok(id) if id == order.id => Ok(Outcome::Held),
        Ok(_) => Ok(Outcome::leaked("it took the other's row over")),
        Err(error) if is_out_of_reach(&error) => Err(error.into()),
        Err(error) => {
            Ok(Outcome::Leaked(format!("it is told that {what} is taken: {}", said(&error))))
        }
    }
}

async fn once<DB, E>(
    entry: &Entry<DB, E>,
    stage: &Stage<'_, DB>,
    order: &Order,
    unique: &'static [&'static str],
) -> Result<uuid::Uuid>
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let row = entry.row(order).map_err(|_| Error::NotFound { table: E::TABLE })?;
    let mut tx = stage.house.db.tenant(stage.intruder.tenant).await?;
    let upsert = tx.upsert(&row);
    let done = match unique {
        ["id"] => upsert.await?,
        _ => upsert.on((Unique(unique), std::marker::PhantomData::<E>)).await?,
    };
    tx.commit().await?;
    Ok(done.id.uuid())
}
