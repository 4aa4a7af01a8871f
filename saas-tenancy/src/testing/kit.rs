use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;

use saas_core::sql::Stores;
use saas_core::{TenantId, TenantOwned};

use super::attempts::plain;
use super::maker::Maker;
use super::outcome::Outcome;
use super::report::{Report, Tried};
use super::stage::{House, NewTenant};
use super::subject::{Entry, Subject};
use super::{Attempt, KitError};
use crate::{TenantBackend, TenantDb};

/// Tries, from one tenant, to get at another's rows; see the [module](super).
pub struct Kit<DB: TenantBackend> {
    db: TenantDb<DB>,
    subjects: Vec<Box<dyn Subject<DB>>>,
    new_tenant: Box<NewTenant>,
}

impl<DB: TenantBackend> Kit<DB> {
    /// A kit for this database, which need not be verified. It connects once more by the options of
    /// its pool, hooks included.
    pub fn new(db: TenantDb<DB>) -> Self {
        let new_tenant: Box<NewTenant> = Box::new(|| Box::pin(async { TenantId::new() }));
        Self { db, subjects: Vec::new(), new_tenant }
    }

    /// Puts an entity on trial, parents before their children. The closure makes a row, valid as it
    /// stands, with what the [`Maker`] says.
    #[must_use]
    pub fn entity<E>(
        mut self,
        make: impl for<'o> Fn(&mut Maker<'o, DB, E>) -> E + Send + Sync + 'static,
    ) -> Self
    where
        E: TenantOwned,
        DB: Stores<E>,
    {
        self.subjects.push(Box::new(Entry::new(Box::new(make))));
        self
    }

    /// Where tenants come from, if one needs more than an id: a row that tables point to, a schema,
    /// a file. A run takes a few dozen.
    #[must_use]
    pub fn tenants<F>(mut self, new_tenant: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = TenantId> + Send + 'static,
    {
        self.new_tenant = Box::new(move || Box::pin(new_tenant()));
        self
    }

    /// Makes every attempt on every entity.
    ///
    /// # Errors
    /// [`KitError`] if a row cannot be made or read by its own tenant, or the database does not
    /// answer. What leaks is no error, but in the report.
    pub async fn run(self) -> Result<Report, KitError> {
        let Self { db, subjects, new_tenant } = self;
        let one = db.on(plain::alone(db.pool()));
        let (numbers, made) = (AtomicU32::new(1), Mutex::default());
        let house = House { db, one, subjects, new_tenant, numbers, made };
        let tried = Box::pin(attempts(&house)).await;
        let left = house.clear().await;
        house.one.pool().close().await;
        Ok(Report::new(tried?, left))
    }
}

async fn attempts<DB: TenantBackend>(house: &House<DB>) -> Result<Vec<Tried>, KitError> {
    if house.subjects.is_empty() {
        return Err(KitError::NoEntity);
    }
    let mut stage = house.stage().await?;
    let mut tried = Vec::new();
    for subject in &house.subjects {
        for &attempt in Attempt::ALL {
            let outcome = subject.attempt(attempt, &stage).await?;
            let outcome = match (outcome, stage.damage().await?) {
                (Outcome::Held | Outcome::NotApplicable(_), Some(change)) => {
                    Outcome::Leaked(change)
                }
                (outcome, _) => outcome,
            };
            tried.push(Tried { table: subject.table().name, attempt, outcome });
            stage.renew().await?;
        }
    }
    Ok(tried)
}

impl<DB: TenantBackend> fmt::Debug for Kit<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.subjects.iter().map(|subject| subject.table().name);
        f.debug_struct("Kit").field("tables", &tables.collect::<Vec<_>>()).finish_non_exhaustive()
    }
}
