use saas_core::sql::{Condition, Fragment};
use sqlx::QueryBuilder;

use super::parts;
use crate::{Error, Result, TenantBackend};

/// Which of the scope's rows a statement on many of them means: never all by leaving something out.
pub(super) struct Which<DB> {
    filters: Vec<Box<dyn Fragment<DB>>>,
    every: bool,
}

impl<DB: TenantBackend> Which<DB> {
    pub(super) fn nothing() -> Self {
        Self { filters: Vec::new(), every: false }
    }

    pub(super) fn filter(&mut self, condition: impl Condition + Fragment<DB> + 'static) {
        self.filters.push(Box::new(condition));
    }

    pub(super) fn every_row(&mut self) {
        self.every = true;
    }

    pub(super) fn check(&self, table: &'static str) -> Result<()> {
        if self.every || !self.filters.is_empty() {
            return Ok(());
        }
        Err(Error::NoFilter { table })
    }

    pub(super) fn push_to(&self, query: &mut QueryBuilder<DB>) {
        parts::push_filters(query, &self.filters);
    }
}

/// The two methods of a builder that say which rows.
macro_rules! which_rows {
    () => {
        /// Only rows for which the condition holds, besides those of earlier calls.
        #[must_use]
        pub fn filter(
            mut self,
            condition: impl saas_core::sql::Condition<Entity = E>
            + saas_core::sql::Fragment<DB>
            + 'static,
        ) -> Self {
            self.which.filter(condition);
            self
        }

        /// Means every row of the scope. Without this and without a filter the statement is
        /// [`Error::NoFilter`](crate::Error::NoFilter).
        #[must_use]
        pub fn every_row(mut self) -> Self {
            self.which.every_row();
            self
        }
    };
}
pub(super) use which_rows;
