//! tower's layers around handlers.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::future::BoxFuture;
use tower_layer::Layer;
use tower_service::Service;

use super::{Handler, Layers};
use crate::context::Ticket;
use crate::{Backend, BoxError, JobInfo, JobResult, Outcome, Worker};

/// One run of one job on its way through the layers of a worker.
#[must_use]
pub struct JobRequest {
    ticket: Arc<Ticket>,
    handler: Handler,
}

impl JobRequest {
    pub(super) fn new(ticket: Arc<Ticket>, handler: Handler) -> Self {
        Self { ticket, handler }
    }

    /// Which job it is, of what kind, whose, and which attempt.
    pub fn info(&self) -> &JobInfo {
        &self.ticket.info
    }
}

impl fmt::Debug for JobRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JobRequest").field(self.info()).finish()
    }
}

/// What a layer wraps: the handlers of a worker, and the layers that are there already.
#[derive(Clone)]
pub struct JobService(Option<Arc<dyn Around>>);

impl Service<JobRequest> for JobService {
    type Response = Outcome;
    type Error = BoxError;
    type Future = BoxFuture<'static, JobResult>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: JobRequest) -> Self::Future {
        match &self.0 {
            Some(inner) => inner.run(request),
            None => request.handler,
        }
    }
}

impl fmt::Debug for JobService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JobService")
    }
}

/// A stack of layers whose type is forgotten.
pub(super) trait Around: Send + Sync {
    fn run(&self, request: JobRequest) -> Handler;
}

struct Stack<S>(S);

impl<S> Around for Stack<S>
where
    S: Service<JobRequest, Response = Outcome> + Clone + Send + Sync + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
{
    fn run(&self, request: JobRequest) -> Handler {
        let mut service = self.0.clone();
        Box::pin(async move {
            poll_fn(|cx| service.poll_ready(cx)).await.map_err(Into::into)?;
            service.call(request).await.map_err(Into::into)
        })
    }
}

impl<DB: Backend, C: Send + Sync + 'static> Worker<DB, C> {
    /// Puts a layer of tower around the handlers of all kinds; one that is added later lies outside
    /// of those before.
    ///
    /// An error of a layer is a failed attempt. A layer may answer in a handler's place, with
    /// [`Outcome::snooze`] say. A run that waits for a layer to be ready holds its slot, and its
    /// [`Policy::timeout`](crate::Policy::timeout) goes on: bound what all workers do together by
    /// [`Limit`](crate::Limit).
    ///
    /// ```
    /// # use saas_jobs::{Backend, Worker};
    /// # fn layered<DB: Backend>(worker: Worker<DB, ()>) -> Worker<DB, ()> {
    /// use std::time::Duration;
    /// use tower::limit::GlobalConcurrencyLimitLayer;
    /// use tower::timeout::TimeoutLayer;
    ///
    /// worker
    ///     .layer(TimeoutLayer::new(Duration::from_secs(30)))
    ///     .layer(GlobalConcurrencyLimitLayer::new(8))
    /// # }
    /// ```
    #[must_use]
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<JobService>,
        L::Service: Service<JobRequest, Response = Outcome> + Clone + Send + Sync + 'static,
        <L::Service as Service<JobRequest>>::Error: Into<BoxError>,
        <L::Service as Service<JobRequest>>::Future: Send,
    {
        let inner = JobService(self.layers.outermost.take());
        self.layers = Layers { outermost: Some(Arc::new(Stack(layer.layer(inner)))) };
        self
    }
}
