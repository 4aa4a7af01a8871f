use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_core::future::BoxFuture;
use saas_core::sql::Reads;
use saas_core::{Id, TenantId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::KitError;
use super::maker::{Order, Parents};
use super::soft::Soft;
use super::sql;
use super::subject::{Made, Subject};
use crate::registry::Table;
use crate::{TenantBackend, TenantDb};

/// What makes a tenant.
pub(super) type NewTenant = dyn Fn() -> BoxFuture<'static, TenantId> + Send + Sync;

/// What every attempt of a run shares.
pub(super) struct House<DB: TenantBackend> {
    pub(super) db: TenantDb<DB>,
    /// The same on a pool of one connection, so that whoever asks next gets the very one that was used
    /// before.
    pub(super) one: TenantDb<DB>,
    pub(super) subjects: Vec<Box<dyn Subject<DB>>>,
    pub(super) new_tenant: Box<NewTenant>,
    pub(super) numbers: AtomicU32,
    pub(super) made: Mutex<Vec<TenantId>>,
}

/// Two tenants with rows, and a third with none.
pub(super) struct Stage<'h, DB: TenantBackend> {
    pub(super) house: &'h House<DB>,
    pub(super) victim: Side<DB>,
    pub(super) intruder: Side<DB>,
    /// What it reads, changes or deletes at all is somebody else's.
    pub(super) stranger: TenantId,
    victims_rows: Vec<String>,
    intruders_rows: Vec<String>,
}

/// A tenant and its rows.
pub(super) struct Side<DB> {
    pub(super) tenant: TenantId,
    rows: BTreeMap<&'static str, Rows<DB>>,
    /// What its rows may point to.
    pub(super) parents: Parents,
}

/// A tenant's rows of one entity.
pub(super) struct Rows<DB> {
    /// Others may point to it.
    pub(super) parent: Made<DB>,
    /// Nothing points to it, so that no reference keeps it from being deleted or moved.
    pub(super) leaf: Made<DB>,
    /// The same, and it is soft-deleted.
    pub(super) deleted: Option<Made<DB>>,
}

impl<DB: TenantBackend> House<DB> {
    /// Three new tenants, two with rows.
    pub(super) async fn stage(&self) -> Result<Stage<'_, DB>, KitError> {
        let victim = self.fill(self.tenant().await).await?;
        let intruder = self.fill(self.tenant().await).await?;
        let victims_rows = self.images(victim.tenant).await?;
        let intruders_rows = self.images(intruder.tenant).await?;
        let stranger = self.tenant().await;
        Ok(Stage { house: self, victim, intruder, stranger, victims_rows, intruders_rows })
    }

    /// A new tenant, written down before anything can go wrong with it.
    pub(super) async fn tenant(&self) -> TenantId {
        let tenant = (self.new_tenant)().await;
        self.made.lock().unwrap_or_else(PoisonError::into_inner).push(tenant);
        tenant
    }

    /// Gives a tenant one row of this entity, with parents, and none that points to it.
    pub(super) async fn fill_one(&self, tenant: TenantId, table: &str) -> Result<(), KitError> {
        let mut parents = Parents::new();
        let mut tx = self.db.tenant(tenant).await?;
        for subject in &self.subjects {
            let row = subject.insert(&mut tx, &self.order(tenant, &parents)).await?;
            parents.insert(subject.table().name, row.id());
            if subject.table().name == table {
                break;
            }
        }
        Ok(tx.commit().await?)
    }

    /// Gives a tenant rows of every entity.
    pub(super) async fn fill(&self, tenant: TenantId) -> Result<Side<DB>, KitError> {
        let mut side = Side { tenant, rows: BTreeMap::new(), parents: Parents::new() };
        let mut tx = self.db.tenant(tenant).await?;
        for subject in &self.subjects {
            let (table, name) = (subject.table(), subject.table().name);
            let parent = subject.insert(&mut tx, &self.order(tenant, &side.parents)).await?;
            let leaf = subject.insert(&mut tx, &self.order(tenant, &side.parents)).await?;
            let deleted = if table.soft_deletes {
                let row = subject.insert(&mut tx, &self.order(tenant, &side.parents)).await?;
                let deleted =
                    tx.execute(sql::mark_deleted(table, tenant, row.id()), tx.statements());
                deleted
                    .await
                    .map_err(|error| KitError::Own { table: name, source: error.into() })?;
                Some(row)
            } else {
                None
            };
            side.parents.insert(name, parent.id());
            side.rows.insert(name, Rows { parent, leaf, deleted });
        }
        tx.commit().await?;
        Ok(side)
    }

    /// A new row of a tenant that has these parents.
    fn order(&self, tenant: TenantId, parents: &Parents) -> Order {
        let (id, parents) = (Id::<Soft<()>>::new().uuid(), parents.clone());
        Order { tenant, id, number: self.numbers.fetch_add(1, Ordering::Relaxed), parents }
    }

    /// All of a tenant's rows in full, as it sees them itself.
    async fn images(&self, tenant: TenantId) -> Result<Vec<String>, KitError> {
        let tables = self.subjects.iter().map(|subject| subject.table());
        let rows = self.db.read(tenant).fetch_all(&sql::images(tables.collect(), tenant)).await?;
        let mut images: Vec<String> = Vec::with_capacity(rows.len());
        for row in rows {
            images.push(<DB as Reads<(String,)>>::read(&row)?.0);
        }
        images.sort_unstable();
        Ok(images)
    }

    /// Removes the rows of every tenant that was made; from which tables they could not be.
    pub(super) async fn clear(&self) -> Vec<&'static str> {
        let tenants =
            std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
        let mut kept = Vec::new();
        for tenant in tenants {
            for subject in self.subjects.iter().rev() {
                let table = subject.table();
                if self.remove(tenant, table).await.is_err() && !kept.contains(&table.name) {
                    kept.push(table.name);
                }
            }
        }
        kept
    }

    async fn remove(&self, tenant: TenantId, table: &Table) -> Result<(), KitError> {
        let mut tx = self.db.tenant(tenant).await?;
        tx.execute(sql::remove(table, tenant), tx.statements()).await?;
        Ok(tx.commit().await?)
    }
}

