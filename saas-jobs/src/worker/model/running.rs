//! A handler at work, as the test sees it.

use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};
use uuid::Uuid;

use super::scripted::{Begun, Order};
use crate::Backend;
use crate::worker::ended::Finished;

pub(super) struct Running<DB: Backend> {
    pub(super) lease: Uuid,
    pub(super) job: Uuid,
    pub(super) before: u16,
    /// Whether it has tried to complete its job, and has a receipt for that.
    pub(super) touched: bool,
    pub(super) receipt: bool,
    pub(super) orders: mpsc::UnboundedSender<Order<DB>>,
    task: JoinHandle<Finished>,
}

impl<DB: Backend> Running<DB> {
    pub(super) fn new(
        (lease, job, before): (Uuid, Uuid, u16),
        orders: mpsc::UnboundedSender<Order<DB>>,
        task: JoinHandle<Finished>,
    ) -> Self {
        Self { lease, job, before, touched: false, receipt: false, orders, task }
    }

    /// Waits for its end, which it was told or forced to come to.
    pub(super) async fn end(&mut self) -> Result<Finished, JoinError> {
        (&mut self.task).await
    }
}

// A worker that crashes drops its runs.
impl<DB: Backend> Drop for Running<DB> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What came of starting a handler.
pub(super) enum Started<DB: Backend> {
    Begun(Begun<DB>, JoinHandle<Finished>),
    /// It is given back, since its worker may have lost it or is to stop.
    GivenBack(Finished),
}
