//! Real workers at once, that crash and freeze at random under a random load: what is promised holds
//! of each job's history and of its end. `worker::model` in the sources plays step by step what
//! nobody can time here.

mod crew;
mod history;
mod told;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use saas_core::TenantId;
use saas_jobs::{DeadLetters, JobId, JobState, Unique};
use sqlx::Pool;

use self::crew::Crew;
use self::history::History;
use self::told::{Deed, Told};
use crate::site::{self, Site};

/// How a worker pool of its own is made, on the runtime it will be used on.
type Connect<DB> = Box<dyn Fn() -> BoxFuture<'static, Pool<DB>> + Send + Sync>;

/// What the application does next.
#[derive(Debug, Clone)]
enum Act {
    Enqueue {
        deeds: Vec<Deed>,
        priority: u8,
        attempts: u16,
        tenant: bool,
        key: Option<u8>,
        delay: u64,
    },
    /// Enqueues, and thinks better of it.
    RollBack,
    Cancel(usize),
    RunNow(usize),
    Redrive,
    /// A worker is lost with all it has in memory.
    Crash(usize),
    Pause(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let deeds = prop::collection::vec(told::deed(), 1..5);
    let key = prop::option::of(0..3_u8);
    let delay = select(vec![0, 0, 0, 200]);
    let enqueue = (deeds, 1..5_u8, 2..8_u16, any::<bool>(), key, delay).prop_map(
        |(deeds, priority, attempts, tenant, key, delay)| Act::Enqueue {
            deeds,
            priority,
            attempts,
            tenant,
            key,
            delay,
        },
    );
    prop_oneof![
        12 => enqueue,
        1 => Just(Act::RollBack),
        2 => (0..60_usize).prop_map(Act::Cancel),
        2 => (0..60_usize).prop_map(Act::RunNow),
        1 => Just(Act::Redrive),
        1 => (0..3_usize).prop_map(Act::Crash),
        4 => (1..60_u64).prop_map(Act::Pause),
    ]
}

/// What the application knows of a job.
struct Known {
    id: JobId,
    key: Option<u8>,
    created: Instant,
    redriven: bool,
}

/// Plays one load, and returns what happened, and the jobs.
async fn play<DB: saas_jobs::Backend>(
    site: &Site<DB>,
    connect: &Connect<DB>,
    acts: &[Act],
) -> (History, Vec<Known>) {
    let history = History::default();
    let mut crew = Crew::new(site, connect, &history).await;
    let tenant = TenantId::new();
    let mut jobs: Vec<Known> = Vec::new();
    for act in acts {
        let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
        match act {
            Act::Enqueue { deeds, priority, attempts, tenant: of, key, delay } => {
                let job =
                    Told { note: format!("{} {}", site.name, jobs.len()), deeds: deeds.clone() };
                let options = site.options().priority(*priority).max_attempts(*attempts);
                let options = options.delay(Duration::from_millis(*delay));
                let options = if *of && key.is_none() { options.tenant(tenant) } else { options };
                let id = match key {
                    None => Some(site.queue.enqueue_with(&mut tx, job, options).await.unwrap()),
                    Some(key) => {
                        let unique = Unique::key(format!("{} {key}", site.name));
                        let answer = site.queue.enqueue_unique(&mut tx, &unique, job, options);
                        Some(answer.await.unwrap())
                            .filter(|answer| answer.is_new())
                            .map(saas_jobs::Enqueued::id)
                    }
                };
                let known = |id| Known { id, key: *key, created: Instant::now(), redriven: false };
                jobs.extend(id.map(known));
            }
            Act::RollBack => {
                let job = Told { note: "never".to_owned(), deeds: vec![Deed::Complete] };
                site.queue.enqueue_with(&mut tx, job, site.options()).await.unwrap();
                tx.rollback().await.unwrap();
                continue;
            }
            Act::Cancel(at) => {
                if let Some(job) = jobs.get(*at) {
                    site.queue.cancel(&mut tx, job.id, None, "changed our mind").await.unwrap();
                }
            }
            Act::RunNow(at) => {
                if let Some(job) = jobs.get(*at) {
                    let now = chrono::DateTime::UNIX_EPOCH;
                    site.queue.reschedule(&mut tx, job.id, None, now).await.unwrap();
                }
            }
            Act::Redrive => {
                let letters = DeadLetters::new().queue(site.name.clone());
                let dead = site.queue.dead(&mut tx, &letters, 1).await.unwrap();
                for job in jobs.iter_mut().filter(|job| dead.iter().any(|dead| dead.id == job.id)) {
                    let letter = DeadLetters::new().id(job.id);
                    job.redriven |= site.queue.redrive(&mut tx, &letter, 1).await.unwrap() == 1;
                }
            }
            Act::Crash(at) => {
                drop(tx);
                crew.crash(*at).await;
                continue;
            }
            Act::Pause(millis) => {
                drop(tx);
                tokio::time::sleep(Duration::from_millis(*millis)).await;
                continue;
            }
        }
        tx.commit().await.unwrap();
        site.queue.wake();
    }
    quiet(site).await;
    crew.stop().await;
    (history, jobs)
}

/// Waits until nothing is left to do.
async fn quiet<DB: saas_jobs::Backend>(site: &Site<DB>) {
    let begun = Instant::now();
    loop {
        let mut tx = site.pool.begin().await.unwrap();
        let all = site.queue.stats(&mut tx).await.unwrap();
        drop(tx);
        let here = all.iter().find(|stats| stats.queue == site.name);
        if here.is_none_or(|stats| stats.ready + stats.scheduled + stats.running == 0) {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "jobs are lost: {here:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn holds<DB: saas_jobs::Backend>(site: &Site<DB>, history: &History, jobs: &[Known]) {
    history.no_job_ran_twice_at_once();
    let mut held: HashMap<u8, &Known> = HashMap::new();
    for (number, job) in jobs.iter().enumerate() {
        let status = site.job(job.id).await;
        let effects = site.effects(&format!("{} {number}", site.name)).await;
        match status.state {
            JobState::Done if history.returned(job.id) => assert!(effects <= 1, "{status:?}"),
            JobState::Done => assert_eq!(effects, 1, "{status:?}"),
            JobState::Cancelled | JobState::Dead => assert_eq!(effects, 0, "{status:?}"),
            state => panic!("it is {state} though nothing is left: {status:?}"),
        }
        assert!(job.redriven || status.attempt <= status.max_attempts, "{status:?}");
        if let Some(key) = job.key
            && let Some(before) = held.insert(key, job)
            && !before.redriven
        {
            history.did_not_run_since(before.id, job.created);
        }
    }
    assert_eq!(site.effects("never").await, 0);
}

/// Some loads, one after the other, each in a queue of its own.
#[allow(clippy::print_stdout)] // A load that fails is told by what it printed.
async fn loads_end_as_promised<DB, F>(
    make: impl Fn() -> F,
    connect: impl Fn(&Site<DB>) -> Connect<DB>,
) where
    DB: saas_jobs::Backend,
    F: Future<Output = Site<DB>>,
{
    let mut runner = TestRunner::new(Config::default());
    // Four, unless `PROPTEST_CASES` says more than proptest's own 256.
    for _ in 0..runner.config().cases.div_ceil(64) {
        let site = make().await;
        let acts = prop::collection::vec(act(), 30..90).new_tree(&mut runner).unwrap().current();
        println!("{acts:?}");
        let (history, jobs) = play(&site, &connect(&site), &acts).await;
        holds(&site, &history, &jobs).await;
        site.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_random_loads_end_as_promised_on_postgres() {
    loads_end_as_promised(
        || site::postgres(false),
        |site| {
            let url = site.url();
            Box::new(move || {
                let url = url.clone();
                Box::pin(async move { sqlx::PgPool::connect(&url).await.unwrap() })
            })
        },
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_random_loads_end_as_promised_on_sqlite() {
    loads_end_as_promised(
        || site::sqlite(false),
        |site| {
            let options = saas_testkit::sqlite_options(site.url().as_ref());
            Box::new(move || {
                let options = options.clone();
                Box::pin(async move { sqlx::SqlitePool::connect_with(options).await.unwrap() })
            })
        },
    )
    .await;
}
