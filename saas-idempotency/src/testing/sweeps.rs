//! What a sweep takes and what it leaves.

use chrono::TimeDelta;

use super::given::{after, attempt, done, other, reply, retry, running, won};
use crate::store::{Attempt, Store};

/// The suite's past, before every other rule's time and before today.
const PAST: i64 = -23_900 * 86_400;

/// Of the past, with a lease of 30 seconds, that expires after so many.
fn old(expires: i64) -> Attempt {
    let mut old = retry(&attempt(), PAST);
    old.expires_at = old.now + TimeDelta::seconds(expires);
    old
}

async fn swept(store: &dyn Store, seconds: i64, limit: u32) -> u64 {
    store.sweep(after(PAST + seconds), limit).await.unwrap()
}

/// What is done and not expired, what runs though it expired, and what lapsed but has not expired:
/// of its key, other requests still must not run.
pub(super) async fn sweeping_spares_what_still_counts(store: &dyn Store) {
    let (alive, running_late, lapsed) = (old(300), old(100), old(300));
    for record in [&alive, &running_late, &lapsed] {
        assert_eq!(store.claim(record).await.unwrap(), won(1));
    }
    assert!(store.complete(&alive.lease, &reply("alive")).await.unwrap());
    assert!(store.renew(&running_late.lease, after(PAST + 300)).await.unwrap());
    while swept(store, 200, 1_000).await == 1_000 {}
    let ask = async |record| store.claim(&other(record, PAST + 200)).await.unwrap();
    assert_eq!(ask(&alive).await, done(&alive, &reply("alive")));
    assert_eq!(ask(&running_late).await, running(&running_late));
    assert_eq!(ask(&lapsed).await, running(&lapsed));
    assert!(store.complete(&running_late.lease, &reply("late")).await.unwrap());
}

/// Never more than the limit, and in the end everything: whoever asks then, with whatever clock,
/// finds nothing.
pub(super) async fn sweeping_removes_what_is_absent_in_batches(store: &dyn Store) {
    let abandoned = old(100);
    let mut expired = vec![&abandoned];
    store.claim(&abandoned).await.unwrap();
    let finished: Vec<Attempt> = (0..5).map(|_| old(100)).collect();
    for record in &finished {
        assert_eq!(store.record(record, &reply("old")).await.unwrap(), won(1));
        expired.push(record);
    }
    assert_eq!(swept(store, 200, 0).await, 0, "none is none");
    for record in expired {
        // Before its end it would be found. Another sweeper may be at it, and then has it soon.
        let mut claimed = None;
        for _ in 0..1_000 {
            let count = swept(store, 100, 2).await;
            assert!(count <= 2, "{count} at once");
            if count < 2 {
                claimed = Some(store.claim(&other(record, PAST + 50)).await.unwrap());
            }
            if claimed == Some(won(1)) {
                break;
            }
        }
        assert_eq!(claimed, Some(won(1)));
    }
    assert!(!store.complete(&abandoned.lease, &reply("late")).await.unwrap());
}

/// And says so, so that a loop over sweeps ends.
pub(super) async fn a_store_that_forgets_has_nothing_to_sweep(store: &dyn Store) {
    assert_eq!(store.record(&old(100), &reply("old")).await.unwrap(), won(1));
    assert_eq!(swept(store, 200, 1_000).await, 0);
}
