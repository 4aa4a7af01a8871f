//! Who works, and what dead workers leave.

use chrono::{DateTime, Utc};
use saas_core::sql::Statements;
use uuid::Uuid;

use super::Answer;

/// A worker's epoch.
#[derive(Debug)]
pub struct Epoch {
    pub(crate) worker: Uuid,
    pub(crate) name: String,
    pub(crate) now: DateTime<Utc>,
    pub(crate) expires_at: DateTime<Utc>,
}

/// A job whose worker died.
#[derive(Debug)]
pub struct Stranded {
    pub(crate) lease: Uuid,
    pub(crate) id: Uuid,
    pub(crate) attempt: i16,
    pub(crate) max_attempts: i16,
}

/// Keeps workers apart. The functions decide nothing and read no clock.
pub trait Epochs: saas_core::sql::Backend {
    /// Begins an epoch.
    fn register<'c>(
        conn: &'c mut Self::Connection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, ()>;

    /// Prolongs an epoch; false if it was ended by another worker.
    fn renew<'c>(
        conn: &'c mut Self::Connection,
        epoch: &'c Epoch,
        how: Statements,
    ) -> Answer<'c, bool>;

    /// Ends an epoch that holds no lease any more.
    fn retire(conn: &mut Self::Connection, worker: Uuid, how: Statements) -> Answer<'_, ()>;

    /// Ends lapsed epochs, locks leases of ended ones and the `doubtful`, and returns these leases
    /// with the jobs in them. Needs a transaction, in which `place` then closes the leases.
    fn strand<'c>(
        conn: &'c mut Self::Connection,
        now: DateTime<Utc>,
        doubtful: &'c [Uuid],
        how: Statements,
    ) -> Answer<'c, (Vec<Uuid>, Vec<Stranded>)>;
}
