#![allow(clippy::panic)] // An assertion ends by one.

use std::fmt::{self, Debug, Write};
use std::panic::Location;
use std::time::Duration;

use chrono::{DateTime, Utc};
use saas_core::TenantId;

use crate::job::read;
use crate::{Backend, Error, Job, JobId, Queue};

/// A job that waits, ready or scheduled.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Waiting<J> {
    /// Its id.
    pub id: JobId,
    /// Its arguments.
    pub job: J,
    /// The queue it waits in.
    pub queue: String,
    /// Its priority, from 1 to 4.
    pub priority: i16,
    /// Attempts so far.
    pub attempts: u16,
    /// Whose it is.
    pub tenant: Option<TenantId>,
    /// When it may start; `None` if it is ready.
    pub run_at: Option<DateTime<Utc>>,
    /// The trace it was enqueued in.
    pub trace: Option<String>,
}

/// What a test expects of a waiting job; what is not said may be anything.
#[must_use]
pub struct Expected<J> {
    queue: Option<String>,
    priority: Option<u8>,
    tenant: Option<TenantId>,
    start: Option<Start>,
    within: Duration,
    args: Option<Box<Are<J>>>,
}

type Are<J> = dyn Fn(&J) -> bool + Send + Sync;

#[derive(Debug)]
enum Start {
    Ready,
    At(DateTime<Utc>),
}

impl<J: Job> Expected<J> {
    /// Any job of the kind.
    pub fn new() -> Self {
        let within = Duration::from_secs(1);
        Self { queue: None, priority: None, tenant: None, start: None, within, args: None }
    }

    /// In this queue.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }

    /// With this priority.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = Some(priority);
        self
    }

    /// This tenant's.
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Ready to run.
    pub fn ready(mut self) -> Self {
        self.start = Some(Start::Ready);
        self
    }

    /// Scheduled for this moment, or within a second of it.
    pub fn run_at(mut self, moment: DateTime<Utc>) -> Self {
        self.start = Some(Start::At(moment));
        self
    }

    /// How far from [`run_at`](Self::run_at) it may be, instead of a second.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// With arguments of which this is true.
    pub fn args(mut self, are: impl Fn(&J) -> bool + Send + Sync + 'static) -> Self {
        self.args = Some(Box::new(are));
        self
    }

    /// Whether a job is as expected.
    pub fn matches(&self, waiting: &Waiting<J>) -> bool {
        let start = match &self.start {
            None => true,
            Some(Start::Ready) => waiting.run_at.is_none(),
            Some(Start::At(moment)) => waiting.run_at.is_some_and(|at| {
                let apart = (at - moment).abs().to_std();
                apart.is_ok_and(|apart| apart <= self.within)
            }),
        };
        start
            && self.queue.as_ref().is_none_or(|queue| *queue == waiting.queue)
            && self.priority.is_none_or(|priority| i16::from(priority) == waiting.priority)
            && self.tenant.is_none_or(|tenant| Some(tenant) == waiting.tenant)
            && self.args.as_ref().is_none_or(|are| are(&waiting.job))
    }
}

impl<J: Job> Default for Expected<J> {
    fn default() -> Self {
        Self::new()
    }
}

/// Only what is said.
impl<J: Job> Debug for Expected<J> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = f.debug_struct(J::KIND);
        let mut field = |name: &str, value: Option<&dyn Debug>| {
            value.map(|value| said.field(name, value));
        };
        field("queue", self.queue.as_ref().map(|queue| queue as _));
        field("priority", self.priority.as_ref().map(|priority| priority as _));
        field("tenant", self.tenant.as_ref().map(|tenant| tenant as _));
        field("start", self.start.as_ref().map(|start| start as _));
        field("args", self.args.as_ref().map(|_| &"as the test says" as _));
        said.finish()
    }
}

impl<DB: Backend> Queue<DB> {
    /// The jobs of a kind that wait, ready or scheduled, oldest first; on the connection of a
    /// transaction also those it has enqueued itself.
    ///
    /// # Errors
    ///
    /// [`Error::Arguments`] if one of them cannot be read.
    pub async fn enqueued<J: Job>(&self, conn: &mut DB::Connection) -> Result<Vec<J>, Error> {
        Ok(self.waiting(conn).await?.into_iter().map(|waiting| waiting.job).collect())
    }

    /// The same with where, when and for whom they wait.
    ///
    /// # Errors
    ///
    /// [`Error::Arguments`] if one of them cannot be read.
    pub async fn waiting<J: Job>(
        &self,
        conn: &mut DB::Connection,
    ) -> Result<Vec<Waiting<J>>, Error> {
        let rows = DB::waiting(conn, J::KIND, self.statements).await?;
        let jobs = rows.into_iter().map(|row| {
            let unread = |error| {
                let source = serde::de::Error::custom(error);
                Error::Arguments { kind: J::KIND, source }
            };
            Ok(Waiting {
                id: row.id,
                job: read(row.version, &row.args).map_err(unread)?,
                queue: row.queue,
                priority: row.priority,
                attempts: row.attempts,
                tenant: row.tenant,
                run_at: row.run_at,
                trace: row.trace,
            })
        });
        jobs.collect()
    }

    /// Asserts that a job as expected waits, and returns the oldest.
    ///
    /// # Panics
    ///
    /// If there is none, with those of the kind that there are.
    #[track_caller]
    pub fn assert_enqueued<J: Job>(
        &self,
        conn: &mut DB::Connection,
        expected: Expected<J>,
    ) -> impl Future<Output = Waiting<J>> + Send {
        let caller = Location::caller();
        async move {
            let (found, all) = self.look_for(conn, &expected, caller).await;
            match found.into_iter().next() {
                Some(found) => found,
                None => panic!("{caller}: {expected:?} is not enqueued; there is {all}"),
            }
        }
    }

    /// Asserts that no job as expected waits.
    ///
    /// # Panics
    ///
    /// If there is one.
    #[track_caller]
    pub fn refute_enqueued<J: Job>(
        &self,
        conn: &mut DB::Connection,
        expected: Expected<J>,
    ) -> impl Future<Output = ()> + Send {
        let caller = Location::caller();
        async move {
            let (found, all) = self.look_for(conn, &expected, caller).await;
            assert!(found.is_empty(), "{caller}: {expected:?} is enqueued; there is {all}");
        }
    }

    /// The jobs that are as expected, and a list of all of the kind for a person.
    async fn look_for<J: Job>(
        &self,
        conn: &mut DB::Connection,
        expected: &Expected<J>,
        caller: &Location<'_>,
    ) -> (Vec<Waiting<J>>, String) {
        let mut found = match self.waiting::<J>(conn).await {
            Ok(waiting) => waiting,
            Err(error) => panic!("{caller}: {error}: {error:?}"),
        };
        let mut all = format!("{} of this kind", found.len());
        for Waiting { id, job, queue, priority, attempts, tenant, run_at, .. } in &found {
            let args = serde_json::to_string(job).unwrap_or_default();
            let _ = write!(
                all,
                "\n  {id} {args} in {queue:?}, priority {priority}, attempts {attempts}, tenant {tenant:?}, run_at {run_at:?}"
            );
        }
        found.retain(|waiting| expected.matches(waiting));
        (found, all)
    }
}
