//! How a process is told to end.

/// Waits for it. Whether there is time to do it so that nobody notices: on SIGTERM there is; who
/// presses Ctrl-C waits.
pub async fn told_to_end() -> bool {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let Ok(mut terminate) = signal(SignalKind::terminate()) else {
            let _ = interrupt.await;
            return false;
        };
        tokio::select! {
            _ = interrupt => false,
            _ = terminate.recv() => true,
        }
    }
    #[cfg(not(unix))]
    {
        let _ = interrupt.await;
        false
    }
}
