//! The store in memory: its bounds, and races on threads.

use std::sync::Barrier;

use futures_util::FutureExt;
use saas_idempotency::testing::{after, attempt, other, retry};
use saas_idempotency::{
    Attempt, Claimed, Error, ErrorKind, MemoryStore, Outcome, Record, Reply, Store,
};

/// Its calls never wait.
fn now<T>(call: impl Future<Output = T>) -> T {
    call.now_or_never().expect("an answer at once")
}

fn reply(bytes: usize) -> Outcome {
    Outcome::Reply(Reply::new(201).with_body(vec![b'x'; bytes]))
}

fn is_won(answer: &Result<Claimed, Error>) -> bool {
    matches!(answer, Ok(Claimed::Won { .. }))
}

/// Up to `count` records that are done and expire with the suite's first hour.
fn fill(store: &MemoryStore, count: usize, bytes: usize) -> Vec<Attempt> {
    let filled: Vec<Attempt> = (0..count).map(|_| attempt()).collect();
    for attempt in &filled {
        assert!(is_won(&now(store.record(attempt, &reply(bytes)))));
    }
    filled
}

#[track_caller]
fn is_full(answer: &Result<Claimed, Error>) {
    let error = answer.as_ref().expect_err("no room");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(matches!(error, Error::Store(_)));
}

#[test]
fn a_full_store_refuses_and_drops_no_record_that_counts() {
    let store = MemoryStore::new().max_records(3);
    let mut kept = fill(&store, 2, 10);
    kept.push(attempt());
    assert!(is_won(&now(store.claim(&kept[2]))));
    for _ in 0..100 {
        is_full(&now(store.claim(&retry(&attempt(), 3_599))));
        is_full(&now(store.record(&attempt(), &reply(0))));
    }
    assert_eq!(store.len(), 3);
    for record in &kept {
        assert!(matches!(now(store.claim(&retry(record, 0))), Ok(Claimed::Found(_))));
    }
}

#[test]
fn what_is_expired_or_released_makes_room() {
    let store = MemoryStore::new().max_records(3);
    let running = attempt();
    now(store.claim(&running)).unwrap();
    fill(&store, 2, 10);
    assert!(now(store.release(&running.lease)).unwrap());
    assert!(is_won(&now(store.claim(&retry(&running, 1)))));
    is_full(&now(store.claim(&attempt())));
    assert!(is_won(&now(store.claim(&retry(&attempt(), 3_600)))), "over expired ones");
}

#[test]
fn a_take_over_needs_no_room() {
    let store = MemoryStore::new().max_records(1);
    let first = attempt();
    now(store.claim(&first)).unwrap();
    assert_eq!(now(store.claim(&retry(&first, 30))).unwrap(), Claimed::Won { attempt: 2 });
    assert!(is_won(&now(store.record(&retry(&first, 60), &reply(9)))));
    assert!(is_won(&now(store.claim(&other(&first, 9_000)))), "nor does what replaces it");
    assert_eq!(store.len(), 1);
}

#[test]
fn a_reply_that_does_not_fit_leaves_a_tombstone() {
    let store = MemoryStore::new().max_bytes(10_000);
    let (one, two) = (attempt(), attempt());
    now(store.claim(&one)).unwrap();
    assert!(now(store.complete(&one.lease, &reply(20_000))).unwrap());
    assert!(is_won(&now(store.record(&two, &reply(20_000)))));
    for record in [&one, &two] {
        let outcome = Some(Outcome::NotKept { status: 201 });
        let found = Record { fingerprint: record.fingerprint, outcome };
        assert_eq!(now(store.claim(&retry(record, 0))).unwrap(), Claimed::Found(found));
    }
    assert!(store.bytes() < 10_000);
}

#[test]
fn replies_of_the_past_make_room_for_those_of_the_present() {
    let store = MemoryStore::new().max_bytes(100_000);
    fill(&store, 9, 10_000);
    let next = retry(&attempt(), 3_600);
    now(store.claim(&next)).unwrap();
    assert!(now(store.complete(&next.lease, &reply(90_000))).unwrap());
    let Ok(Claimed::Found(record)) = now(store.claim(&retry(&next, 3_600))) else { panic!() };
    assert_eq!(record.outcome, Some(reply(90_000)));
    assert_eq!(store.len(), 1);
}

#[test]
fn bytes_follow_what_is_there() {
    let store = MemoryStore::new();
    let first = attempt();
    now(store.claim(&first)).unwrap();
    let empty = store.bytes();
    assert!(now(store.complete(&first.lease, &reply(1_000))).unwrap());
    let grown = store.bytes() - empty;
    assert!((1_000..1_050).contains(&grown), "{grown}");
    assert_eq!(now(store.sweep(after(3_600), 10)).unwrap(), 1);
    assert_eq!((store.len(), store.bytes(), store.is_empty()), (0, 0, true));
}

#[test]
fn expired_records_do_not_pile_up_where_nobody_sweeps() {
    let store = MemoryStore::new();
    for minute in 0..1_000 {
        let passing = retry(&attempt(), minute * 60);
        assert!(is_won(&now(store.record(&passing, &reply(0)))));
        assert!(store.len() <= 61, "those of an hour, not {}", store.len());
    }
}

#[test]
fn twelve_threads_have_one_winner_each_of_five_hundred_times() {
    let store = MemoryStore::new();
    let rounds: Vec<Attempt> = (0..500).map(|_| attempt()).collect();
    let barrier = Barrier::new(12);
    let race = |seconds: i64| {
        let mut wins = vec![0; rounds.len()];
        std::thread::scope(|scope| {
            let racer = || {
                let claim = |first: &Attempt| {
                    barrier.wait();
                    is_won(&now(store.claim(&retry(first, seconds))))
                };
                rounds.iter().map(claim).collect::<Vec<bool>>()
            };
            let racers: Vec<_> = (0..12).map(|_| scope.spawn(racer)).collect();
            for racer in racers {
                for (wins, won) in wins.iter_mut().zip(racer.join().unwrap()) {
                    *wins += usize::from(won);
                }
            }
        });
        wins
    };
    assert_eq!(race(0), vec![1; 500], "of a first claim");
    assert_eq!(race(31), vec![1; 500], "of a take-over");
}

/// What the process takes, in bytes.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

#[cfg(target_os = "linux")]
#[test]
fn records_take_what_the_store_says_slow() {
    let store = MemoryStore::new().max_records(200_000).max_bytes(usize::MAX);
    let (before, outcome) = (resident(), reply(100));
    for _ in 0..200_000 {
        assert!(is_won(&now(store.record(&attempt(), &outcome))));
    }
    let (taken, counted) = (resident() - before, store.bytes());
    assert!((counted * 7 / 10..counted * 13 / 10).contains(&taken), "{taken}, not {counted}");
    is_full(&now(store.claim(&attempt())));
}
