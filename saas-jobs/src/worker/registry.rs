use std::collections::HashMap;
use std::sync::Arc;

use futures_core::future::BoxFuture;
use serde_json::Value;

use crate::context::Ticket;
use crate::outcome::Verdict;
use crate::settle::Ending;
use crate::{BoxError, Job, JobContext, Policy, Run};

/// Handlers by kind: the one place where a job's type is forgotten.
pub(super) struct Registry<C> {
    entries: HashMap<&'static str, Entry<C>>,
}

/// What is known of one kind.
pub(super) struct Entry<C> {
    pub(super) kind: &'static str,
    pub(super) version: i16,
    pub(super) policy: Policy,
    run: fn(Arc<C>, Arc<Ticket>, i16, String) -> BoxFuture<'static, Ending>,
}

impl<C: Send + Sync + 'static> Registry<C> {
    pub(super) fn new() -> Self {
        Self { entries: HashMap::new() }
    }

    /// Adds a kind; false if it is taken.
    pub(super) fn add<J: Run<C>>(&mut self) -> bool {
        let entry =
            Entry { kind: J::KIND, version: J::VERSION, policy: J::policy(), run: run::<J, C> };
        self.entries.insert(J::KIND, entry).is_none()
    }

    /// The handler of a job, if there is one that knows this version of its arguments.
    pub(super) fn find(&self, kind: &str, version: i16) -> Option<&Entry<C>> {
        self.entries.get(kind).filter(|entry| version <= entry.version)
    }
}

impl<C> Entry<C> {
    pub(super) fn run(
        &self,
        context: Arc<C>,
        ticket: Arc<Ticket>,
        version: i16,
        args: String,
    ) -> BoxFuture<'static, Ending> {
        (self.run)(context, ticket, version, args)
    }
}

fn run<J: Run<C>, C: Send + Sync + 'static>(
    context: Arc<C>,
    ticket: Arc<Ticket>,
    version: i16,
    args: String,
) -> BoxFuture<'static, Ending> {
    Box::pin(async move {
        let job = match read::<J>(version, &args) {
            Ok(job) => job,
            Err(error) => {
                return Ending::Malformed(format!("malformed arguments: {}", told(&*error)));
            }
        };
        match job.run(JobContext::new(&*context, &ticket)).await {
            Ok(outcome) => match outcome.0 {
                Verdict::Completed(receipt) if receipt.job != ticket.id => {
                    Ending::Failed("the receipt is of another job".to_owned())
                }
                verdict => Ending::Returned(verdict),
            },
            Err(error) => Ending::Failed(told(&*error)),
        }
    })
}

fn read<J: Job>(version: i16, args: &str) -> Result<J, BoxError> {
    if version == J::VERSION {
        return Ok(serde_json::from_str(args)?);
    }
    let args: Value = serde_json::from_str(args)?;
    Ok(serde_json::from_value(J::upcast(version, args)?)?)
}

/// An error with its sources.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |told, source| format!("{told}: {source}"))
}
