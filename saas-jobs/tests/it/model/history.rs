//! What ran when, and on which worker.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use saas_jobs::{Backend, JobId};
use sqlx::Pool;

use super::told::LEASE;

#[derive(Debug, Clone, Default)]
pub(super) struct History(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    runs: Vec<Ran>,
    /// When a worker was last heard of.
    heard: HashMap<usize, Instant>,
    /// Since when one was silent for so long that its jobs may have been taken from it.
    silent: Vec<(usize, Instant)>,
    /// Jobs of which some run has returned done without a transaction.
    done: HashSet<JobId>,
    snoozed: HashSet<JobId>,
}

#[derive(Debug)]
struct Ran {
    job: JobId,
    worker: usize,
    from: Instant,
    to: Option<Instant>,
}

/// A run under way; its end is noted however it comes.
pub(super) struct Run(History, usize);

impl Drop for Run {
    fn drop(&mut self) {
        self.0.lock().runs[self.1].to = Some(Instant::now());
    }
}

impl History {
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap()
    }

    pub(super) fn begun(&self, job: JobId, worker: usize) -> Run {
        let mut noted = self.lock();
        noted.runs.push(Ran { job, worker, from: Instant::now(), to: None });
        Run(self.clone(), noted.runs.len() - 1)
    }

    pub(super) fn returned_done(&self, job: JobId) {
        self.lock().done.insert(job);
    }

    pub(super) fn is_first_snooze(&self, job: JobId) -> bool {
        self.lock().snoozed.insert(job)
    }

    /// Notes when the worker whose runtime this is, is silent, be it that it cannot reach the database:
    /// a slow disk keeps SQLite's write lock from its heart as well.
    pub(super) async fn listen<DB: Backend>(self, worker: usize, line: Pool<DB>) {
        loop {
            if let Ok(tx) = line.begin_with(crate::site::begin::<DB>()).await {
                drop(tx.commit().await);
            }
            let heard = self.lock().heard.insert(worker, Instant::now());
            if heard.is_some_and(|heard| heard.elapsed() > LEASE / 4) {
                self.lock().silent.extend(heard.map(|heard| (worker, heard)));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Notes that a worker gives no more signs, or none for some time.
    pub(super) fn falls_silent(&self, worker: usize) {
        let mut noted = self.lock();
        let heard = noted.heard.get(&worker).copied();
        noted.silent.push((worker, heard.unwrap_or_else(Instant::now)));
    }

    /// Unless the worker of the earlier run was silent, or crashed, before the later one began.
    pub(super) fn no_job_ran_twice_at_once(&self) {
        let noted = self.lock();
        for (at, later) in noted.runs.iter().enumerate() {
            let earlier = noted.runs[..at].iter().filter(|ran| ran.job == later.job);
            for ran in earlier.filter(|ran| ran.to.is_none_or(|to| to > later.from)) {
                assert!(noted.was_silent(ran.worker, later.from), "{ran:?} {later:?}");
            }
        }
    }

    /// A job had ended by this moment, so nobody but a worker that was silent begins it after.
    pub(super) fn did_not_run_since(&self, job: JobId, moment: Instant) {
        let noted = self.lock();
        for ran in noted.runs.iter().filter(|ran| ran.job == job && ran.from > moment) {
            assert!(noted.was_silent(ran.worker, ran.from), "{ran:?} after {moment:?}");
        }
    }

    /// Whether some run of a job has returned done, without a transaction.
    pub(super) fn returned(&self, job: JobId) -> bool {
        self.lock().done.contains(&job)
    }
}

impl Noted {
    fn was_silent(&self, worker: usize, before: Instant) -> bool {
        self.silent.iter().any(|(silent, since)| *silent == worker && *since < before)
    }
}
