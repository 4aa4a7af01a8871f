//! Handing jobs on to a broker.

use std::sync::Arc;

use crate::{Backend, BoxError, JobInfo, Message, Outcome, Worker};

/// A broker's client, as a worker that relays needs it.
///
/// ```
/// use saas_jobs::{BoxError, Message, Publisher};
///
/// struct Printer;
///
/// impl Publisher for Printer {
///     async fn publish(&self, message: Message) -> Result<(), BoxError> {
///         println!("{} {:?} {}", message.subject, message.headers(), message.payload);
///         Ok(())
///     }
/// }
/// ```
pub trait Publisher: Send + Sync + 'static {
    /// Publishes a message, and returns once the broker has acknowledged it. An `Err` is a failed
    /// attempt of the job.
    fn publish(&self, message: Message) -> impl Future<Output = Result<(), BoxError>> + Send;
}

impl<DB: Backend, C: Send + Sync + 'static> Worker<DB, C> {
    /// Publishes the jobs of all kinds that are not registered, in place of leaving them to other
    /// workers: the queue is an outbox. A job is enqueued in the caller's transaction as ever, and
    /// is done once the broker has it. Whoever reads the broker stores it by
    /// [`Queue::receive`](crate::Queue::receive).
    ///
    /// ```
    /// # use saas_jobs::{Backend, JobInfo, Publisher, Queue, Worker};
    /// # fn relay<DB: Backend>(pool: sqlx::Pool<DB>, queue: Queue<DB>, broker: impl Publisher) -> Worker<DB, ()> {
    /// Worker::new(pool, queue, ())
    ///     .queue("outbox")
    ///     .relay(broker, |job: &JobInfo| format!("jobs.{}", job.kind))
    /// # }
    /// ```
    #[must_use]
    pub fn relay(
        mut self,
        publisher: impl Publisher,
        subject: impl Fn(&JobInfo) -> String + Send + Sync + 'static,
    ) -> Self {
        let publisher = Arc::new(publisher);
        self.registry.rest(move |ticket, payload| {
            let publisher = Arc::clone(&publisher);
            let job = ticket.info.clone();
            let message = Message { id: job.id, subject: subject(&job), payload, job };
            Box::pin(async move {
                publisher.publish(message).await?;
                Ok(Outcome::done())
            })
        });
        self
    }
}
