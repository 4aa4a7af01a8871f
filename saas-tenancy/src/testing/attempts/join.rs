use std::collections::BTreeMap;
use std::marker::PhantomData;

use futures_core::future::BoxFuture;
use saas_core::sql::Stores;
use saas_core::{Column, Id, NotNull, TenantOwned};
use uuid::Uuid;

use super::super::outcome::{Outcome, Tries};
use super::super::stage::Stage;
use super::super::subject::{Entry, Subject};
use super::MOST;
use crate::statement::{Here, There};
use crate::{Result, Tenant, TenantBackend, TenantTx};

/// How to join the rows of `E` with one kind of parent, remembered from where both types are known.
pub(in super::super) struct Joined<DB: TenantBackend, E> {
    ids: Ids<DB>,
    of: PhantomData<fn() -> E>,
}

/// The ids of the rows that are left of a join along a column, inner and outer.
type Ids<DB> =
    for<'t> fn(&'t mut TenantTx<DB>, &'static str) -> BoxFuture<'t, Result<[Vec<(Uuid,)>; 2]>>;

impl<DB: TenantBackend, E: TenantOwned> Joined<DB, E> {
    pub(in super::super) fn along<P: TenantOwned>() -> Self {
        Self { ids: ids::<DB, E, P>, of: PhantomData }
    }
}

fn ids<'t, DB: TenantBackend, E: TenantOwned, P: TenantOwned>(
    tx: &'t mut TenantTx<DB>,
    column: &'static str,
) -> BoxFuture<'t, Result<[Vec<(Uuid,)>; 2]>> {
    let reference = Column::<E, Id<P>, NotNull>::new(column);
    let id = Column::<E, Uuid, NotNull>::new("id");
    Box::pin(async move {
        let inner = tx.select::<E>().join::<E, P, NotNull, Here, Tenant>(reference);
        let inner = inner.columns::<There<Here>, _>(id).limit(MOST).all(tx).await?;
        let outer = tx.select::<E>().left_join::<E, P, NotNull, Here, Tenant>(reference);
        let outer = outer.columns::<There<Here>, _>(id).limit(MOST).all(tx).await?;
        Ok([inner, outer])
    })
}

/// Joins the intruder's rows with their parents, one of which has the same id as one of the victim's:
/// a join that forgets whose parent it is would find two.
pub(super) async fn join<DB, E>(entry: &Entry<DB, E>, stage: &Stage<'_, DB>) -> Tries
where
    DB: TenantBackend + Stores<E>,
    E: TenantOwned,
{
    let joins = entry.joins(&stage.order())?;
    let table = Subject::<DB>::table(entry);
    let mut outcome = Outcome::not_applicable("its rows have no parent");
    for (column, parent) in stage.references(table) {
        let (Some(join), Some(parents)) = (joins.get(parent), stage.subject(parent)) else {
            continue;
        };
        outcome = Outcome::Held;
        let (mut twin, mut child) = (stage.order(), stage.order());
        twin.id = stage.victim.rows(parent)?.parent.id();
        let mut tx = stage.house.db.tenant(stage.intruder.tenant).await?;
        if parent != table.name && parents.insert(&mut tx, &twin).await.is_ok() {
            child.parents.insert(parent, twin.id);
        } else {
            // That the id is taken is for another attempt to say.
            drop(tx);
            tx = stage.house.db.tenant(stage.intruder.tenant).await?;
        }
        entry.insert(&mut tx, &child).await?;
        for found in (join.ids)(&mut tx, column).await? {
            let mut times: BTreeMap<Uuid, usize> = BTreeMap::new();
            found.iter().for_each(|(id,)| *times.entry(*id).or_default() += 1);
            let known = times.keys().copied().filter(|id| *id != child.id);
            if !stage.intruder.foreign(table.name, known).is_empty() {
                return Ok(Outcome::Leaked(format!("a join with {parent} shows the other's rows")));
            }
            if times.values().any(|times| *times > 1) {
                return Ok(Outcome::Leaked(format!("a join finds the other's rows of {parent}")));
            }
        }
    }
    Ok(outcome)
}
