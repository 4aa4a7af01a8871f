use std::sync::Arc;

use saas_core::TenantId;

use crate::JobId;

/// What is known of a job while it runs: what layers, scopes and relays decide by.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JobInfo {
    /// Its id.
    pub id: JobId,
    /// Its kind.
    pub kind: String,
    /// Which version its arguments were stored as.
    pub version: i16,
    /// The queue it came from.
    pub queue: Arc<str>,
    /// Which attempt this is, from 1.
    pub attempt: u16,
    /// After how many failed attempts it is dead.
    pub max_attempts: u16,
    /// Whose job it is.
    pub tenant: Option<TenantId>,
    /// The trace it was enqueued in, as a W3C `traceparent`.
    pub trace: Option<String>,
}
