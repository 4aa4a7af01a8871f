use std::borrow::Cow;
use std::time::Duration;

use crate::{Error, JobId, text};

/// A key that no two jobs of one kind and tenant hold at once.
///
/// ```
/// use std::time::Duration;
/// use saas_jobs::Unique;
/// let one_at_a_time = Unique::key("invoice 7");
/// let one_an_hour = Unique::key("digest").for_period(Duration::from_secs(3600));
/// let latest_wins = Unique::key("reindex").while_waiting().replace();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    pub(crate) key: Cow<'static, str>,
    pub(crate) hold: Hold,
    pub(crate) replace: bool,
}

/// How long a job holds its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    Waiting,
    Unended,
    Period(Duration),
}

/// What came of enqueuing a job under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Enqueued {
    /// The job was stored.
    New(JobId),
    /// Nothing was stored: this job holds the key.
    Existing(JobId),
    /// This job holds the key, and has the new arguments and time.
    Replaced(JobId),
}

impl Unique {
    /// Held until the job has ended: done, cancelled or dead.
    pub fn key(key: impl Into<Cow<'static, str>>) -> Self {
        Self { key: key.into(), hold: Hold::Unended, replace: false }
    }

    /// Held while the job waits to be run, for the first time or for another attempt: what is
    /// enqueued while it runs is new, and beside it if it fails and waits again.
    #[must_use]
    pub fn while_waiting(mut self) -> Self {
        self.hold = Hold::Waiting;
        self
    }

    /// Held for so long since the job was enqueued, whatever becomes of it; no longer than the job is
    /// kept, see [`Retention`](crate::Retention).
    #[must_use]
    pub fn for_period(mut self, period: Duration) -> Self {
        self.hold = Hold::Period(period);
        self
    }

    /// Gives a job that holds the key and still waits the new arguments and the new time, instead of
    /// leaving it alone. Its queue and priority stay.
    #[must_use]
    pub fn replace(mut self) -> Self {
        self.replace = true;
        self
    }

    /// A key that the database takes.
    pub(crate) fn checked(&self) -> Result<&str, Error> {
        text::checked("key of a unique job", &self.key)
    }
}

impl Enqueued {
    /// The job that holds the key now.
    pub fn id(self) -> JobId {
        match self {
            Self::New(id) | Self::Existing(id) | Self::Replaced(id) => id,
        }
    }

    /// Whether the job was stored.
    pub fn is_new(self) -> bool {
        matches!(self, Self::New(_))
    }
}
