use std::future::IntoFuture;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures_core::future::BoxFuture;
use saas_core::sql::Statements;
use saas_core::{Clock, SystemClock, TenantId};
use tokio::sync::watch;

use crate::context::Ticket;
use crate::job::read;
use crate::{BoxError, Job, JobContext, JobId, JobInfo, JobResult, Run, RunForTenant};

/// Runs the handler of one job by hand, and returns what it returns. Its arguments go through JSON,
/// as they do in a queue. There is no job in the database: completing it in a transaction writes
/// nothing more there, steps are always open, and no timeout or retry takes place.
///
/// Await it, after saying what the handler is to see if that matters.
pub fn run<J: Run<C>, C>(job: J, context: &C) -> Inline<'_, J, C> {
    Inline { job, context, seen: Seen::new::<J>() }
}

/// The same with the handler of a job that is always some tenant's.
pub fn run_for_tenant<J: RunForTenant<C>, C>(
    job: J,
    tenant: TenantId,
    context: &C,
) -> InlineForTenant<'_, J, C> {
    let mut seen = Seen::new::<J>();
    seen.info.tenant = Some(tenant);
    InlineForTenant { job, tenant, context, seen }
}

/// A run by [`run`]; await it.
#[derive(Debug)]
#[must_use = "nothing runs until it is awaited"]
pub struct Inline<'c, J, C> {
    job: J,
    context: &'c C,
    seen: Seen,
}

/// A run by [`run_for_tenant`]; await it.
#[derive(Debug)]
#[must_use = "nothing runs until it is awaited"]
pub struct InlineForTenant<'c, J, C> {
    job: J,
    tenant: TenantId,
    context: &'c C,
    seen: Seen,
}

/// What the handler sees of its job.
#[derive(Debug)]
struct Seen {
    info: JobInfo,
    clock: Arc<dyn Clock>,
    cancelled: bool,
}

impl Seen {
    fn new<J: Job>() -> Self {
        let options = J::options();
        let info = JobInfo {
            id: JobId::new(),
            kind: J::KIND.to_owned(),
            version: J::VERSION,
            queue: options.queue.as_deref().unwrap_or("default").into(),
            attempt: 1,
            max_attempts: options.max_attempts.unwrap_or(20),
            tenant: options.tenant,
            trace: None,
        };
        Self { info, clock: Arc::new(SystemClock), cancelled: false }
    }

    /// The ticket, and what keeps its worker from having stopped.
    fn ticket(self) -> (Ticket, watch::Sender<bool>) {
        let stop = watch::Sender::new(self.cancelled);
        let ticket = Ticket {
            info: self.info,
            lease: None,
            statements: Statements::Unnamed,
            clock: self.clock,
            stop: stop.subscribe(),
            touched: AtomicBool::new(false),
        };
        (ticket, stop)
    }
}

macro_rules! says_what_is_seen {
    ($inline:ident) => {
        impl<J, C> $inline<'_, J, C> {
            /// Which attempt the handler is told it is; the first if not said.
            pub fn attempt(mut self, attempt: u16) -> Self {
                self.seen.info.attempt = attempt;
                self
            }

            /// After how many failed attempts the handler is told the job is dead.
            pub fn max_attempts(mut self, attempts: u16) -> Self {
                self.seen.info.max_attempts = attempts;
                self
            }

            /// The job's id; a new one if not said.
            pub fn id(mut self, id: JobId) -> Self {
                self.seen.info.id = id;
                self
            }

            /// The trace it was enqueued in.
            pub fn trace(mut self, traceparent: impl Into<String>) -> Self {
                self.seen.info.trace = Some(traceparent.into());
                self
            }

            /// The handler is told to come to an end from the start.
            pub fn cancelled(mut self) -> Self {
                self.seen.cancelled = true;
                self
            }
        }
    };
}

says_what_is_seen!(Inline);
says_what_is_seen!(InlineForTenant);

impl<J, C> Inline<'_, J, C> {
    /// Whose job it is; nobody's if neither this nor the kind's options say.
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.seen.info.tenant = Some(tenant);
        self
    }
}

impl<'c, J: Run<C>, C: Sync> IntoFuture for Inline<'c, J, C> {
    type Output = JobResult;
    type IntoFuture = BoxFuture<'c, JobResult>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { job, context, seen } = self;
        Box::pin(async move {
            let (ticket, _stop) = seen.ticket();
            if J::NEEDS_TENANT && ticket.info.tenant.is_none() {
                return Err(crate::Error::NoTenant { kind: J::KIND }.into());
            }
            stored(&job)?.run(JobContext::new(context, &ticket)).await
        })
    }
}

impl<'c, J: RunForTenant<C>, C: Sync> IntoFuture for InlineForTenant<'c, J, C> {
    type Output = JobResult;
    type IntoFuture = BoxFuture<'c, JobResult>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { job, tenant, context, seen } = self;
        Box::pin(async move {
            let (ticket, _stop) = seen.ticket();
            stored(&job)?.run(tenant, JobContext::new(context, &ticket)).await
        })
    }
}

/// The job as a worker would read it.
fn stored<J: Job>(job: &J) -> Result<J, BoxError> {
    read(J::VERSION, &serde_json::to_string(job)?)
}
