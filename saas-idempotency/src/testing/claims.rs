//! Who may run.

use uuid::Uuid;

use super::given::{after, attempt, claimed, done, other, reply, retry, running, won};
use crate::store::Store;

/// With the fingerprint of the winner, whatever the loser asked.
pub(super) async fn the_first_claim_wins_and_the_second_finds_it_running(store: &dyn Store) {
    let first = claimed(store).await;
    assert_eq!(store.claim(&retry(&first, 0)).await.unwrap(), running(&first));
    assert_eq!(store.claim(&other(&first, 0)).await.unwrap(), running(&first));
}

/// A client of the store that lost the answer may ask again.
pub(super) async fn a_claim_asked_twice_is_one_claim(store: &dyn Store) {
    let first = claimed(store).await;
    assert_eq!(store.claim(&first).await.unwrap(), won(1));
    let heir = retry(&first, 30);
    assert_eq!(store.claim(&heir).await.unwrap(), won(2));
    assert_eq!(store.claim(&heir).await.unwrap(), won(2));
    assert!(store.complete(&heir.lease, &reply("heir")).await.unwrap());
    let found = store.claim(&heir).await.unwrap();
    assert_eq!(found, done(&first, &reply("heir")), "what is done is not claimed again");
}

/// Neither the lease nor the expiry of the winner moves.
pub(super) async fn what_is_found_is_not_changed(store: &dyn Store) {
    let first = claimed(store).await;
    let mut greedy = other(&first, 10);
    (greedy.lease_until, greedy.expires_at) = (after(9_000), after(9_000));
    assert_eq!(store.claim(&greedy).await.unwrap(), running(&first));
    assert_eq!(store.record(&greedy, &reply("greedy")).await.unwrap(), running(&first));
    assert!(!store.complete(&greedy.lease, &reply("greedy")).await.unwrap(), "it holds nothing");
    assert_eq!(store.claim(&retry(&first, 30)).await.unwrap(), won(2), "the lease is the first's");
    let expired = other(&first, 3_630);
    assert_eq!(store.claim(&expired).await.unwrap(), won(1), "and so is the expiry");
}

/// The tenant is part of the record's name, for every call.
pub(super) async fn equal_digests_of_two_tenants_are_strangers(store: &dyn Store) {
    let one = claimed(store).await;
    let mut two = retry(&one, 0);
    two.lease.id = one.lease.id.of_another_tenant();
    let mut crossed = one.lease;
    crossed.id = two.lease.id;
    assert!(!store.complete(&crossed, &reply("crossed")).await.unwrap());
    assert_eq!(store.claim(&two).await.unwrap(), won(1));
    assert!(!store.release(&crossed).await.unwrap());
    assert!(!store.renew(&crossed, after(9_000)).await.unwrap());
    assert!(store.complete(&two.lease, &reply("two")).await.unwrap());
    assert_eq!(store.claim(&retry(&one, 0)).await.unwrap(), running(&one));
    assert!(store.release(&one.lease).await.unwrap());
    assert_eq!(store.claim(&retry(&two, 0)).await.unwrap(), done(&two, &reply("two")));
}

/// Processes' clocks differ, and are set.
pub(super) async fn a_clock_that_goes_back_wins_nothing(store: &dyn Store) {
    let first = claimed(store).await;
    for earlier in [-1, -60, -100_000] {
        assert_eq!(store.claim(&retry(&first, earlier)).await.unwrap(), running(&first));
        assert_eq!(store.claim(&other(&first, earlier)).await.unwrap(), running(&first));
    }
    assert_eq!(store.claim(&retry(&first, 30)).await.unwrap(), won(2));
    assert_eq!(store.claim(&retry(&first, 29)).await.unwrap(), running(&first));
    let early = retry(&attempt(), -100_000);
    assert_eq!(store.claim(&early).await.unwrap(), won(1));
    assert!(store.complete(&early.lease, &reply("early")).await.unwrap());
    let found = store.claim(&retry(&early, -200_000)).await.unwrap();
    assert_eq!(found, done(&early, &reply("early")));
    let mut unknown = early.lease;
    unknown.token = Uuid::new_v4();
    assert!(!store.release(&unknown).await.unwrap());
}
