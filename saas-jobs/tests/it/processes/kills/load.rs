//! Jobs that the test enqueues all the while, in transactions of which some break off.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::Duration;

use saas_jobs::{Backend, JobId};

use crate::processes::deed::{Deed, stepped};
use crate::processes::{Ground, until};
use crate::site::effect;

const DEEDS: [Deed; 10] = [
    Deed::Quick,
    Deed::Slow(300),
    Deed::Quick,
    Deed::Step,
    Deed::Quick,
    Deed::FailOnce,
    Deed::Quick,
    Deed::Slow(1500),
    Deed::Quick,
    Deed::Quick,
];

/// What was enqueued.
#[derive(Default)]
pub(super) struct Load {
    /// In transactions of which the COMMIT was answered.
    committed: Vec<JobId>,
    /// In transactions of which it was not.
    pub(super) unknown: Vec<JobId>,
    stepped: BTreeSet<JobId>,
}

impl Load {
    /// Enqueues until it is over.
    pub(super) async fn until<DB: Backend>(ground: &Ground<'_, DB>, over: &Cell<bool>) -> Self {
        let mut load = Self::default();
        // Few at a time, so that a kill is likely to meet one of their transactions.
        for deeds in DEEDS.chunks(2).cycle().take_while(|_| !over.get()) {
            let mut jobs = Vec::new();
            let committed = enqueue(ground, deeds, &mut jobs).await.is_ok();
            let steps = jobs.iter().zip(deeds).filter(|(_, deed)| **deed == Deed::Step);
            load.stepped.extend(steps.map(|(job, _)| *job));
            if committed { &mut load.committed } else { &mut load.unknown }.append(&mut jobs);
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        load
    }

    /// Asserts just that, and returns the jobs that exist.
    pub(super) async fn exist_if_their_transaction_committed<DB: Backend>(
        &self,
        ground: &Ground<'_, DB>,
    ) -> Vec<JobId> {
        let site = ground.site;
        let rows = ground.noted(&ordered(&site.name)).await;
        assert!(self.committed.iter().all(|job| rows.contains_key(job)), "a commit was lost");
        for job in &self.unknown {
            let mut tx = site.pool.begin().await.unwrap();
            let known = site.queue.job(&mut tx, *job, None).await.unwrap().is_some();
            assert_eq!(known, rows.contains_key(job), "{job}: half a transaction");
        }
        rows.into_keys().collect()
    }

    /// Asserts that these jobs, all that exist, are done, with the effects they should have.
    pub(super) async fn had_each_effect_once<DB: Backend>(
        &self,
        ground: &Ground<'_, DB>,
        jobs: &[JobId],
    ) {
        let queue = &ground.site.name;
        assert_eq!(ground.noted(queue).await.len(), jobs.len(), "effects of no job");
        let steps = ground.noted(&stepped(queue)).await;
        assert!(steps.values().all(|times| *times == 1), "a step was taken twice");
        for job in jobs {
            assert_eq!(steps.contains_key(job), self.stepped.contains(job), "{job}: its step");
        }
        until("all are recorded as done", async || ground.left().await == 0).await;
    }
}

/// The ids of what it enqueues are told even if it breaks off.
async fn enqueue<DB: Backend>(
    ground: &Ground<'_, DB>,
    deeds: &[Deed],
    jobs: &mut Vec<JobId>,
) -> Result<(), saas_jobs::Error> {
    let site = ground.site;
    let mut tx = site.pool.begin_with(site.begin()).await?;
    for deed in deeds {
        let job = site.queue.enqueue_with(&mut tx, *deed, site.options()).await?;
        jobs.push(job);
        effect::<DB>(&mut tx, job, &ordered(&site.name), site.how).await?;
    }
    Ok(tx.commit().await?)
}

/// The note of a row that is written where the job is enqueued.
fn ordered(queue: &str) -> String {
    format!("{queue} ordered")
}
