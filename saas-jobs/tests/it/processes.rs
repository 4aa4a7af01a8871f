//! Worker processes of their own, which are killed, paused and told to stop.

mod child;
mod deed;
mod kills;
mod ledger;
mod pauses;
mod stops;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use saas_core::sql::{Reads, Statements};
use saas_jobs::{Backend, JobId, QueueStats};
use sqlx::QueryBuilder;
use tempfile::TempDir;

use self::child::{Orders, Process};
use self::deed::Deed;
use self::ledger::{Entry, Event, Ledger};
use crate::site::Site;

/// How long to go on, where that is said: the usual run is short.
fn soak() -> Option<Duration> {
    let seconds = std::env::var("SAAS_SOAK_SECONDS").ok()?;
    Some(Duration::from_secs(seconds.parse().expect("a number of seconds")))
}

/// Once, or again and again for as long as a soak is to go on.
async fn repeat(mut round: impl AsyncFnMut()) {
    let begun = Instant::now();
    round().await;
    while soak().is_some_and(|length| begun.elapsed() < length) {
        round().await;
    }
}

/// Where worker processes work for a test.
struct Ground<'s, DB: Backend> {
    site: &'s Site<DB>,
    orders: Orders,
    ledger: Ledger,
    folder: TempDir,
}

impl<'s, DB: Backend> Ground<'s, DB> {
    fn new(site: &'s Site<DB>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let orders = Orders {
            url: site.url(),
            unnamed: site.how == Statements::Unnamed,
            queue: site.name.clone(),
            folder: folder.path().to_owned(),
            concurrency: 8,
            lease: Duration::from_secs(12),
            grace: Duration::from_secs(25),
        };
        Self { site, ledger: Ledger::open(folder.path()), orders, folder }
    }

    /// Starts a worker.
    fn start(&self) -> Process {
        Process::start(&self.orders)
    }

    /// Lets deeds go on that are held.
    fn open_gate(&self) {
        std::fs::write(self.folder.path().join(deed::GATE), "").unwrap();
    }

    async fn enqueue(&self, deeds: impl IntoIterator<Item = Deed>) -> Vec<JobId> {
        let mut tx = self.site.pool.begin().await.unwrap();
        let ids = self.site.queue.enqueue_many(&mut tx, deeds, self.site.options()).await.unwrap();
        tx.commit().await.unwrap();
        ids
    }

    /// How often each job has had the effect of this note.
    async fn noted(&self, note: &str) -> HashMap<JobId, usize> {
        let mut tx = self.site.pool.begin().await.unwrap();
        let mut query = QueryBuilder::<DB>::new("select job from effects where note = ");
        DB::push_bind(&mut query, &note.to_owned());
        let mut noted = HashMap::new();
        for row in DB::fetch_all(&mut tx, query, self.site.how).await.unwrap() {
            let (job,) = <DB as Reads<(String,)>>::read(&row).unwrap();
            *noted.entry(job.parse().unwrap()).or_insert(0) += 1;
        }
        noted
    }

    /// Waits until these jobs have had their effect, and asserts that each has had it once.
    async fn until_done(&self, jobs: &[JobId]) {
        let mut noted = HashMap::new();
        until("the jobs are done", async || {
            noted = self.noted(&self.site.name).await;
            jobs.iter().all(|job| noted.contains_key(job))
        })
        .await;
        assert!(jobs.iter().all(|job| noted[job] == 1), "an effect twice: {noted:?}");
    }

    /// How many jobs workers hold.
    async fn held(&self) -> u64 {
        self.stats().await.map_or(0, |stats| stats.running)
    }

    /// How many jobs have not succeeded.
    async fn left(&self) -> u64 {
        let left = |stats: QueueStats| stats.ready + stats.scheduled + stats.running + stats.dead;
        self.stats().await.map_or(0, left)
    }

    async fn stats(&self) -> Option<QueueStats> {
        let mut tx = self.site.pool.begin().await.unwrap();
        let stats = self.site.queue.stats(&mut tx).await.unwrap();
        stats.into_iter().find(|stats| stats.queue == self.site.name)
    }

    /// What has come to pass of this kind, with these jobs, in any worker.
    fn entries(&mut self, event: Event, jobs: &[JobId]) -> Vec<Entry> {
        let entries = self.ledger.read().iter();
        entries.filter(|entry| entry.event == event && jobs.contains(&entry.job)).copied().collect()
    }
}

/// Waits, at most a minute, until this holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
