//! What lies around the run of a job.

#[cfg(feature = "tower")]
mod tower;

use std::sync::Arc;

use futures_core::future::BoxFuture;

#[cfg(feature = "tower")]
pub use self::tower::{JobRequest, JobService};
use crate::JobResult;
use crate::context::Ticket;

/// A handler that is about to run.
pub(crate) type Handler = BoxFuture<'static, JobResult>;

/// The layers of one worker; none without the feature `tower`.
#[derive(Default)]
pub(crate) struct Layers {
    #[cfg(feature = "tower")]
    outermost: Option<Arc<dyn tower::Around>>,
}

impl Layers {
    /// The handler with the layers around it; the handler itself where there are none.
    pub(crate) fn around(&self, ticket: &Arc<Ticket>, handler: Handler) -> Handler {
        #[cfg(feature = "tower")]
        if let Some(outermost) = &self.outermost {
            return outermost.run(JobRequest::new(Arc::clone(ticket), handler));
        }
        let _ = ticket;
        handler
    }
}
