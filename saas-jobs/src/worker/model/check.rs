//! What must hold at the end: the database is as the model says, and nothing is left undone.

use proptest::prelude::*;
use uuid::Uuid;

use super::book::Book;
use super::command::{Command, End};
use super::job::{Job, Place};
use super::lines::{differences, expected, there};
use super::member::QUEUE;
use super::play::{Play, Played};
use crate::store::CANCELLED;
use crate::{Backend, JobId, JobState};

impl<DB: Backend> Play<'_, DB> {
    /// The whole database, and what it tells of each job and of the queue, is as the model says.
    pub(super) async fn compare(&mut self) -> Played {
        let mut tx = self.begin_tx().await?;
        let there = there::<DB>(&mut tx, self.queue.statements).await?;
        let differences = differences(&there, &expected(&self.book));
        prop_assert!(differences.is_empty(), "{}", differences.join("\n"));
        for (id, job) in &self.book.jobs {
            let id = JobId::from_uuid(*id);
            let status = self.queue.job(&mut tx, id, None).await?.expect("it is known");
            let (state, attempt, run_at) = stands(job);
            prop_assert_eq!(
                (status.state, status.attempt, status.run_at),
                (state, attempt, run_at)
            );
            prop_assert_eq!((status.tenant, status.max_attempts), (job.tenant, job.max));
            let failed = status.last_error.map(|error| (error.attempt, error.at));
            prop_assert_eq!(
                failed,
                job.errors.last_key_value().map(|(attempt, at)| (*attempt, *at))
            );
        }
        for id in &self.book.gone {
            let known = self.queue.job(&mut tx, JobId::from_uuid(*id), None).await?;
            prop_assert!(known.is_none(), "it was forgotten: {:?}", known);
        }
        let stats = self.queue.stats(&mut tx).await?;
        let counts = stats
            .iter()
            .find(|stats| stats.queue == QUEUE)
            .map_or([0; 4], |stats| [stats.ready, stats.scheduled, stats.running, stats.dead]);
        prop_assert_eq!(counts, self.book.counts(), "ready, scheduled, running, dead");
        tx.rollback().await?;
        Ok(())
    }

    /// Every worker crashes, and one that comes after them runs what is left: no job is lost.
    pub(super) async fn finish(&mut self) -> Played {
        while !self.open.is_empty() {
            self.settle(0, false).await?;
        }
        for worker in 0..self.members.len() {
            self.step(&Command::Crash { worker }).await?;
        }
        self.step(&Command::Wait { seconds: 3600 }).await?;
        let worker = 0;
        self.step(&Command::Beat { worker }).await?;
        self.step(&Command::Rescue { worker }).await?;
        // The one that came last was struck off too, for it was silent for an hour.
        self.step(&Command::Beat { worker }).await?;
        let unended = |book: &Book| book.jobs.values().filter(|job| job.is_unended()).count();
        for _ in 0..=unended(&self.book) {
            if unended(&self.book) == 0 {
                break;
            }
            self.step(&Command::Promote { worker }).await?;
            self.step(&Command::Claim { worker, want: 8, told: false }).await?;
            while !self.members[worker].held.is_empty() {
                self.step(&Command::Start { worker }).await?;
                self.step(&Command::End { run: 0, end: End::Done }).await?;
            }
            self.step(&Command::Record { worker }).await?;
        }
        let lost: Vec<&Uuid> =
            self.book.jobs.iter().filter(|(_, job)| job.is_unended()).map(|(id, _)| id).collect();
        prop_assert!(lost.is_empty(), "never run: {:?}", lost);
        self.compare().await
    }
}

/// What a job's status must say.
fn stands(job: &Job) -> (JobState, u16, Option<chrono::DateTime<chrono::Utc>>) {
    match job.place {
        Place::Ready(attempt) => (JobState::Ready, attempt, None),
        Place::Later(attempt, run_at) => (JobState::Scheduled, attempt, Some(run_at)),
        Place::Held(before) => (JobState::Running, before + 1, None),
        Place::Ended { state: CANCELLED, attempt, .. } => (JobState::Cancelled, attempt, None),
        Place::Ended { attempt, .. } => (JobState::Dead, attempt, None),
        // Known of a done job is only how often it failed before.
        Place::Done => {
            let failed = job.errors.last_key_value();
            (JobState::Done, failed.map_or(0, |(attempt, _)| *attempt) + 1, None)
        }
    }
}
