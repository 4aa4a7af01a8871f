//! How a duplicate waits for the reply of the first.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::chance::chance;
use crate::{Error, Idempotency, Reply};

/// The first look is after this long; most requests are done by then.
const FIRST: Duration = Duration::from_millis(20);
/// The last ones are this far apart.
const CAP: Duration = Duration::from_secs(1);

/// Looks until the record is not in progress any more, or time or client is gone. Each look is a
/// claim: where the first attempt ended without a reply, the one that looks next runs.
///
/// Between two looks nothing is held, so it may be dropped there.
pub(crate) async fn for_reply<F>(
    handle: &Idempotency,
    look: impl Fn() -> F,
) -> Result<Result<u32, Reply>, Error>
where
    F: Future<Output = Result<Result<u32, Reply>, Error>>,
{
    let began = Instant::now();
    let patience = handle.engine().policy.reply_wait.unwrap_or_default();
    for looks in 0.. {
        let verdict = look().await;
        let left = patience.saturating_sub(began.elapsed());
        if !matches!(verdict, Err(Error::InProgress { .. })) || left.is_zero() {
            return verdict;
        }
        sleep(pause(looks, chance()).min(left)).await;
        if handle.client_is_gone() {
            return verdict;
        }
    }
    look().await
}

/// The time between two looks: doubled each time up to the cap, and of that half to all, as `random`
/// from 0 to 1 has it, so that those who came together do not come back together.
fn pause(looks: u32, random: f64) -> Duration {
    let longest = FIRST.saturating_mul(1 << looks.min(10)).min(CAP);
    longest.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::Policy;
    use crate::engine::tests::engine;

    const RUNNING: Error = Error::InProgress { retry_after: Duration::ZERO };

    fn waiting(seconds: u64) -> Idempotency {
        let policy = Policy::default().wait_for_reply(Duration::from_secs(seconds));
        Idempotency::new(engine(policy), None)
    }

    /// Looks, and counts how often.
    async fn outcome(handle: &Idempotency, ends_after: Duration) -> (Result<bool, Error>, u32) {
        let (began, looks) = (Instant::now(), Cell::new(0));
        let verdict = for_reply(handle, || async {
            looks.set(looks.get() + 1);
            if began.elapsed() < ends_after { Err(RUNNING) } else { Ok(Err(Reply::new(201))) }
        })
        .await;
        (verdict.map(|verdict| verdict.is_err()), looks.get())
    }

    #[tokio::test(start_paused = true)]
    async fn without_leave_to_wait_there_is_one_look() {
        let handle = Idempotency::new(engine(Policy::default()), None);
        let (verdict, looks) = outcome(&handle, Duration::from_secs(9)).await;
        assert!(matches!(verdict, Err(Error::InProgress { .. })));
        assert_eq!(looks, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn the_reply_is_seen_within_a_second_and_looks_are_few() {
        let began = Instant::now();
        let (verdict, looks) = outcome(&waiting(60), Duration::from_secs(20)).await;
        assert!(matches!(verdict, Ok(true)));
        assert!(began.elapsed() < Duration::from_secs(21), "{:?}", began.elapsed());
        assert!((20..50).contains(&looks), "{looks}");
    }

    #[tokio::test(start_paused = true)]
    async fn time_ends_the_wait_with_a_last_look() {
        let began = Instant::now();
        let (verdict, _) = outcome(&waiting(5), Duration::MAX).await;
        assert!(matches!(verdict, Err(Error::InProgress { .. })));
        assert_eq!(began.elapsed().as_secs(), 5);
        let (verdict, _) = outcome(&waiting(5), Duration::from_secs(5)).await;
        assert!(matches!(verdict, Ok(true)));
    }

    #[tokio::test(start_paused = true)]
    async fn another_verdict_than_in_progress_ends_it_at_once() {
        let verdict = for_reply(&waiting(5), || async { Err(Error::Reused) }).await;
        assert!(matches!(verdict, Err(Error::Reused)));
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_for_a_client_that_went_stops() {
        let (handle, began) = (waiting(3600), Instant::now());
        let client = handle.client();
        tokio::spawn(async move {
            sleep(Duration::from_secs(7)).await;
            drop(client);
        });
        let (verdict, _) = outcome(&handle, Duration::MAX).await;
        assert!(matches!(verdict, Err(Error::InProgress { .. })));
        assert!(began.elapsed() < Duration::from_secs(9));
    }

    #[test]
    fn pauses_double_up_to_a_second_and_spread_over_half_of_it() {
        let longest: Vec<_> = (0..8).map(|looks| pause(looks, 1.0).as_millis()).collect();
        assert_eq!(longest, [20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(pause(u32::MAX, 0.0), Duration::from_millis(500));
    }
}
