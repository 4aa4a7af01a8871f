use std::collections::HashMap;
use std::sync::Arc;

use crate::context::Ticket;
use crate::job::read;
use crate::layer::Handler;
use crate::outcome::Verdict;
use crate::scope::Contexts;
use crate::settle::Ending;
use crate::{Job, JobContext, JobResult, Policy, Run, RunForTenant};

/// Handlers by kind: the one place where a job's type is forgotten.
pub(crate) struct Registry<C> {
    entries: HashMap<&'static str, Entry<C>>,
    /// Runs what is of no other kind.
    rest: Option<Entry<C>>,
}

type Begin<C> = dyn Fn(Contexts<C>, Arc<Ticket>, String) -> Handler + Send + Sync;

/// What is known of one kind.
pub(super) struct Entry<C> {
    version: i16,
    needs_tenant: bool,
    pub(super) policy: Policy,
    run: Box<Begin<C>>,
}

impl<C: Send + Sync + 'static> Registry<C> {
    pub(super) fn new() -> Self {
        Self { entries: HashMap::new(), rest: None }
    }

    /// Adds a kind; false if it is taken.
    pub(super) fn add<J: Run<C>>(&mut self) -> bool {
        self.insert::<J>(|contexts, ticket, args| {
            Box::pin(async move {
                let job: J = arguments(&ticket, &args)?;
                let context = contexts.of(&ticket.info).await?;
                returned(&ticket, job.run(JobContext::new(&*context, &ticket)).await)
            })
        })
    }

    /// Adds a kind whose handler is told the tenant; false if it is taken.
    pub(super) fn add_for_tenant<J: RunForTenant<C>>(&mut self) -> bool {
        self.insert::<J>(|contexts, ticket, args| {
            Box::pin(async move {
                let job: J = arguments(&ticket, &args)?;
                let tenant = ticket.info.tenant.ok_or_else(no_tenant)?;
                let context = contexts.of(&ticket.info).await?;
                returned(&ticket, job.run(tenant, JobContext::new(&*context, &ticket)).await)
            })
        })
    }

    fn insert<J: Job>(&mut self, run: fn(Contexts<C>, Arc<Ticket>, String) -> Handler) -> bool {
        let (version, needs_tenant, policy) = (J::VERSION, J::NEEDS_TENANT, J::policy());
        let entry = Entry { version, needs_tenant, policy, run: Box::new(run) };
        self.entries.insert(J::KIND, entry).is_none()
    }

    /// Runs by this handler what is of no kind that was added.
    pub(crate) fn rest(
        &mut self,
        run: impl Fn(Arc<Ticket>, String) -> Handler + Send + Sync + 'static,
    ) {
        let run = Box::new(move |_, ticket, args| run(ticket, args));
        let (version, policy) = (i16::MAX, Policy::new());
        self.rest = Some(Entry { version, needs_tenant: false, policy, run });
    }

    /// The handler of a job, if there is one that knows this version of its arguments.
    pub(super) fn find(&self, kind: &str, version: i16) -> Option<&Entry<C>> {
        self.entries.get(kind).or(self.rest.as_ref()).filter(|entry| version <= entry.version)
    }
}

impl<C> Entry<C> {
    pub(super) fn run(&self, contexts: Contexts<C>, ticket: Arc<Ticket>, args: String) -> Handler {
        if self.needs_tenant && ticket.info.tenant.is_none() {
            return Box::pin(async { Err(no_tenant().into()) });
        }
        (self.run)(contexts, ticket, args)
    }
}

/// Why a job can never be run as it is stored.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Malformed(String);

fn no_tenant() -> Malformed {
    Malformed("a job of this kind needs a tenant, and this one has none".to_owned())
}

fn arguments<J: Job>(ticket: &Ticket, args: &str) -> Result<J, Malformed> {
    read(ticket.info.version, args)
        .map_err(|error| Malformed(format!("malformed arguments: {}", told(&*error))))
}

fn returned(ticket: &Ticket, result: JobResult) -> JobResult {
    match result {
        Ok(outcome) => match &outcome.0 {
            Verdict::Completed(receipt) if receipt.job != ticket.info.id => {
                Err("the receipt is of another job".into())
            }
            _ => Ok(outcome),
        },
        error => error,
    }
}

/// How a run ended, as the handler and the layers around it say.
pub(super) fn ending(result: JobResult) -> Ending {
    match result {
        Ok(outcome) => Ending::Returned(outcome.0),
        Err(error) => {
            let mut causes =
                std::iter::successors(Some(&*error as &dyn std::error::Error), |error| {
                    error.source()
                });
            match causes.any(|error| error.downcast_ref::<Malformed>().is_some()) {
                true => Ending::Malformed(told(&*error)),
                false => Ending::Failed(told(&*error)),
            }
        }
    }
}

/// An error with its sources.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |told, source| format!("{told}: {source}"))
}
