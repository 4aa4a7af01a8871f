use std::sync::Arc;

use saas_core::sql::Statements;
use saas_core::{Clock, SystemClock};

use crate::lent::Session;
use crate::{Isolation, SchemaNames};

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
    pub(crate) isolation: Isolation,
    pub(crate) mixed: bool,
    pub(crate) schema_names: SchemaNames,
    pub(crate) across_role: Option<String>,
    /// What the pool's sessions are like when nobody has changed them.
    pub(crate) session: Option<Arc<Session>>,
}

impl Options {
    /// For a direct connection, with the machine's clock.
    pub fn new() -> Self {
        Self {
            statements: Statements::Named,
            clock: Arc::new(SystemClock),
            isolation: Isolation::Row,
            mixed: false,
            schema_names: SchemaNames::default(),
            across_role: None,
            session: None,
        }
    }

    /// For a connection through PgBouncer in transaction mode: every statement runs inside an
    /// explicit transaction and unnamed, also a single read.
    ///
    /// Connecting looks for such a pooler and refuses it without this. It is known by two connections
    /// that share a process of the server, or one that changes it; on a pooler that other clients
    /// keep busy neither may show by chance, so say it where you know of one.
    #[must_use]
    pub fn pooler_safe(mut self, yes: bool) -> Self {
        self.statements = if yes { Statements::Unnamed } else { Statements::Named };
        self
    }

    /// How tenants are kept apart; by row without this call. Checked at connect.
    #[must_use]
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Tenants of two models live in this database, as while they move from one to the other: what
    /// the other model left there is not refused.
    #[must_use]
    pub fn mixed_isolation(mut self, yes: bool) -> Self {
        self.mixed = yes;
        self
    }

    /// How the schemas of [`Isolation::Schema`] are named.
    #[must_use]
    pub fn schema_names(mut self, names: SchemaNames) -> Self {
        self.schema_names = names;
        self
    }

    /// The role that [`TenantDb::across_tenants`](crate::TenantDb::across_tenants) steps into on
    /// PostgreSQL: the one that [`Roles::across`](crate::wall::Roles::across) names.
    #[must_use]
    pub fn across_role(mut self, name: impl Into<String>) -> Self {
        self.across_role = Some(name.into());
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
