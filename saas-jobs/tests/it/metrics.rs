//! What a worker counts, and what its gauges show.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use saas_core::TenantId;
use saas_jobs::Backend;

use crate::jobs::{Act, App};
use crate::site::Site;

on_every_database! {
    false:
        gauges_show_how_full_a_queue_is_and_one_worker_samples_it;
    true:
        runs_are_counted_by_kind_queue_and_outcome;
}

type Values = BTreeMap<String, f64>;

/// What all tests of this process have recorded so far; a snapshot takes counters away.
static ALL: OnceLock<(Snapshotter, Mutex<Values>)> = OnceLock::new();

/// The process's recorder of metrics, from now on at the latest.
fn record() -> &'static (Snapshotter, Mutex<Values>) {
    ALL.get_or_init(|| {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        recorder.install().unwrap();
        (snapshotter, Mutex::default())
    })
}

/// Counters, gauges and how often histograms were told something, of one queue.
fn recorded(queue: &str) -> Values {
    let (snapshotter, all) = record();
    let mut all = all.lock().unwrap();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        let labels: Vec<_> =
            key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        let value_of = all.entry(format!("{} {}", key.name(), labels.join(" "))).or_default();
        match value {
            DebugValue::Counter(more) => *value_of += more as f64,
            DebugValue::Gauge(now) => *value_of = now.into_inner(),
            DebugValue::Histogram(more) => *value_of += more.len() as f64,
        }
    }
    let ours = all.iter().filter(|(key, _)| key.contains(queue));
    ours.map(|(key, value)| (key.replace(queue, "q"), *value)).collect()
}

async fn runs_are_counted_by_kind_queue_and_outcome<DB: Backend>(site: &Site<DB>) {
    record();
    let app = App::new(&site.pool, &site.queue);
    for act in [Act::Done, Act::Done, Act::Fail, Act::Dead, Act::Complete(site.name.clone())] {
        site.enqueue(act).await;
    }
    site.worker(&app).register::<Act>().drain().await.unwrap();
    let expected = [
        ("saas_jobs_enqueued_total kind=act queue=q", 5.0),
        ("saas_jobs_run_seconds kind=act queue=q", 5.0),
        ("saas_jobs_runs_total kind=act queue=q outcome=completed", 1.0),
        ("saas_jobs_runs_total kind=act queue=q outcome=dead", 1.0),
        ("saas_jobs_runs_total kind=act queue=q outcome=done", 2.0),
        ("saas_jobs_runs_total kind=act queue=q outcome=retry", 1.0),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value));
    assert_eq!(recorded(&site.name), Values::from(expected));
}

/// A queue in every state; its oldest ready job is in the second of three lanes, and not urgent.
async fn gauges_show_how_full_a_queue_is_and_one_worker_samples_it<DB: Backend>(site: &Site<DB>) {
    record();
    let app = App::new(&site.pool, &site.queue);
    let delayed = site.options().delay(Duration::from_secs(3600));
    site.enqueue_with(Act::Done, delayed).await;
    site.enqueue(Act::Dead).await;
    site.worker(&app).register::<Act>().drain().await.unwrap();

    let sampler = || {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let worker = site.worker(&app).register::<Act>().concurrency(1).gauges(Duration::ZERO);
        let run = worker.run_until(async {
            let _ = stopped.await;
        });
        (stop, tokio::spawn(run))
    };
    // Its one slot is taken, and it does not claim ahead as long as it has seen no job end.
    site.enqueue(Act::Hold).await;
    let (stop, first) = sampler();
    while app.runs().len() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut ready = Vec::new();
    for options in [
        site.options().tenant(TenantId::new()).priority(4),
        site.options(),
        site.options().tenant(TenantId::new()),
    ] {
        ready.push(site.enqueue_with(Act::Hold, options).await.created_at().unwrap());
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let depth = |state: &str| format!("saas_jobs_depth queue=q state={state}");
    let full = [("ready", 3.0), ("scheduled", 1.0), ("running", 1.0), ("dead", 1.0)];
    let until = |expected: [(&'static str, f64); 4]| async move {
        let mut shown = Values::new();
        for _ in 0..100 {
            shown = recorded(&site.name);
            if expected.iter().all(|(state, jobs)| shown.get(&depth(state)) == Some(jobs)) {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{expected:?} was not shown: {shown:?}");
    };
    until(full).await;
    let at_least = (ready[2] - ready[0]).as_seconds_f64();
    // A sample sets one gauge after the other, so the age may be that of the one before.
    let mut age = 0.0;
    for _ in 0..100 {
        age = recorded(&site.name)["saas_jobs_oldest_seconds queue=q"];
        if age >= at_least {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let now = saas_core::Clock::now(&saas_core::SystemClock);
    let oldest_is = (now - ready[0]).as_seconds_f64();
    assert!((at_least..=oldest_is).contains(&age), "{age}");

    // It ends the job that it has, and gives the duty back.
    app.notes.gate.add_permits(1);
    stop.send(()).unwrap();
    first.await.unwrap().unwrap();
    assert!(
        recorded(&site.name).iter().all(|(key, value)| !key.contains("depth") || *value == 0.0)
    );
    let (stop, second) = sampler();
    until([("ready", 2.0), ("scheduled", 1.0), ("running", 1.0), ("dead", 1.0)]).await;
    app.notes.gate.add_permits(1);
    stop.send(()).unwrap();
    second.await.unwrap().unwrap();
}
