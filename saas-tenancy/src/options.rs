use std::sync::Arc;

use saas_core::sql::Statements;
use saas_core::{Clock, SystemClock};

/// How a [`TenantDb`](crate::TenantDb) works.
///
/// ```
/// use saas_tenancy::Options;
/// let options = Options::new().pooler_safe(true);
/// ```
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) statements: Statements,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Options {
    /// For a direct connection, with the machine's clock.
    pub fn new() -> Self {
        Self { statements: Statements::Named, clock: Arc::new(SystemClock) }
    }

    /// For a connection through PgBouncer in transaction mode: every statement runs inside an
    /// explicit transaction and unnamed, also a single read.
    #[must_use]
    pub fn pooler_safe(mut self, yes: bool) -> Self {
        self.statements = if yes { Statements::Unnamed } else { Statements::Named };
        self
    }

    /// The clock that timestamps come from.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
