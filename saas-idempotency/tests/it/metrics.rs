//! What is counted, through the `metrics` facade.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use saas_idempotency::{MemoryStore, Policy, Sweeper};

use crate::served::Served;
use crate::support::{Call, post};

/// How often each outcome was counted since the last look.
fn outcomes(seen: &Snapshotter) -> BTreeMap<String, u64> {
    let mut outcomes = BTreeMap::new();
    for (key, _, _, value) in seen.snapshot().into_vec() {
        let key = key.key();
        let label = key.labels().next();
        if let (DebugValue::Counter(count @ 1..), Some(label)) = (value, label) {
            assert_eq!((key.name(), label.key()), ("saas_idempotency_requests_total", "outcome"));
            outcomes.insert(label.value().to_owned(), count);
        }
    }
    outcomes
}

fn one(outcome: &str) -> BTreeMap<String, u64> {
    BTreeMap::from([(outcome.to_owned(), 1)])
}

#[tokio::test]
async fn each_request_is_counted_once_by_how_it_ended() {
    let recorder = DebuggingRecorder::new();
    let seen = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let served = Served::new(MemoryStore::new());
    let (policy, call) = (Policy::default(), post("/", "made"));

    for (expected, policy, call) in [
        ("executed", policy.clone(), call.clone()),
        ("replayed", policy.clone(), call.clone()),
        ("mismatch", policy.clone(), Call { body: "other".into(), ..call.clone() }),
        ("refused", policy.clone(), Call { key: None, ..call.clone() }),
        ("refused", policy.clone(), Call { scope: None, ..call.clone() }),
        ("refused", policy.clone().request_cap(1), call.clone()),
        ("released", policy.clone(), post("/", "fail")),
    ] {
        served.call(&policy, &call).await;
        assert_eq!(outcomes(&seen), one(expected), "{}", call.body);
    }

    let large = post("/", "large");
    served.call(&policy, &large).await;
    assert_eq!(outcomes(&seen), one("executed"));
    served.call(&policy, &large).await;
    assert_eq!(outcomes(&seen), one("not_kept"));

    // However often a duplicate looks while it waits.
    let waits = post("/", "wait");
    let first = tokio::spawn({
        let (served, waits) = (served.clone(), waits.clone());
        async move { served.call(&Policy::default(), &waits).await }
    });
    served.ran(served.runs() + 1).await;
    served.call(&policy.clone().wait_for_reply(Duration::from_millis(100)), &waits).await;
    assert_eq!(outcomes(&seen), one("in_progress"));
    served.let_end(1);
    first.await.unwrap();
    assert_eq!(outcomes(&seen), one("executed"));

    let full = Served::new(MemoryStore::new().max_records(0));
    assert_eq!(full.call(&policy, &call).await.status, 503);
    assert_eq!(outcomes(&seen), one("store_error"));

    served.call(&policy, &Call { method: "GET", ..call }).await;
    assert_eq!(outcomes(&seen), BTreeMap::new(), "an uncovered request is none of ours");
}

#[tokio::test]
async fn there_are_no_other_names_and_labels_than_those_of_the_page() {
    let recorder = DebuggingRecorder::new();
    let seen = recorder.snapshotter();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let served = Served::new(MemoryStore::new());
    for call in [post("/", "a"), post("/", "b")] {
        served.call(&Policy::default(), &call).await;
    }
    Sweeper::new(served.store.clone()).sweep().await.unwrap();
    let names: BTreeSet<String> = seen
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, ..)| {
            let labels: Vec<_> = key.key().labels().map(metrics::Label::key).collect();
            format!("{} {labels:?}", key.key().name())
        })
        .collect();
    let expected = [
        "saas_idempotency_claim_seconds []",
        "saas_idempotency_complete_seconds []",
        "saas_idempotency_requests_total [\"outcome\"]",
        "saas_idempotency_sweep_seconds []",
        "saas_idempotency_swept_total []",
    ];
    assert_eq!(names.iter().collect::<Vec<_>>(), expected);
}
