use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use saas_core::TenantId;

use crate::{JobContext, Options, Outcome, Policy};

/// Any error, as handlers return it; `?` makes one of whatever implements `Error`.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What a handler returns. An `Err` is a failed attempt, retried by the kind's [`Policy`].
pub type JobResult = Result<Outcome, BoxError>;

/// Work to be done later: a struct of arguments that knows its kind.
///
/// This half is what enqueuing needs; it knows nothing of handlers, databases and contexts, so that
/// a process can enqueue what another one runs. The other half is [`Run`].
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// The name under which jobs of this type are stored. Never change it: jobs that wait would be
    /// of an unknown kind.
    const KIND: &'static str;

    /// The version of the arguments, stored with each job. Raise it with a change that old
    /// arguments do not survive, and write [`upcast`](Self::upcast).
    const VERSION: i16 = 1;

    /// Whether jobs of this kind are always some tenant's: then enqueuing one without a tenant is
    /// [`Error::NoTenant`](crate::Error::NoTenant), and the handler may be a [`RunForTenant`].
    const NEEDS_TENANT: bool = false;

    /// How jobs of this kind are stored unless [`Queue::enqueue_with`](crate::Queue::enqueue_with)
    /// says otherwise.
    fn options() -> Options {
        Options::new()
    }

    /// How jobs of this kind are run.
    fn policy() -> Policy {
        Policy::new()
    }

    /// Turns arguments that were stored as the older `version` into those of
    /// [`VERSION`](Self::VERSION). An `Err` sends the job to the dead letters with that reason.
    ///
    /// Arguments of a newer version are never given: a job from the future is put back for a worker
    /// that knows it.
    fn upcast(version: i16, args: Value) -> Result<Value, BoxError> {
        drop(args);
        Err(format!("arguments of version {version} cannot be read any more").into())
    }
}

/// The handler of a [`Job`], given a worker's context `C`: pools, clients, settings.
///
/// A trait parameter rather than an associated type: an application that is generic over its
/// database writes one handler for `App<DB>`, and a test may run the same job with a context of
/// its own.
///
/// ```
/// use saas_jobs::{Job, JobContext, JobResult, Outcome, Run};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Welcome { email: String }
///
/// impl Job for Welcome {
///     const KIND: &'static str = "welcome";
/// }
///
/// struct App { sender: String }
///
/// impl Run<App> for Welcome {
///     async fn run(self, cx: JobContext<'_, App>) -> JobResult {
///         if self.email.is_empty() {
///             return Ok(Outcome::dead("there is no address"));
///         }
///         println!("{} -> {}", cx.context().sender, self.email);
///         Ok(Outcome::done())
///     }
/// }
/// ```
pub trait Run<C>: Job {
    /// Does the work. It may run more than once, so make it repeatable, or complete the job in the
    /// transaction that holds its effects by [`JobContext::complete`].
    fn run(self, cx: JobContext<'_, C>) -> impl Future<Output = JobResult> + Send;
}

/// The handler of a [`Job`] that is always some tenant's, and is told whose:
/// [`Job::NEEDS_TENANT`] is true, or [`Worker::register_for_tenant`] does not compile.
///
/// ```
/// use saas_core::TenantId;
/// use saas_jobs::{Job, JobContext, JobResult, Outcome, RunForTenant};
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct CloseMonth { month: u8 }
///
/// impl Job for CloseMonth {
///     const KIND: &'static str = "close_month";
///     const NEEDS_TENANT: bool = true;
/// }
///
/// impl RunForTenant<()> for CloseMonth {
///     async fn run(self, tenant: TenantId, cx: JobContext<'_, ()>) -> JobResult {
///         println!("{tenant} closes month {} in attempt {}", self.month, cx.attempt());
///         Ok(Outcome::done())
///     }
/// }
/// ```
///
/// [`Worker::register_for_tenant`]: crate::Worker::register_for_tenant
pub trait RunForTenant<C>: Job {
    /// Does the work, as [`Run::run`] does.
    fn run(self, tenant: TenantId, cx: JobContext<'_, C>)
    -> impl Future<Output = JobResult> + Send;
}

/// A job from what is stored of it.
pub(crate) fn read<J: Job>(version: i16, args: &str) -> Result<J, BoxError> {
    if version == J::VERSION {
        return Ok(serde_json::from_str(args)?);
    }
    let args: Value = serde_json::from_str(args)?;
    Ok(serde_json::from_value(J::upcast(version, args)?)?)
}
