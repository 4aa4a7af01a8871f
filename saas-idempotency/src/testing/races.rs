//! What holds when many ask at once.

use futures_util::future::{join, join_all};

use super::given::{attempt, claimed, done, reply, retry, running};
use crate::store::{Attempt, Claimed, Store};

/// `contenders` at once, `rounds` times: of those who claim a record, take over a lapsed one, record
/// an outcome without a claim, or end the same attempt, one wins each time, and everybody else finds
/// what it made; an attempt that ends while others take it over ends, or is fenced out.
///
/// They run interleaved and on one thread; where a store's calls never wait, as in memory, race them
/// on threads besides.
pub async fn races(store: &dyn Store, contenders: usize, rounds: usize) {
    for round in 0..rounds {
        let first = attempt();
        let claims: Vec<_> = (0..contenders).map(|_| retry(&first, 0)).collect();
        one_claims(store, &claims, 1).await;
        let heirs: Vec<_> = (0..contenders).map(|_| retry(&first, 31)).collect();
        one_claims(store, &heirs, 2).await;
        let first = attempt();
        let claims: Vec<_> = (0..contenders).map(|_| retry(&first, 0)).collect();
        one_records(store, &claims).await;
        one_ends(store, contenders).await;
        one_ends_or_is_fenced_out(store, contenders, round % 2 == 0).await;
    }
}

async fn one_claims(store: &dyn Store, attempts: &[Attempt], number: u32) {
    let answers = join_all(attempts.iter().map(|attempt| store.claim(attempt))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    one_won(&answers, number, &running(&attempts[0]));
}

async fn one_records(store: &dyn Store, attempts: &[Attempt]) {
    let outcome = reply("one");
    let answers = join_all(attempts.iter().map(|attempt| store.record(attempt, &outcome))).await;
    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    one_won(&answers, 1, &done(&attempts[0], &outcome));
}

fn one_won(answers: &[Claimed], number: u32, found: &Claimed) {
    let won = Claimed::Won { attempt: number };
    assert_eq!(answers.iter().filter(|answer| **answer == won).count(), 1, "one winner");
    for answer in answers {
        assert!(*answer == won || answer == found, "a loser finds the winner, not {answer:?}");
    }
}

async fn one_ends(store: &dyn Store, contenders: usize) {
    let (first, outcome) = (claimed(store).await, reply("one"));
    let ends = join_all((0..contenders).map(|_| store.complete(&first.lease, &outcome))).await;
    assert_eq!(ends.into_iter().filter(|ended| *ended.as_ref().unwrap()).count(), 1, "one ending");
}

async fn one_ends_or_is_fenced_out(store: &dyn Store, contenders: usize, slow_first: bool) {
    let (slow, outcome) = (claimed(store).await, reply("slow"));
    let heirs: Vec<_> = (0..contenders).map(|_| retry(&slow, 31)).collect();
    let take_over = join_all(heirs.iter().map(|heir| store.claim(heir)));
    let (ended, answers) = if slow_first {
        join(store.complete(&slow.lease, &outcome), take_over).await
    } else {
        let (answers, ended) = join(take_over, store.complete(&slow.lease, &outcome)).await;
        (ended, answers)
    };
    let won = answers.iter().filter(|answer| matches!(answer, Ok(Claimed::Won { .. }))).count();
    let ended = usize::from(ended.unwrap());
    assert_eq!(won + ended, 1, "{won} took over and {ended} ended");
    for answer in answers {
        let answer = answer.unwrap();
        let found = if ended == 1 { done(&slow, &outcome) } else { running(&slow) };
        assert!(answer == found || answer == Claimed::Won { attempt: 2 }, "not {answer:?}");
    }
}
