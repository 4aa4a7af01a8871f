use std::time::Duration;

use tokio::time::{Instant, sleep};

/// How long a test waits for what must come: a job's lease lapses within 15 seconds, the rest is
/// room for a loaded machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until `probe` has an answer, and fails when it has none within `bound`.
pub async fn eventually<T>(
    what: &str,
    bound: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + bound;
    loop {
        if let Some(answer) = probe().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited {bound:?} in vain: {what}");
        sleep(Duration::from_millis(25)).await;
    }
}
