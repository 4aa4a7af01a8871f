//! Tenants' own databases and files, brought to a version one by one.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_core::future::BoxFuture;
use futures_util::{StreamExt, stream};
use saas_core::TenantId;
use saas_core::sql::Reads;
use sqlx::{Connection, SqlStr};

use super::own_ledger as ledger;
use super::progress::{Listener, told};
use super::steps::Standing;
use super::{Failure, MigrationReport, Progress, Steps};
use crate::{Error, Result, TenantBackend};

/// What a migrator of many databases is told.
#[derive(Debug, Clone)]
pub(super) struct Fleet {
    pub(super) steps: Steps,
    pub(super) parallel: usize,
    pub(super) listener: Listener,
}

/// What the steps of one tenant need of its database.
pub(super) trait Migrates: TenantBackend + Reads<(i64, Vec<u8>)> {
    /// Opens the transaction of the pending steps.
    const BEGIN: &'static str;

    /// Runs the statements of a step.
    fn run(conn: &mut Self::Connection, sql: SqlStr) -> BoxFuture<'_, Result<(), sqlx::Error>>;
}

/// A tenant's database.
pub(super) struct Place<'p> {
    pub(super) tenant: TenantId,
    pub(super) name: &'p str,
    /// What the steps run after, in their transaction.
    pub(super) before: SqlStr,
}

impl Fleet {
    pub(super) fn new(steps: Steps) -> Self {
        Self { steps, parallel: 4, listener: Listener::default() }
    }

    /// Brings each of the tenants on with `bring`, which says where it was and whether it came
    /// further.
    pub(super) async fn run(
        &self,
        tenants: Vec<TenantId>,
        bring: impl AsyncFn(TenantId) -> (String, Result<bool>),
    ) -> MigrationReport {
        let (version, total) = (self.steps.latest(), tenants.len() as u64);
        tracing::info!(version, total, "migrating the tenants' databases");
        let (done, migrated) = (AtomicU64::new(0), AtomicU64::new(0));
        let one = async |tenant: TenantId| {
            let (place, brought) = bring(tenant).await;
            let error = brought.as_ref().err().map(|error| told(error));
            migrated.fetch_add(u64::from(brought.is_ok_and(|further| further)), Ordering::Relaxed);
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            let progress = Progress { tenant, place: &place, error: error.as_deref(), done, total };
            self.listener.tell(&progress);
            error.map(|error| Failure { tenant, place, error })
        };
        let results = stream::iter(tenants).map(one).buffer_unordered(self.parallel);
        let mut failures: Vec<Failure> = results.filter_map(std::future::ready).collect().await;
        failures.sort_by_key(|failure| failure.tenant);
        MigrationReport { version, migrated: migrated.into_inner(), failures }
    }

    /// Brings one database to the latest version; whether it was not there already.
    pub(super) async fn bring<DB: Migrates>(
        &self,
        conn: &mut DB::Connection,
        place: Place<'_>,
    ) -> Result<bool> {
        let failed = |source| Error::Migration { version: 0, place: place.name.into(), source };
        // The tables that this crate itself needs, audit and settings for instance.
        crate::migrate::<DB>(conn).await.map_err(|error| failed(error.into()))?;
        let mut tx = conn.begin_with(SqlStr::from_static(DB::BEGIN)).await?;
        let standing = ledger::standing::<DB>(&mut tx, place.tenant).await?;
        let applied = match self.apply::<DB>(&mut tx, &place, &standing).await {
            Ok(further) => tx.commit().await.map(|()| further).map_err(Error::from),
            Err(error) => tx.rollback().await.map_err(Error::from).and(Err(error)),
        };
        if let Err(error) = &applied {
            ledger::fail::<DB>(conn, place.tenant, &standing, &told(error)).await?;
        }
        applied
    }

    /// Applies what is pending, and writes it down in the same transaction.
    async fn apply<DB: Migrates>(
        &self,
        conn: &mut DB::Connection,
        place: &Place<'_>,
        standing: &Standing,
    ) -> Result<bool> {
        let pending = self.steps.after(standing).map_err(|(version, problem)| {
            Error::UnknownMigration { version, place: place.name.to_owned(), problem }
        })?;
        DB::run(conn, place.before.clone()).await?;
        for step in pending {
            let place = || place.name.to_owned();
            let failed =
                |source| Error::Migration { version: step.version, place: place(), source };
            DB::run(conn, step.sql.clone()).await.map_err(failed)?;
        }
        let reached = match pending.last() {
            Some(last) => Standing { version: last.version, checksum: last.checksum.clone() },
            None => standing.clone(),
        };
        ledger::finish::<DB>(conn, place.tenant, &reached).await?;
        Ok(!pending.is_empty())
    }
}

/// The same on both, since a statement of many parts has no seam of its own.
macro_rules! migrates {
    ($db:ty, $begin:literal) => {
        impl Migrates for $db {
            const BEGIN: &'static str = $begin;

            fn run(
                conn: &mut Self::Connection,
                sql: SqlStr,
            ) -> BoxFuture<'_, Result<(), sqlx::Error>> {
                Box::pin(async move { sqlx::raw_sql(sql).execute(conn).await.map(drop) })
            }
        }
    };
}
#[cfg(feature = "postgres")]
migrates!(sqlx::Postgres, "begin");
#[cfg(feature = "sqlite")]
migrates!(sqlx::Sqlite, "begin immediate");
