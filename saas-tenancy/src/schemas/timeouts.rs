use std::fmt;
use std::time::Duration;

/// How long the statements of a step may take on PostgreSQL; zero for ever. Displayed, it sets both for
/// the transaction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeouts {
    pub(super) statement: Duration,
    /// While who waits behind it waits as well.
    pub(super) lock: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { statement: Duration::from_secs(600), lock: Duration::from_secs(10) }
    }
}

impl fmt::Display for Timeouts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (statement, lock) = (self.statement.as_millis(), self.lock.as_millis());
        write!(f, "set local statement_timeout = {statement}; set local lock_timeout = {lock}")
    }
}
