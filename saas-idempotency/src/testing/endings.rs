//! Who may end a record.

use uuid::Uuid;

use super::given::{after, attempt, claimed, completed, done, other, reply, retry, running, won};
use crate::Reply;
use crate::store::{Outcome, Store};

/// And leaves it as it was.
pub(super) async fn a_wrong_token_ends_nothing(store: &dyn Store) {
    let first = claimed(store).await;
    let mut wrong = first.lease;
    for token in [Uuid::nil(), Uuid::max(), Uuid::new_v4()] {
        wrong.token = token;
        assert!(!store.complete(&wrong, &reply("wrong")).await.unwrap());
        assert!(!store.renew(&wrong, after(9_000)).await.unwrap());
        assert!(!store.release(&wrong).await.unwrap());
        assert_eq!(store.claim(&retry(&first, 0)).await.unwrap(), running(&first));
    }
    assert_eq!(store.claim(&retry(&first, 30)).await.unwrap(), won(2), "nothing was renewed");
}

/// Nor does the try make a record.
pub(super) async fn what_was_never_claimed_cannot_be_ended(store: &dyn Store) {
    let first = attempt();
    assert!(!store.complete(&first.lease, &reply("first")).await.unwrap());
    assert!(!store.renew(&first.lease, after(9_000)).await.unwrap());
    assert!(!store.release(&first.lease).await.unwrap());
    assert_eq!(store.claim(&other(&first, 0)).await.unwrap(), won(1));
}

/// Anything runs there, and counts from one; and the first's release is used up.
pub(super) async fn a_released_record_is_absent(store: &dyn Store) {
    let first = claimed(store).await;
    assert!(store.release(&first.lease).await.unwrap());
    assert!(!store.release(&first.lease).await.unwrap());
    assert!(!store.complete(&first.lease, &reply("first")).await.unwrap());
    let second = other(&first, 0);
    assert_eq!(store.claim(&second).await.unwrap(), won(1));
    assert!(!store.release(&first.lease).await.unwrap(), "a later attempt's is not released");
    assert_eq!(store.claim(&retry(&first, 0)).await.unwrap(), running(&second));
}

/// The first outcome stands.
pub(super) async fn a_record_is_completed_once(store: &dyn Store) {
    for outcome in [reply("first"), Outcome::NotKept { status: 201 }] {
        let first = completed(store, &outcome).await;
        let second = Outcome::Reply(Reply::new(500));
        assert!(!store.complete(&first.lease, &second).await.unwrap());
        assert!(!store.release(&first.lease).await.unwrap());
        assert!(!store.renew(&first.lease, after(9_000)).await.unwrap());
        assert_eq!(store.record(&first, &second).await.unwrap(), done(&first, &outcome));
        assert_eq!(store.claim(&retry(&first, 0)).await.unwrap(), done(&first, &outcome));
    }
}
