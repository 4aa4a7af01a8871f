use tokio::sync::oneshot;

use crate::Idempotency;
use crate::engine::Mode;
use crate::gate::Gate;

/// Renews a lease until it is dropped.
///
/// It is a task of its own, so that a handler that keeps its thread busy does not lose its lease;
/// and it ends between two renewals, never within one.
pub(crate) struct Heartbeat {
    _alive: oneshot::Sender<()>,
}

impl Heartbeat {
    /// `None` where there is no lease: in atomic mode the open transaction holds the key.
    pub(crate) fn start(gate: &Gate, handle: &Idempotency) -> Option<Self> {
        let lease = handle.ticket().filter(|_| gate.engine.mode == Mode::Standalone)?.lease;
        let (alive, mut dropped) = oneshot::channel::<()>();
        let gate = gate.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut dropped => return,
                    () = tokio::time::sleep(gate.engine.policy.heartbeat()) => {}
                }
                let until = gate.engine.policy.lease_until(gate.engine.clock.now());
                match gate.store.renew(&lease, until).await {
                    Ok(true) => {}
                    // Completed in this moment, or taken over.
                    Ok(false) => return,
                    Err(error) => error.log(),
                }
            }
        });
        Some(Self { _alive: alive })
    }
}
