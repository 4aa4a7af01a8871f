//! The suite that every [`Store`] passes, for those who write one.
//!
//! ```no_run
//! # use saas_idempotency::{Store, testing};
//! async fn my_store_keeps_its_word(store: impl Store) {
//!     testing::store(&store).await;
//!     testing::races(&store, 12, 100).await;
//! }
//! ```
//!
//! Every rule works on records of its own, so that any number run at once on one store. The suite's
//! present is in 2079, and it sweeps what was over in 2014: neither touches what a service records
//! today.
//!
//! A store that forgets records by itself, as Redis does, takes
//! [`store_that_forgets`] in place of [`store`]: its `sweep` has nothing to do. *That* it forgets,
//! and no record that still counts, is seen only by its own clock, which no suite can move: test it
//! where that clock can be asked. The suite asks nothing that such a store cannot keep as long as it
//! counts time in spans and not by the calendar.

#![allow(clippy::panic, clippy::unwrap_used)] // A suite ends by a panic.

mod claims;
mod endings;
mod expiry;
mod given;
mod leases;
mod outcomes;
mod races;
mod sweeps;

use std::panic::AssertUnwindSafe;

use futures_core::future::BoxFuture;
use futures_util::FutureExt;

pub use self::given::{after, attempt, other, retry};
pub use self::races::races;
use crate::Store;

/// One thing that a store promises.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The promise, in a sentence.
    pub name: &'static str,
    check: fn(&dyn Store) -> BoxFuture<'_, ()>,
}

impl Rule {
    /// Whether the store keeps it; if not, what was seen instead.
    pub async fn verdict(&self, store: &dyn Store) -> Result<(), String> {
        let verdict = AssertUnwindSafe((self.check)(store)).catch_unwind().await;
        verdict.map_err(|panic| match panic.downcast::<String>() {
            Ok(text) => *text,
            Err(panic) => (*panic.downcast_ref::<&str>().unwrap_or(&"a panic")).to_owned(),
        })
    }
}

macro_rules! rules {
    ($($module:ident { $($name:ident),* $(,)? })*) => {
        &[$($(Rule { name: stringify!($name), check: |store| Box::pin($module::$name(store)) },)*)*]
    };
}

/// What every store promises.
pub const RULES: &[Rule] = rules![
    claims {
        the_first_claim_wins_and_the_second_finds_it_running,
        a_claim_asked_twice_is_one_claim,
        what_is_found_is_not_changed,
        equal_digests_of_two_tenants_are_strangers,
        a_clock_that_goes_back_wins_nothing,
    }
    leases {
        a_lapsed_lease_is_taken_over_by_the_same_request_only,
        every_take_over_counts,
        a_renewed_lease_does_not_lapse,
        a_lapsed_lease_is_its_holders_until_another_takes_it,
        who_lost_its_lease_is_fenced_out,
    }
    endings {
        a_wrong_token_ends_nothing,
        what_was_never_claimed_cannot_be_ended,
        a_released_record_is_absent,
        a_record_is_completed_once,
    }
    outcomes {
        what_is_completed_is_found_to_the_byte,
        a_reply_of_a_mebibyte_is_found_to_the_byte,
        a_sealed_reply_is_found_sealed,
        an_empty_reply_is_a_reply,
        a_response_that_was_not_kept_leaves_its_status,
        an_outcome_is_recorded_without_a_claim,
        an_outcome_is_not_recorded_over_another,
        an_outcome_is_recorded_with_the_token_of_the_claim,
        an_outcome_is_recorded_over_a_lapsed_lease_of_the_same_request_only,
    }
    expiry {
        an_expired_outcome_is_absent,
        an_expired_record_that_runs_is_its_holders,
        a_record_that_expired_with_its_lease_is_absent,
        an_outcome_is_recorded_over_an_expired_one,
    }
    sweeps {
        sweeping_spares_what_still_counts,
    }
];

/// What a store promises besides that does not forget by itself.
pub const SWEEPING: &[Rule] = rules![sweeps { sweeping_removes_what_is_absent_in_batches }];

/// What a store promises besides that does.
pub const FORGETTING: &[Rule] = rules![sweeps { a_store_that_forgets_has_nothing_to_sweep }];

/// Every rule for a store that is swept. Panics with the name of the first that it breaks.
pub async fn store(store: &dyn Store) {
    all(store, &[RULES, SWEEPING]).await;
}

/// Every rule for a store that forgets by itself what no longer counts.
pub async fn store_that_forgets(store: &dyn Store) {
    all(store, &[RULES, FORGETTING]).await;
}

async fn all(store: &dyn Store, rules: &[&[Rule]]) {
    for rule in rules.iter().copied().flatten() {
        if let Err(seen) = rule.verdict(store).await {
            panic!("the store breaks the rule {}: {seen}", rule.name);
        }
    }
}
