//! Who holds a record, and how long.

use super::given::{after, claimed, done, other, reply, retry, running, won};
use crate::store::Store;

/// Another request under a lapsed key is still another request.
pub(super) async fn a_lapsed_lease_is_taken_over_by_the_same_request_only(store: &dyn Store) {
    let first = claimed(store).await;
    assert_eq!(store.claim(&retry(&first, 29)).await.unwrap(), running(&first));
    assert_eq!(store.claim(&other(&first, 30)).await.unwrap(), running(&first));
    assert_eq!(store.claim(&retry(&first, 30)).await.unwrap(), won(2));
    assert_eq!(store.claim(&retry(&first, 30)).await.unwrap(), running(&first));
}

/// What earlier attempts did is unknown, however many there were.
pub(super) async fn every_take_over_counts(store: &dyn Store) {
    let first = claimed(store).await;
    for before in 1..5 {
        let heir = retry(&first, 30 * i64::from(before));
        assert_eq!(store.claim(&heir).await.unwrap(), won(before + 1));
    }
}

/// A heartbeat moves the lease and nothing else.
pub(super) async fn a_renewed_lease_does_not_lapse(store: &dyn Store) {
    let first = claimed(store).await;
    for beat in 1..4 {
        assert!(store.renew(&first.lease, after(60 * beat)).await.unwrap());
        assert_eq!(store.claim(&retry(&first, 60 * beat - 1)).await.unwrap(), running(&first));
    }
    assert_eq!(store.claim(&retry(&first, 180)).await.unwrap(), won(2));
}

/// It may still end it, or renew it.
pub(super) async fn a_lapsed_lease_is_its_holders_until_another_takes_it(store: &dyn Store) {
    let first = claimed(store).await;
    assert_eq!(store.claim(&other(&first, 100)).await.unwrap(), running(&first), "it lapsed");
    assert!(store.renew(&first.lease, after(130)).await.unwrap());
    assert_eq!(store.claim(&retry(&first, 129)).await.unwrap(), running(&first));
    assert_eq!(store.claim(&other(&first, 200)).await.unwrap(), running(&first), "once more");
    assert!(store.complete(&first.lease, &reply("late")).await.unwrap());
    assert_eq!(store.claim(&retry(&first, 200)).await.unwrap(), done(&first, &reply("late")));
}

/// Whatever it does, the record stays its heir's.
pub(super) async fn who_lost_its_lease_is_fenced_out(store: &dyn Store) {
    let slow = claimed(store).await;
    let heir = retry(&slow, 31);
    assert_eq!(store.claim(&heir).await.unwrap(), won(2));
    assert!(!store.complete(&slow.lease, &reply("slow")).await.unwrap());
    assert!(!store.renew(&slow.lease, after(9_000)).await.unwrap());
    assert!(!store.release(&slow.lease).await.unwrap());
    let late = retry(&slow, 40);
    assert_eq!(store.record(&late, &reply("slow")).await.unwrap(), running(&slow));
    assert!(store.complete(&heir.lease, &reply("heir")).await.unwrap());
    assert_eq!(store.claim(&retry(&slow, 50)).await.unwrap(), done(&slow, &reply("heir")));
}
