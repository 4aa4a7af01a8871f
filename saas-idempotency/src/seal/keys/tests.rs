use super::*;
use crate::fingerprint::Unfinished;
use crate::key::Key as ClientKey;
use crate::store::Lease;
use crate::{RecordId, Scope};
use proptest::prelude::*;
use saas_core::TenantId;

const NONCE_OF_TESTS: [u8; NONCE] = [9; NONCE];

fn ticket(scope: &Scope, key: &str, body: &str) -> Ticket {
    let key = ClientKey::parse(&[key.as_bytes()]).unwrap().unwrap();
    Ticket {
        lease: Lease { id: RecordId::new(scope, &key), token: Uuid::new_v4() },
        fingerprint: Unfinished::new("POST", "", "/", None).with_body(body.as_bytes()),
    }
}

fn sealed(keys: &SealingKeys, ticket: &Ticket, reply: &Reply) -> Reply {
    let sealed = keys.seal(ticket, reply, NONCE_OF_TESTS).unwrap();
    // As a store gives it back.
    Reply::decode(sealed.status(), sealed.encode()).unwrap()
}

fn reply() -> Reply {
    Reply::new(201).header("location", "/invoices/7").with_body("secret")
}

#[test]
fn a_sealed_reply_opens_to_the_byte_and_shows_nothing_meanwhile() {
    let (keys, ticket) = (SealingKeys::new([1; 32]), ticket(&Scope::user("ann"), "k", "body"));
    let sealed = sealed(&keys, &ticket, &reply());
    assert_eq!(sealed.status(), 201);
    assert_eq!(sealed.headers().count(), 0);
    for shown in ["secret", "location", "/invoices/7"] {
        assert!(!sealed.encode().windows(shown.len()).any(|bytes| bytes == shown.as_bytes()));
    }
    assert_eq!(keys.open(&ticket, sealed).unwrap(), reply());
}

#[test]
fn a_reply_opens_for_its_own_record_request_and_status_only() {
    let (keys, tenant) = (SealingKeys::new([1; 32]), TenantId::new());
    let scope = Scope::tenant(tenant);
    let own = ticket(&scope, "k", "body");
    let stored = sealed(&keys, &own, &reply());
    for foreign in [
        ticket(&Scope::tenant(TenantId::new()), "k", "body"),
        ticket(&scope.clone().principal("ann"), "k", "body"),
        ticket(&scope, "another", "body"),
        ticket(&scope, "k", "another"),
    ] {
        assert_eq!(keys.open(&foreign, stored.clone()), Err(SealError::Forged));
    }
    let other_status = Reply::decode(200, stored.encode()).unwrap();
    assert_eq!(keys.open(&own, other_status), Err(SealError::Forged));
    // Another attempt of the same request has another token, and reads it.
    assert!(keys.open(&ticket(&scope, "k", "body"), stored).is_ok());
}

#[test]
fn a_reply_that_was_altered_anywhere_does_not_open() {
    let (keys, ticket) = (SealingKeys::new([1; 32]), ticket(&Scope::user("ann"), "k", "body"));
    let stored = sealed(&keys, &ticket, &reply()).encode();
    for position in 1..stored.len() {
        let mut altered = stored.clone();
        altered[position] ^= 1;
        let altered = Reply::decode(201, altered).unwrap();
        let expected = if position <= ID { SealError::UnknownKey } else { SealError::Forged };
        assert_eq!(keys.open(&ticket, altered), Err(expected), "byte {position}");
        let cut = Reply::decode(201, stored[..position].to_vec()).unwrap();
        assert_eq!(keys.open(&ticket, cut), Err(SealError::Forged), "cut at {position}");
    }
}

#[test]
fn an_older_key_still_opens_and_a_dropped_one_does_not() {
    let ticket = ticket(&Scope::user("ann"), "k", "body");
    let stored = sealed(&SealingKeys::new([1; 32]), &ticket, &reply());
    let rotated = SealingKeys::new([2; 32]).older([1; 32]);
    assert_eq!(rotated.open(&ticket, stored.clone()).unwrap(), reply());
    assert!(SealingKeys::new([2; 32]).open(&ticket, sealed(&rotated, &ticket, &reply())).is_ok());
    assert_eq!(SealingKeys::new([2; 32]).open(&ticket, stored), Err(SealError::UnknownKey));
}

#[test]
fn a_reply_that_is_not_sealed_is_taken_only_with_leave() {
    let (keys, ticket) = (SealingKeys::new([1; 32]), ticket(&Scope::user("ann"), "k", "body"));
    assert_eq!(keys.open(&ticket, reply()), Err(SealError::Unsealed));
    assert_eq!(keys.allow_unsealed().open(&ticket, reply()).unwrap(), reply());
}

#[test]
fn two_sealings_of_one_reply_share_nothing() {
    assert_ne!(nonce(), nonce());
}

#[test]
fn debug_shows_no_key() {
    let shown = format!("{:?}", SealingKeys::new([0xab; 32]).older([0xab; 32]));
    assert_eq!(shown, "SealingKeys { older: 1, unsealed: false, .. }");
}

proptest! {
    #[test]
    fn any_stored_bytes_open_or_are_refused(bytes: Vec<u8>) {
        let (keys, ticket) = (SealingKeys::new([1; 32]), ticket(&Scope::user("ann"), "k", "body"));
        prop_assert!(keys.open(&ticket, Reply::of_sealed(200, bytes)).is_err());
    }
}
