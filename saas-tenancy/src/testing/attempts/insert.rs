//! Rows that name what is the other's, and what their refusal tells.

use saas_core::sql::Stores;
use saas_core::{Id, TenantOwned};
use uuid::Uuid;

use super::super::outcome::{Outcome, Tries, is_out_of_reach, said};
use super::super::soft::Soft;
use super::super::sql::Forged;
use super::super::stage::Stage;
use super::super::subject::{Entry, Made, Subject};
use crate::{Error, Result, TenantBackend, TenantTx};

/// Inserts a row that says it is the victim's.
pub(super) async fn tenant<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let row = entry.row(&stage.order_of(&stage.victim))?;
    if row.tenant().is_none() {
        return Ok(Outcome::not_applicable("its rows do not say whose they are"));
    }
    let mut tx = stage.house.db.tenant(stage.intruder.tenant).await?;
    match tx.insert(&row).await {
        Ok(()) => Ok(Outcome::leaked("a row that names the other was taken")),
        Err(Error::ForeignTenant { .. }) => Ok(Outcome::Held),
        Err(error) => Ok(Outcome::Leaked(format!("it reached the database: {}", said(&error)))),
    }
}

/// Inserts a row with the id of one of the victim's, which must be as good as any.
pub(super) async fn id<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let mut order = stage.order();
    order.id = stage.victim.rows(E::TABLE)?.leaf.id();
    let row = entry.row(&order)?;
    let mut tx = stage.house.db.tenant(stage.intruder.tenant).await?;
    let done = tx.insert(&row).await;
    of_collision(finished(tx, done).await, "the id")
}

/// Inserts a row with all the victim's values, but its id and parents.
pub(super) async fn values<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let victims = &stage.victim.rows(E::TABLE)?.leaf;
    let row = entry.make(&stage.order())?;
    of_collision(forge(entry, stage, &row, victims, &[]).await, "a value")
}

/// Inserts rows that point to a parent of the victim's. They must be refused, and in the same words as
/// if there were no such parent at all.
pub(super) async fn reference<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let mut outcome = Outcome::not_applicable("its rows have no parent");
    for (column, parent) in stage.references(Subject::<DB>::table(entry)) {
        outcome = Outcome::Held;
        let (row, nowhere) = (entry.make(&stage.order())?, Id::<Soft<E>>::new().uuid());
        let foreign = stage.victim.rows(parent)?.leaf.id();
        let missing = forge(entry, stage, &row, &row, &[(column, nowhere)]).await;
        match (forge(entry, stage, &row, &row, &[(column, foreign)]).await, missing) {
            (Err(error), _) | (_, Err(error)) if is_out_of_reach(&error) => {
                return Err(error.into());
            }
            (Ok(()), _) => {
                return Ok(Outcome::Leaked(format!(
                    "{column} points to the other's row in {parent}"
                )));
            }
            (Err(error), Err(missing)) if words(&error) == words(&missing) => {}
            (Err(error), _) => {
                return Ok(Outcome::Leaked(format!(
                    "it is told that {parent} has the row: {}",
                    said(&error)
                )));
            }
        }
    }
    Ok(outcome)
}

/// What of an error a client can tell it from others by: its kind and constraint.
fn words(error: &Error) -> (crate::ErrorKind, Option<&str>) {
    (error.kind(), error.constraint())
}

/// Whether a row of the victim's was in the way of one that the intruder may make.
fn of_collision(done: Result<()>, what: &str) -> Tries {
    match done {
        Ok(()) => Ok(Outcome::Held),
        Err(error) if is_out_of_reach(&error) => Err(error.into()),
        Err(error) if is_taken(&error) => {
            Ok(Outcome::Leaked(format!("it is told that {what} is taken: {}", said(&error))))
        }
        Err(error) => Ok(Outcome::NotApplicable(format!("no such row: {}", said(&error)))),
    }
}

/// A unique or an exclusion constraint, a deferred one at the commit.
fn is_taken(error: &Error) -> bool {
    let source = match error {
        Error::Taken { .. } => return true,
        Error::Database(source) => source.as_database_error(),
        _ => None,
    };
    source.is_some_and(|error| {
        error.is_unique_violation() || error.code().as_deref() == Some("23P01")
    })
}

/// Inserts a row of the intruder's own that no typed statement would write.
async fn forge<DB, E>(
    entry: &Entry<DB, E>,
    stage: &Stage<'_, DB>,
    row: &Made<DB>,
    values: &Made<DB>,
    references: &[(&'static str, Uuid)],
) -> Result<()>
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let tenant = stage.intruder.tenant;
    let mut tx = stage.house.db.tenant(tenant).await?;
    let (table, now) = (Subject::<DB>::table(entry), tx.clock().now());
    let forged = Forged { table, tenant: Some(tenant), row, values, references, now };
    let done = tx.execute(forged.insert(), tx.statements()).await;
    let done = done.map(drop).map_err(Error::on(E::TABLE));
    finished(tx, done).await
}

/// Commits what was done, for a constraint may speak only then; and takes it back if it was refused.
async fn finished<DB: TenantBackend>(tx: TenantTx<DB>, done: Result<()>) -> Result<()> {
    match done {
        Ok(()) => tx.commit().await,
        refused => refused,
    }
}
