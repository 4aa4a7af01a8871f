use std::sync::Arc;

use futures_core::future::BoxFuture;
use saas_core::sql::{Stores, Writes};
use saas_core::{Entity, TenantOwned};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::attempts;
use super::maker::{Joins, Maker, Order};
use super::outcome::Tries;
use super::stage::Stage;
use super::{Attempt, KitError};
use crate::registry::Table;
use crate::{TenantBackend, TenantTx};

/// An entity on trial, whichever it is.
pub(super) trait Subject<DB: TenantBackend>: Send + Sync {
    fn table(&self) -> &Table;

    /// A row, not yet stored.
    fn make(&self, order: &Order) -> Result<Made<DB>, KitError>;

    /// Makes a row and stores it.
    fn insert<'a>(
        &'a self,
        tx: &'a mut TenantTx<DB>,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<Made<DB>, KitError>>;

    fn attempt<'a>(&'a self, attempt: Attempt, stage: &'a Stage<'_, DB>) -> BoxFuture<'a, Tries>;
}

/// A row whose columns can be written, whatever its entity.
pub(super) trait Row<DB: TenantBackend>: Send + Sync {
    /// Binds the value of a column of the struct; false if it has none of that name.
    fn push(&self, column: &str, query: &mut QueryBuilder<DB>) -> bool;
}

impl<DB: TenantBackend + Writes<E>, E: Entity> Row<DB> for E {
    fn push(&self, column: &str, query: &mut QueryBuilder<DB>) -> bool {
        let place = E::COLUMNS.iter().position(|own| own.name == column);
        place.map(|place| DB::push_value(self, place, query)).is_some()
    }
}

/// A row and what it was made with.
pub(super) struct Made<DB> {
    pub(super) order: Order,
    pub(super) row: Arc<dyn Row<DB>>,
}

/// What makes the rows of an entity.
type Make<DB, E> = dyn for<'o> Fn(&mut Maker<'o, DB, E>) -> E + Send + Sync;

/// An entity on trial.
pub(super) struct Entry<DB: TenantBackend, E> {
    table: Table,
    make: Box<Make<DB, E>>,
}

impl<DB: TenantBackend + Stores<E>, E: TenantOwned> Entry<DB, E> {
    pub(super) fn new(make: Box<Make<DB, E>>) -> Self {
        Self { table: Table::of::<E>(), make }
    }

    /// A row as the entity it is.
    pub(super) fn row(&self, order: &Order) -> Result<E, KitError> {
        Ok(self.row_and_joins(order)?.0)
    }

    /// The parents that its rows ask for.
    pub(super) fn joins(&self, order: &Order) -> Result<Joins<DB, E>, KitError> {
        Ok(self.row_and_joins(order)?.1)
    }

    fn row_and_joins(&self, order: &Order) -> Result<(E, Joins<DB, E>), KitError> {
        let mut maker = Maker::new(order);
        let row = (self.make)(&mut maker);
        if let Some(parent) = maker.missing() {
            return Err(KitError::NoParent { child: E::TABLE, parent });
        }
        if row.id().uuid() != order.id {
            return Err(KitError::OwnId { table: E::TABLE });
        }
        Ok((row, maker.into_joins()))
    }
}

impl<DB: TenantBackend + Stores<E>, E: TenantOwned> Subject<DB> for Entry<DB, E> {
    fn table(&self) -> &Table {
        &self.table
    }

    fn make(&self, order: &Order) -> Result<Made<DB>, KitError> {
        Ok(Made { order: order.clone(), row: Arc::new(self.row(order)?) })
    }

    fn insert<'a>(
        &'a self,
        tx: &'a mut TenantTx<DB>,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<Made<DB>, KitError>> {
        Box::pin(async move {
            let row = self.row(order)?;
            let own = |source| KitError::Own { table: E::TABLE, source };
            tx.insert(&row).await.map_err(own)?;
            Ok(Made { order: order.clone(), row: Arc::new(row) })
        })
    }

    fn attempt<'a>(&'a self, attempt: Attempt, stage: &'a Stage<'_, DB>) -> BoxFuture<'a, Tries> {
        attempts::make(self, attempt, stage)
    }
}

impl<DB> Made<DB> {
    pub(super) fn id(&self) -> Uuid {
        self.order.id
    }
}
