//! Updates and deletes by the typed statements.

use std::sync::Arc;

use saas_core::sql::{Stores, Writes};
use saas_core::{Column, Entity, Id, NotNull, TenantOwned};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Encode, Type};
use uuid::Uuid;

use super::super::KitError;
use super::super::outcome::{Outcome, Tries, of_foreign_row, of_no_rows};
use super::super::stage::Stage;
use super::super::subject::Entry;
use crate::TenantBackend;
use crate::statement::MANAGED;

/// One column's value of a row, to be set in another.
pub(super) struct Value<E>(Arc<E>, usize);

impl<'q, DB: TenantBackend + Writes<E>, E: Entity> Encode<'q, DB> for Value<E> {
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        DB::encode_value(&self.0, self.1, buffer)
    }

    fn produces(&self) -> Option<DB::TypeInfo> {
        DB::column_type(self.1)
    }
}

impl<DB: TenantBackend + Writes<E>, E: Entity> Type<DB> for Value<E> {
    fn type_info() -> DB::TypeInfo {
        // Asked only where the column has no known type, and any can be a text.
        <DB as saas_core::sql::Binds<String>>::type_info()
    }
}

/// A column and what it is set to.
type Assignment<E> = (Column<E, Value<E>, NotNull>, Value<E>);

/// A value for every column that an update may set, such that it would be a valid update of the
/// victim's row: it keeps its parents, and gets new values else.
fn values<DB, E>(
    entry: &Entry<DB, E>,
    stage: &Stage<'_, DB>,
) -> Result<Vec<Assignment<E>>, KitError>
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let old = Arc::new(entry.row(&stage.victim.rows(E::TABLE)?.leaf.order)?);
    let new = Arc::new(entry.row(&stage.order_of(&stage.victim))?);
    let columns = E::COLUMNS.iter().enumerate().filter(|(_, own)| !MANAGED.contains(&own.name));
    let value = |(place, own): (usize, &saas_core::ColumnDef)| {
        let from = if own.references.is_some() { &old } else { &new };
        (Column::new(own.name), Value(Arc::clone(from), place))
    };
    Ok(columns.map(value).collect())
}

/// The victim's rows, named by their ids.
fn victims<DB: TenantBackend, E: Entity>(stage: &Stage<'_, DB>) -> Result<Vec<Uuid>, KitError> {
    Ok(stage.victim.rows(E::TABLE)?.ids())
}

const NOTHING_TO_SET: &str = "its rows have no column that an update sets";

pub(super) async fn update<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let values = values(entry, stage)?;
    if values.is_empty() {
        return Ok(Outcome::not_applicable(NOTHING_TO_SET));
    }
    let mut tx = stage.house.db.tenant(stage.intruder.tenant).await?;
    let id = Id::<E>::from_uuid(stage.victim.rows(E::TABLE)?.leaf.id());
    let update =
        values.into_iter().fold(tx.update(id), |update, (column, value)| update.set(column, value));
    let done = update.await;
    let committed = done.is_err() || tx.commit().await.is_ok();
    of_foreign_row(
        done,
        if committed { "it updated the other's row" } else { "it reached the row" },
    )
}

pub(super) async fn update_all<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let db = &stage.house.db;
    let Some((column, value)) = values(entry, stage)?.pop() else {
        return Ok(Outcome::not_applicable(NOTHING_TO_SET));
    };
    let named = Column::<E, Uuid, NotNull>::new("id").is_in(victims::<DB, E>(stage)?);
    let mut tx = db.tenant(stage.intruder.tenant).await?;
    let done = tx.update_all::<E>().set(column, value).filter(named).await;
    if let outcome @ Outcome::Leaked(_) = of_no_rows(done, "by their ids it changed")? {
        return Ok(outcome);
    }
    drop(tx);
    let mut tx = db.tenant(stage.stranger).await?;
    let Some((column, value)) = values(entry, stage)?.pop() else { return Ok(Outcome::Held) };
    let done = tx.update_all::<E>().set(column, value).every_row().await;
    of_no_rows(done, "without rows of its own it changed")
}

pub(super) async fn delete<DB, E>(stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend,
    E: TenantOwned,
{
    let id = Id::<E>::from_uuid(stage.victim.rows(E::TABLE)?.leaf.id());
    let mut tx = stage.house.db.tenant(stage.intruder.tenant).await?;
    let done = tx.delete(id).await;
    let committed = done.is_err() || tx.commit().await.is_ok();
    of_foreign_row(
        done,
        if committed { "it deleted the other's row" } else { "it reached the row" },
    )
}

pub(super) async fn delete_all<DB, E>(stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend,
    E: TenantOwned,
{
    let db = &stage.house.db;
    let named = Column::<E, Uuid, NotNull>::new("id").is_in(victims::<DB, E>(stage)?);
    let mut tx = db.tenant(stage.intruder.tenant).await?;
    let done = tx.delete_all::<E>().filter(named).await;
    if let outcome @ Outcome::Leaked(_) = of_no_rows(done, "by their ids it deleted")? {
        return Ok(outcome);
    }
    drop(tx);
    let mut tx = db.tenant(stage.stranger).await?;
    let done = tx.delete_all::<E>().every_row().await;
    of_no_rows(done, "without rows of its own it deleted")
}