impl<DB: TenantBackend> Stage<'_, DB> {
    /// A new row of the intruder's.
    pub(super) fn order(&self) -> Order {
        self.order_of(&self.intruder)
    }

    /// A new row of either's.
    pub(super) fn order_of(&self, side: &Side<DB>) -> Order {
        self.house.order(side.tenant, &side.parents)
    }

    pub(super) fn subject(&self, table: &str) -> Option<&dyn Subject<DB>> {
        let mut all = self.house.subjects.iter();
        all.find(|subject| subject.table().name == table).map(AsRef::as_ref)
    }

    /// The references of a table to parents that both tenants have a row of.
    pub(super) fn references<'t>(
        &self,
        table: &'t Table,
    ) -> impl Iterator<Item = (&'static str, &'static str)> + use<'_, 't, DB> {
        let parents = &self.victim.parents;
        let references = table.references().map(|(column, parent)| (column, parent.table));
        references.filter(|(_, parent)| parents.contains_key(parent))
    }

    /// How the victim's rows differ from what they were, if they do.
    pub(super) async fn damage(&self) -> Result<Option<String>, KitError> {
        let now = self.house.images(self.victim.tenant).await?;
        Ok(difference(&self.victims_rows, &now))
    }

    /// Makes a tenant anew whose rows are not what they were, for the next attempt.
    pub(super) async fn renew(&mut self) -> Result<(), KitError> {
        if self.damage().await?.is_some() {
            *self = self.house.stage().await?;
        } else if self.house.images(self.intruder.tenant).await? != self.intruders_rows {
            self.intruder = self.house.fill(self.house.tenant().await).await?;
            self.intruders_rows = self.house.images(self.intruder.tenant).await?;
        }
        Ok(())
    }
}

impl<DB> Side<DB> {
    /// Its rows of an entity.
    pub(super) fn rows(&self, table: &str) -> Result<&Rows<DB>, KitError> {
        self.rows.get(table).ok_or(KitError::NoEntity)
    }

    /// Which of these ids are not of its own rows.
    pub(super) fn foreign(&self, table: &str, ids: impl IntoIterator<Item = Uuid>) -> Vec<Uuid> {
        let own: Vec<Uuid> = self.rows.get(table).map(Rows::ids).unwrap_or_default();
        ids.into_iter().filter(|id| !own.contains(id)).collect()
    }
}

impl<DB> Rows<DB> {
    pub(super) fn ids(&self) -> Vec<Uuid> {
        [Some(&self.parent), Some(&self.leaf), self.deleted.as_ref()]
            .into_iter()
            .flatten()
            .map(Made::id)
            .collect()
    }
}

/// The first row that is not in both.
fn difference(before: &[String], after: &[String]) -> Option<String> {
    let gone = before.iter().find(|row| !after.contains(row));
    let new = after.iter().find(|row| !before.contains(row));
    match (gone, new) {
        (None, None) => None,
        (Some(row), None) => Some(format!("a row is gone: {row}")),
        (None, Some(row)) => Some(format!("a row came in: {row}")),
        (Some(old), Some(new)) => Some(format!("a row was {old} and is {new}")),
    }
}

/// A query as the number that it answers.
pub(super) async fn number<DB: TenantBackend>(
    conn: &mut DB::Connection,
    query: QueryBuilder<DB>,
    statements: saas_core::sql::Statements,
) -> Result<u64, sqlx::Error> {
    let row = DB::fetch_optional(conn, query, statements).await?;
    let row = row.ok_or(sqlx::Error::RowNotFound)?;
    Ok(<DB as Reads<(i64,)>>::read(&row)?.0.unsigned_abs())
}
