use std::time::Duration;

use tokio::sync::oneshot;

use crate::gate::Gate;
use crate::store::Lease;

/// Renews a lease until it is dropped. Atomic mode needs none: the open transaction holds the key.
///
/// It is a task of its own, so that a handler that keeps its thread busy does not lose its lease
/// where there are several threads; and it ends between two renewals, never within one.
pub(crate) struct Heartbeat {
    _alive: oneshot::Sender<()>,
}

impl Heartbeat {
    /// Returns once it runs: a handler that blocks its thread before it awaits anything would keep
    /// a task that was only spawned from ever starting.
    pub(crate) async fn start(gate: Gate, lease: Lease) -> Self {
        let (alive, mut dropped) = oneshot::channel::<()>();
        let (begin, begun) = oneshot::channel::<()>();
        tokio::spawn(async move {
            let _ = begin.send(());
            let policy = &gate.engine.policy;
            loop {
                tokio::select! {
                    _ = &mut dropped => return,
                    () = tokio::time::sleep(policy.renewal()) => {}
                }
                let until = policy.lease_until(gate.engine.clock.now());
                match gate.in_time(Duration::ZERO, gate.store.renew(&lease, until)).await {
                    Ok(true) => {}
                    // Completed in this moment, or taken over.
                    Ok(false) => return,
                    Err(error) => error.log(),
                }
            }
        });
        let _ = begun.await;
        Self { _alive: alive }
    }
}
