//! One run over all schemas of the ledger, shared by workers and by processes.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::try_join_all;
use sqlx::Postgres;

use super::postgres_ledger::{self as ledger, Entry, Wanted};
use super::progress::told;
use super::{MigrationReport, Progress, SchemaMigrator};
use crate::{Error, GlobalTx, Result};

/// What the workers of one run share.
struct Run {
    wanted: Wanted,
    total: u64,
    done: AtomicU64,
    migrated: AtomicU64,
}

/// A schema that is held by a transaction.
type Claimed = (GlobalTx<Postgres>, Entry);

impl SchemaMigrator {
    /// Brings every schema of the ledger to the latest version.
    ///
    /// # Errors
    /// [`Error::UnknownMigration`] if a schema has steps that are not known here or have changed
    /// since; nothing is then migrated. [`Error::Unavailable`] if the database does not answer any
    /// more. A schema that fails is no error but a [`Failure`](crate::schemas::Failure) in the report.
    pub async fn run(&self) -> Result<MigrationReport> {
        let version = self.steps.latest();
        let mut tx = self.begin().await?;
        for entry in ledger::histories(tx.connection()).await? {
            self.pending(&entry)?;
        }
        let wanted = Wanted { below: version, since: ledger::now(tx.connection()).await? };
        let total = ledger::count(tx.connection(), wanted).await?;
        tx.rollback().await?;
        tracing::info!(version, total, "migrating the tenants' schemas");
        let (done, migrated) = (AtomicU64::new(0), AtomicU64::new(0));
        let run = Run { wanted, total, done, migrated };
        try_join_all((0..self.parallel).map(|_| self.work(&run))).await?;
        let mut tx = self.begin().await?;
        let failures = ledger::failures(tx.connection(), wanted.since).await?;
        tx.rollback().await?;
        Ok(MigrationReport { version, migrated: run.migrated.into_inner(), failures })
    }

    /// Migrates one schema after another until none is left.
    async fn work(&self, run: &Run) -> Result<()> {
        let mut waiting = false;
        loop {
            match self.claim(run, waiting).await? {
                Some((tx, entry)) => {
                    waiting = false;
                    self.migrate(run, tx, entry).await?;
                }
                // What is left is held by others. Wait for them, and do what a killed one leaves.
                None if !waiting => waiting = true,
                None => {
                    let mut tx = self.begin().await?;
                    if ledger::count(tx.connection(), run.wanted).await? == 0 {
                        return tx.rollback().await;
                    }
                }
            }
        }
    }

    async fn claim(&self, run: &Run, waiting: bool) -> Result<Option<Claimed>> {
        let mut tx = self.begin().await?;
        match ledger::claim(tx.connection(), run.wanted, waiting).await.map_err(Error::from) {
            Ok(Some(entry)) => Ok(Some((tx, entry))),
            // Whoever holds it is still at work.
            Ok(None) | Err(Error::Contention(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn migrate(&self, run: &Run, mut tx: GlobalTx<Postgres>, entry: Entry) -> Result<()> {
        // What fails is undone up to here, so that the row is held until the failure stands in it:
        // let go in between, another worker would try the schema again.
        sqlx::raw_sql("savepoint migration").execute(tx.connection()).await?;
        let mut error = self.apply(tx.connection(), &entry).await.err().map(|error| told(&error));
        if let Some(error) = &error {
            sqlx::raw_sql("rollback to migration").execute(tx.connection()).await?;
            ledger::fail(tx.connection(), &entry, error).await?;
        }
        if let Err(refused) = tx.commit().await {
            // A deferred constraint, which is asked only now.
            let mut tx = self.begin().await?;
            let refused = error.insert(told(&refused));
            ledger::fail(tx.connection(), &entry, refused).await?;
            tx.commit().await?;
        }
        run.migrated.fetch_add(u64::from(error.is_none()), Ordering::Relaxed);
        let done = run.done.fetch_add(1, Ordering::Relaxed) + 1;
        let (tenant, place, error) = (entry.tenant, &entry.name, error.as_deref());
        self.listener.tell(&Progress { tenant, place, error, done, total: run.total });
        Ok(())
    }
}
