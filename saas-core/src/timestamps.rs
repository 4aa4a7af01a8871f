use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Clock;

/// When a row was made and when it was last changed, in whole microseconds.
///
/// Flatten it into an entity with `#[entity(timestamps)] #[sqlx(flatten)]`; every update, also one
/// in bulk, then sets `updated_at`.
///
/// ```
/// use saas_core::{SystemClock, Timestamps};
/// let made = Timestamps::new(&SystemClock);
/// assert_eq!(made.created_at, made.updated_at);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timestamps {
    /// When the row was inserted.
    pub created_at: DateTime<Utc>,
    /// When the row was last inserted or updated.
    pub updated_at: DateTime<Utc>,
}

impl Timestamps {
    /// Those of a row that is made now.
    pub fn new(clock: &dyn Clock) -> Self {
        let now = clock.now();
        Self { created_at: now, updated_at: now }
    }
}
