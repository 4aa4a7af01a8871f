//! How long a record counts, swept or not.

use super::given::{after, claimed, completed, done, other, reply, retry, running, won};
use crate::store::Store;

/// From the very moment, for whatever request; and all that comes is new.
pub(super) async fn an_expired_outcome_is_absent(store: &dyn Store) {
    let first = completed(store, &reply("first")).await;
    let found = store.claim(&other(&first, 3_599)).await.unwrap();
    assert_eq!(found, done(&first, &reply("first")));
    let second = other(&first, 3_600);
    assert_eq!(store.claim(&second).await.unwrap(), won(1));
    // The old outcome is gone, and its end does not end the new one.
    assert_eq!(store.claim(&retry(&first, 3_601)).await.unwrap(), running(&second));
    assert!(store.complete(&second.lease, &reply("second")).await.unwrap());
    let found = store.claim(&retry(&first, 7_199)).await.unwrap();
    assert_eq!(found, done(&second, &reply("second")));
}

/// Who still works on it may renew and end it.
pub(super) async fn an_expired_record_that_runs_is_its_holders(store: &dyn Store) {
    let first = claimed(store).await;
    assert!(store.renew(&first.lease, after(4_000)).await.unwrap());
    assert_eq!(store.claim(&other(&first, 3_999)).await.unwrap(), running(&first));
    assert_eq!(store.claim(&retry(&first, 3_999)).await.unwrap(), running(&first));
    assert!(store.renew(&first.lease, after(5_000)).await.unwrap());
    assert_eq!(
        store.record(&other(&first, 4_999), &reply("other")).await.unwrap(),
        running(&first)
    );
    assert!(store.complete(&first.lease, &reply("first")).await.unwrap());
    assert_eq!(store.claim(&other(&first, 4_999)).await.unwrap(), won(1), "done, it is expired");
}

/// Then it is anybody's, from one on, and no longer its holder's.
pub(super) async fn a_record_that_expired_with_its_lease_is_absent(store: &dyn Store) {
    let first = claimed(store).await;
    assert_eq!(store.claim(&other(&first, 3_599)).await.unwrap(), running(&first));
    let second = other(&first, 3_600);
    assert_eq!(store.claim(&second).await.unwrap(), won(1));
    assert!(!store.complete(&first.lease, &reply("first")).await.unwrap());
    assert!(!store.release(&first.lease).await.unwrap());
    assert_eq!(store.claim(&retry(&first, 3_601)).await.unwrap(), running(&second));
}

/// As over nothing.
pub(super) async fn an_outcome_is_recorded_over_an_expired_one(store: &dyn Store) {
    let first = completed(store, &reply("first")).await;
    let second = other(&first, 3_600);
    assert_eq!(store.record(&second, &reply("second")).await.unwrap(), won(1));
    let found = store.claim(&retry(&first, 7_199)).await.unwrap();
    assert_eq!(found, done(&second, &reply("second")));
}
