use std::sync::Arc;

use tokio::sync::watch;

/// How many covered requests are at work, their clients there or not.
#[derive(Debug, Clone)]
pub(crate) struct InFlight(Arc<watch::Sender<usize>>);

impl Default for InFlight {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(0)))
    }
}

/// One of them, until it is dropped.
pub(crate) struct AtWork(InFlight);

impl InFlight {
    pub(crate) fn begin(&self) -> AtWork {
        self.0.send_modify(|requests| *requests += 1);
        AtWork(self.clone())
    }

    pub(crate) async fn over(self) {
        let mut requests = self.0.subscribe();
        // The sender lives as long as we do.
        let _ = requests.wait_for(|requests| *requests == 0).await;
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.0.send_modify(|requests| *requests = requests.saturating_sub(1));
    }
}
