//! The trace of the one who enqueued reaches the handler.

use std::sync::{Arc, Mutex};

use saas_jobs::{Backend, Job, JobContext, JobResult, Outcome, Run, Worker};
use serde::{Deserialize, Serialize};

use crate::site::Site;

on_every_database! {
    false:
        a_job_carries_the_trace_it_was_enqueued_in;
}

const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

type Seen = Arc<Mutex<Vec<Option<String>>>>;

#[derive(Serialize, Deserialize)]
struct Follow;

impl Job for Follow {
    const KIND: &'static str = "follow";
}

impl Run<Seen> for Follow {
    async fn run(self, cx: JobContext<'_, Seen>) -> JobResult {
        cx.context().lock().unwrap().push(cx.trace().map(str::to_owned));
        Ok(Outcome::done())
    }
}

/// One at a time, many by one statement, very many by COPY; ready and scheduled.
async fn a_job_carries_the_trace_it_was_enqueued_in<DB: Backend>(site: &Site<DB>) {
    let seen = Seen::default();
    let traced = || site.options().trace(TRACE);
    site.enqueue_with(Follow, traced()).await;
    site.enqueue_with(Follow, traced().delay(std::time::Duration::from_micros(1))).await;
    let mut tx = site.pool.begin().await.unwrap();
    let many = |count| (0..count).map(|_| Follow);
    site.queue.enqueue_many(&mut tx, many(3), traced()).await.unwrap();
    site.queue.enqueue_many(&mut tx, many(600), traced()).await.unwrap();
    tx.commit().await.unwrap();
    site.enqueue_with(Follow, site.options().trace("none of that kind")).await;
    site.enqueue(Follow).await;
    let worker = Worker::new(site.pool.clone(), site.queue.clone(), Arc::clone(&seen));
    let drained = worker.queue(site.name.clone()).register::<Follow>().drain().await.unwrap();
    assert_eq!(drained.done, 607);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.iter().filter(|trace| trace.as_deref() == Some(TRACE)).count(), 605);
    assert_eq!(seen.iter().filter(|trace| trace.is_none()).count(), 2);
}
