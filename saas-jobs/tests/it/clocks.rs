//! Machines whose clocks jump.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use saas_core::sql::Statements;
use saas_core::{Clock, SystemClock};
use saas_jobs::{Backend, JobState, Queue, Worker};

use crate::jobs::{Act, App};
use crate::site::Site;

// Clocks concern every queue of a database: each test has one of its own.
on_every_database! {
    true:
        slow_clocks_that_jump_lose_no_job_and_double_no_effect;
}

/// The machine's clock, so many seconds off.
#[derive(Debug, Default)]
struct Skewed(AtomicI64);

impl Clock for Skewed {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::seconds(self.0.load(Ordering::Relaxed))
    }
}

async fn slow_clocks_that_jump_lose_no_job_and_double_no_effect<DB: Backend>(site: &Site<DB>) {
    const JOBS: usize = 200;
    // By the others' measure a lease is over at once, lasts for an hour, or is a little off.
    const JUMPS: [i64; 7] = [0, 3600, -3600, 3, -3, 60, -60];
    let app = App::new(&site.pool, &site.queue);
    let stop = tokio::sync::watch::Sender::new(false);
    let mut workers = Vec::new();
    let clocks: [Arc<Skewed>; 2] = Default::default();
    for clock in &clocks {
        let mut queue = Queue::<DB>::new().clock(Arc::clone(clock) as Arc<dyn Clock>);
        if site.how == Statements::Unnamed {
            queue = queue.unnamed();
        }
        let worker = Worker::new(site.pool.clone(), queue, app.clone())
            .queue(site.name.clone())
            .poll(Duration::from_millis(10), Duration::from_millis(50))
            .lease(Duration::from_secs(2))
            .concurrency(4)
            .register::<Act>();
        let mut stopped = stop.subscribe();
        let stopped = async move { drop(stopped.wait_for(|stop| *stop).await) };
        workers.push(tokio::spawn(worker.run_until(stopped)));
    }
    let mut jobs = Vec::new();
    for n in 0..JOBS {
        // A run that is cut short costs an attempt, however little time has gone by.
        let options = site.options().max_attempts(10_000);
        jobs.push(site.enqueue_with(Act::Complete(site.name.clone()), options).await);
        if n % 8 == 0 {
            clocks[n / 8 % 2].0.store(JUMPS[n / 8 % JUMPS.len()], Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(120)).await;
        }
    }
    clocks.iter().for_each(|clock| clock.0.store(0, Ordering::Relaxed));
    for job in jobs {
        site.until(job, JobState::Done).await;
    }
    assert_eq!(site.effects(&site.name).await, JOBS);
    stop.send_replace(true);
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
}
