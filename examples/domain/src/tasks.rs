//! Work that is handed over to the process's main runtime.
//!
//! There the connections to the database live, as long as anything needs them. A framework that answers
//! on threads of its own ends those, and whatever runs there, as soon as their clients have left.

use saas_core::Problem;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::observe;

/// The main runtime, and the tasks that were handed over to it.
#[derive(Debug, Clone)]
pub struct Tasks {
    runtime: Handle,
    tracker: TaskTracker,
}

impl Tasks {
    /// Of the runtime that this is called on.
    pub fn here() -> Self {
        Self { runtime: Handle::current(), tracker: TaskTracker::new() }
    }

    /// Does `work` on the main runtime. Handed over to it, the work is done to its end also where this
    /// call is dropped, and its panic is a 500.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> impl Future<Output = Result<T, Problem>> {
        // Boxed at once: the work's state is large, and every frame that it is moved through would
        // hold it, until the stack of a thread is full.
        let work = Box::pin(work);
        async {
            if Handle::current().id() == self.runtime.id() {
                return work.await;
            }
            let task = self.tracker.spawn_on(work.in_current_span(), &self.runtime);
            task.await.unwrap_or_else(|error| match error.try_into_panic() {
                Ok(cause) => Err(observe::panicked(&*cause)),
                Err(_shutting_down) => Err(Problem::new(503)),
            })
        }
    }

    /// Waits until all that was handed over is done.
    pub async fn finished(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::runtime::Builder;
    use tokio::sync::oneshot;
    use tokio::task::spawn_blocking;
    use tokio::time::timeout;

    use super::*;

    /// What a framework's thread does, which then ends.
    async fn elsewhere<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        spawn_blocking(move || runtime.block_on(work)).await.unwrap()
    }

    #[tokio::test]
    async fn work_outlives_the_thread_that_handed_it_over_and_is_waited_for_at_the_end() {
        let tasks = Tasks::here();
        let (go, told) = oneshot::channel::<()>();
        let handing = tasks.clone();
        let answer = elsewhere(async move {
            let work = handing.run(async { told.await.map_err(|_| Problem::new(500)) });
            timeout(Duration::ZERO, work).await
        });
        assert!(answer.await.is_err());
        assert!(timeout(Duration::ZERO, tasks.finished()).await.is_err());
        go.send(()).unwrap();
        tasks.finished().await;
    }

    #[tokio::test]
    async fn a_panic_of_what_was_handed_over_is_500() {
        let tasks = Tasks::here();
        let answer =
            elsewhere(async move { tasks.run::<()>(async { panic!("as planned") }).await });
        assert_eq!(answer.await.unwrap_err().status(), 500);
    }
}
