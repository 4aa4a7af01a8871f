use std::borrow::Cow;
use std::time::Duration;

use saas_core::TenantId;

use crate::options::after;
use crate::queue::{arguments, demanded};
use crate::store::{Key, Replacement};
use crate::{Backend, Error, Job, JobId, Options, Queue, text};

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
    /// leaving it alone. All else stays as it was first said: queue, priority, limit, attempts, trace.
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

impl<DB: Backend> Queue<DB> {
    /// Stores a job under a key that no other job of its kind and tenant holds at once. Two round
    /// trips, more if somebody has had the key. Call it in a transaction.
    ///
    /// Of two at once one waits for the other's transaction, and then finds its job.
    ///
    /// # Errors
    ///
    /// [`Error::Name`] if the key is empty, too long, or has a NUL in it.
    pub async fn enqueue_unique<J: Job>(
        &self,
        conn: &mut DB::Connection,
        unique: &Unique,
        job: J,
        options: Options,
    ) -> Result<Enqueued, Error> {
        let options = demanded::<J>(options)?;
        // Before the key is taken, which may be committed though this fails.
        let args = arguments(&job)?;
        let (how, now) = (self.statements, self.clock.now());
        let tenant = options.tenant.map(TenantId::uuid);
        let key = Key { kind: J::KIND, tenant, key: unique.checked()? };
        let id = self.new_id();
        while !DB::take_key(conn, &key, id.uuid(), now, how).await? {
            // Gone again in between: its job was cleared away.
            let Some(holder) = DB::holder(conn, &key, how).await? else { continue };
            let held = match unique.hold {
                Hold::Waiting => holder.waits,
                Hold::Unended => holder.waits || holder.runs,
                Hold::Period(period) => after(holder.taken_at, period) > now,
            };
            if !held {
                DB::pass_key(conn, &key, id.uuid(), now, how).await?;
                break;
            }
            let existing = JobId::from_uuid(holder.id);
            if !(unique.replace && holder.waits) {
                return Ok(Enqueued::Existing(existing));
            }
            let run_at = options.due(now);
            let replacement =
                Replacement { id: holder.id, version: J::VERSION, args: &args, run_at };
            // Twice: what was moved from the scheduled to the ready jobs meanwhile is seen only by a
            // statement that begins after it.
            let replaced = DB::replace(conn, &replacement, how).await?
                || DB::replace(conn, &replacement, how).await?;
            return Ok(match replaced {
                true => Enqueued::Replaced(existing),
                false => Enqueued::Existing(existing),
            });
        }
        self.store::<J>(conn, vec![(id, job)], options, false).await?;
        Ok(Enqueued::New(id))
    }
}
