//! The public suite fails every store that breaks its word, and names the rule.

mod store;

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use saas_idempotency::{MemoryStore, Store, testing};

use self::Fault::*;
use self::store::Faulty;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    ForgetsTokens,
    TakesOverOtherRequests,
    ExtendsWhatItFinds,
    NamesTheAskersRequest,
    CountsFromOne,
    IgnoresTenants,
    NeverExpires,
    ExpiresEarly,
    RenewsNothing,
    ReleasesNothing,
    LosesOutcomes,
    CutsBodies,
    LosesHeaders,
    TakesEmptyForNotKept,
    RecordsOverOthers,
    SweepsWhatCounts,
    SweepsBeyondTheLimit,
    SweepsNothing,
    LooksThenActs,
}

/// Each fault beside one rule that it breaks.
const FAULTS: &[(Fault, &str)] = &[
    (ForgetsTokens, "a_wrong_token_ends_nothing"),
    (ForgetsTokens, "who_lost_its_lease_is_fenced_out"),
    (TakesOverOtherRequests, "a_lapsed_lease_is_taken_over_by_the_same_request_only"),
    (ExtendsWhatItFinds, "what_is_found_is_not_changed"),
    (NamesTheAskersRequest, "the_first_claim_wins_and_the_second_finds_it_running"),
    (CountsFromOne, "every_take_over_counts"),
    (IgnoresTenants, "equal_digests_of_two_tenants_are_strangers"),
    (NeverExpires, "an_expired_outcome_is_absent"),
    (ExpiresEarly, "what_is_completed_is_found_to_the_byte"),
    (RenewsNothing, "a_renewed_lease_does_not_lapse"),
    (ReleasesNothing, "a_released_record_is_absent"),
    (LosesOutcomes, "a_record_is_completed_once"),
    (CutsBodies, "a_reply_of_a_mebibyte_is_found_to_the_byte"),
    (LosesHeaders, "what_is_completed_is_found_to_the_byte"),
    (TakesEmptyForNotKept, "an_empty_reply_is_a_reply"),
    (RecordsOverOthers, "an_outcome_is_not_recorded_over_another"),
    (SweepsWhatCounts, "sweeping_spares_what_still_counts"),
    (SweepsBeyondTheLimit, "sweeping_removes_what_is_absent_in_batches"),
    (SweepsNothing, "sweeping_removes_what_is_absent_in_batches"),
];

async fn broken(store: &dyn Store) -> Vec<&'static str> {
    let mut broken = Vec::new();
    for rule in testing::RULES.iter().chain(testing::SWEEPING) {
        if rule.verdict(store).await.is_err() {
            broken.push(rule.name);
        }
    }
    broken
}

#[tokio::test]
async fn a_faulty_store_breaks_the_rule_against_its_fault() {
    assert_eq!(broken(&MemoryStore::new()).await, [""; 0], "a sound one breaks none");
    for (fault, rule) in FAULTS {
        let broken = broken(&Faulty::new(*fault)).await;
        assert!(broken.contains(rule), "{fault:?} breaks {broken:?}");
    }
}

#[tokio::test]
async fn the_panic_names_the_rule() {
    let store = Faulty::new(CountsFromOne);
    let verdict = AssertUnwindSafe(testing::store(&store)).catch_unwind().await;
    let panic = *verdict.unwrap_err().downcast::<String>().unwrap();
    assert!(
        panic.starts_with("the store breaks the rule a_claim_asked_twice_is_one_claim: "),
        "{panic}"
    );
}

#[tokio::test]
async fn a_look_before_the_act_passes_alone_and_fails_the_races() {
    let store = Faulty::new(LooksThenActs);
    assert_eq!(broken(&store).await, [""; 0]);
    let verdict = AssertUnwindSafe(testing::races(&store, 12, 1)).catch_unwind().await;
    let panic = *verdict.unwrap_err().downcast::<String>().unwrap();
    assert!(panic.contains("one winner"), "{panic}");
}
