use std::fmt;
use std::sync::Arc;

use saas_core::TenantId;

/// What a run of migrations came to.
///
/// ```no_run
/// # async fn example(migrator: saas_tenancy::SchemaMigrator) -> saas_tenancy::Result<()> {
/// let report = migrator.run().await?;
/// for failure in &report.failures {
///     eprintln!("{}: {}", failure.place, failure.error);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct MigrationReport {
    /// The version that was aimed at.
    pub version: i64,
    /// How many tenants this run has brought there.
    pub migrated: u64,
    /// Whose migration failed since the run began, here or in another process; the next run tries
    /// them again.
    pub failures: Vec<Failure>,
}

impl MigrationReport {
    /// Whether every tenant is at the version that was aimed at.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty()
    }
}

/// A tenant whose migration failed, and stays at the version it had.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The tenant.
    pub tenant: TenantId,
    /// Its schema, database or file.
    pub place: String,
    /// What was wrong, with all causes.
    pub error: String,
}

/// Told after each tenant of a run.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Progress<'p> {
    /// The tenant.
    pub tenant: TenantId,
    /// Its schema, database or file.
    pub place: &'p str,
    /// What was wrong, if it failed.
    pub error: Option<&'p str>,
    /// How many tenants are done, this one included.
    pub done: u64,
    /// How many there were to do when the run began.
    pub total: u64,
}

/// What is called with each [`Progress`].
#[derive(Clone, Default)]
pub(super) struct Listener(Option<Arc<Listen>>);

type Listen = dyn Fn(&Progress<'_>) + Send + Sync;

impl Listener {
    pub(super) fn new(listen: impl Fn(&Progress<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(listen)))
    }

    pub(super) fn tell(&self, progress: &Progress<'_>) {
        let Progress { tenant, place, error, done, total } = *progress;
        match error {
            None => tracing::debug!(%tenant, place, done, total, "migrated"),
            Some(error) => tracing::error!(%tenant, place, done, total, error, "not migrated"),
        }
        if let Some(listen) = &self.0 {
            listen(progress);
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Listener" } else { "None" })
    }
}

/// An error with its causes, in one line.
pub(super) fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |told, cause| format!("{told}: {cause}"))
}
