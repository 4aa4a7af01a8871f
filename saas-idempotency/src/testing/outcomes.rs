//! What is kept, and where.

use bytes::Bytes;

use super::given::{attempt, claimed, completed, done, other, reply, retry, running, won};
use crate::Reply;
use crate::store::{Outcome, Store};

async fn is_found_as_it_was(store: &dyn Store, outcome: &Outcome) {
    let first = completed(store, outcome).await;
    assert!(store.claim(&retry(&first, 0)).await.unwrap() == done(&first, outcome), "{outcome:?}");
    // However late, while it has not expired: a lease means nothing any more.
    assert!(store.claim(&retry(&first, 3_599)).await.unwrap() == done(&first, outcome));
    let found = store.claim(&other(&first, 3_599)).await.unwrap();
    assert!(found == done(&first, outcome), "whatever is asked");
}

/// Status, headers in order, values that are no text, any body.
pub(super) async fn what_is_completed_is_found_to_the_byte(store: &dyn Store) {
    let every_byte: Vec<u8> = (0..=255).collect();
    for status in [100, 200, 299, 404, 599, 999] {
        let reply = Reply::new(status)
            .header("location", "/invoices/7")
            .header("x-twice", "1")
            .header("x-twice", [0x80, 0xff])
            .header("x-empty", "")
            .with_body(every_byte.clone());
        is_found_as_it_was(store, &Outcome::Reply(reply)).await;
    }
}

/// As much as the default policy keeps, of bytes that look like nothing.
pub(super) async fn a_reply_of_a_mebibyte_is_found_to_the_byte(store: &dyn Store) {
    let noise = (0_u32..1 << 20).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8);
    let body: Bytes = noise.collect();
    for reply in [
        Reply::new(200).with_body(body.clone()),
        (0..100)
            .fold(Reply::new(200), |reply, at| reply.header(&format!("x-{at}"), "v".repeat(80))),
    ] {
        is_found_as_it_was(store, &Outcome::Reply(reply)).await;
    }
}

/// Headers and body are then one block that says nothing: what a store keeps is the encoded form.
pub(super) async fn a_sealed_reply_is_found_sealed(store: &dyn Store) {
    let sealed = Reply::decode(201, &b"\x02any bytes\x00"[..]).unwrap();
    is_found_as_it_was(store, &Outcome::Reply(sealed)).await;
}

/// And not the want of one.
pub(super) async fn an_empty_reply_is_a_reply(store: &dyn Store) {
    is_found_as_it_was(store, &Outcome::Reply(Reply::new(204))).await;
}

/// A tombstone.
pub(super) async fn a_response_that_was_not_kept_leaves_its_status(store: &dyn Store) {
    is_found_as_it_was(store, &Outcome::NotKept { status: 201 }).await;
    let first = attempt();
    let outcome = Outcome::NotKept { status: 404 };
    assert_eq!(store.record(&first, &outcome).await.unwrap(), won(1));
    assert_eq!(store.claim(&retry(&first, 0)).await.unwrap(), done(&first, &outcome));
}

/// A final answer of a handler whose transaction was rolled back.
pub(super) async fn an_outcome_is_recorded_without_a_claim(store: &dyn Store) {
    let first = attempt();
    assert_eq!(store.record(&first, &reply("first")).await.unwrap(), won(1));
    assert_eq!(store.claim(&retry(&first, 0)).await.unwrap(), done(&first, &reply("first")));
    assert!(!store.complete(&first.lease, &reply("again")).await.unwrap(), "it is done");
}

/// Whether the other runs or is done.
pub(super) async fn an_outcome_is_not_recorded_over_another(store: &dyn Store) {
    let first = claimed(store).await;
    assert_eq!(store.record(&retry(&first, 0), &reply("late")).await.unwrap(), running(&first));
    assert!(store.complete(&first.lease, &reply("first")).await.unwrap());
    for late in [retry(&first, 0), other(&first, 60)] {
        let found = store.record(&late, &reply("late")).await.unwrap();
        assert_eq!(found, done(&first, &reply("first")));
    }
}

/// One's own claim is no obstacle, however long ago its lease lapsed.
pub(super) async fn an_outcome_is_recorded_with_the_token_of_the_claim(store: &dyn Store) {
    for seconds in [0, 60] {
        let first = claimed(store).await;
        let mut ending = retry(&first, seconds);
        ending.lease = first.lease;
        assert_eq!(store.record(&ending, &reply("first")).await.unwrap(), won(1));
        assert_eq!(store.claim(&retry(&first, 60)).await.unwrap(), done(&first, &reply("first")));
    }
}

/// As a claim would have won there, and its holder is fenced out.
pub(super) async fn an_outcome_is_recorded_over_a_lapsed_lease_of_the_same_request_only(
    store: &dyn Store,
) {
    let slow = claimed(store).await;
    assert_eq!(store.record(&retry(&slow, 29), &reply("heir")).await.unwrap(), running(&slow));
    assert_eq!(store.record(&other(&slow, 30), &reply("other")).await.unwrap(), running(&slow));
    assert_eq!(store.record(&retry(&slow, 30), &reply("heir")).await.unwrap(), won(2));
    assert!(!store.complete(&slow.lease, &reply("slow")).await.unwrap());
    assert_eq!(store.claim(&retry(&slow, 30)).await.unwrap(), done(&slow, &reply("heir")));
}
