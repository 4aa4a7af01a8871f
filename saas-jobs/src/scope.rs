//! What a handler's context is made of.

use std::sync::Arc;

use futures_core::future::BoxFuture;

use crate::{BoxError, JobInfo};

type Make<C> = dyn Fn(JobInfo) -> BoxFuture<'static, Result<C, BoxError>> + Send + Sync;

/// Where the contexts of handlers come from.
pub(crate) enum Contexts<C> {
    /// All handlers share one.
    Shared(Arc<C>),
    /// Each run has its own.
    Made(Arc<Make<C>>),
}

impl<C> Contexts<C> {
    pub(crate) fn made<A, F>(
        app: A,
        scope: impl Fn(Arc<A>, JobInfo) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: Send + Sync + 'static,
        F: Future<Output = Result<C, BoxError>> + Send + 'static,
    {
        let app = Arc::new(app);
        Self::Made(Arc::new(move |job| Box::pin(scope(Arc::clone(&app), job))))
    }

    /// The context for one run.
    pub(crate) async fn of(&self, job: &JobInfo) -> Result<Arc<C>, BoxError> {
        match self {
            Self::Shared(context) => Ok(Arc::clone(context)),
            Self::Made(make) => Ok(Arc::new(make(job.clone()).await?)),
        }
    }
}

// Written by hand, since a derive would demand the same of `C`.
impl<C> Clone for Contexts<C> {
    fn clone(&self) -> Self {
        match self {
            Self::Shared(context) => Self::Shared(Arc::clone(context)),
            Self::Made(make) => Self::Made(Arc::clone(make)),
        }
    }
}
