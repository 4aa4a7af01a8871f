//! What handlers do, and what becomes of them and of their workers.

use proptest::prelude::*;
use saas_core::schema::Dialect;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::book::Ended;
use super::command::{End, Fate};
use super::job::Place;
use super::play::{Open, Play, Played, What};
use super::running::Started;
use super::scripted::{Opened, Order, Stepped};
use crate::Backend;

/// How many transactions may be open at once.
const MOST_OPEN: usize = 4;

impl<DB: Backend> Play<'_, DB> {
    /// A handler completes its job, and commits, or not, or not yet.
    pub(super) async fn complete(&mut self, which: usize, fate: Fate) -> Played {
        let Some((member, number)) = self.run(which) else { return Ok(()) };
        let run = &self.members[member].runs[&number];
        let (lease, job) = (run.lease, run.job);
        let is_open = |open: &Open<DB>| matches!(open.what, What::Completion { lease: of, job: id, .. } if (of, id) == (lease, job));
        // A handler that completes its job once more would do its work once more.
        if self.book.is_recorded(lease, job) || self.open.iter().any(is_open) {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        let tx = self.begin_tx().await?;
        let run = self.members[member].runs.get_mut(&number).expect("it runs");
        prop_assert!(run.orders.send(Order::Complete(tx, answer)).is_ok(), "the handler listens");
        let (tx, held) = answered.await?;
        (run.touched, run.receipt) = (true, held);
        let expected = self.book.leases.contains_key(&lease);
        prop_assert_eq!(held, expected, "whether the lease is held");
        if let Some(lease) = self.book.leases.get_mut(&lease) {
            lease.open += 1;
        }
        let what = What::Completion { lease, job, at: self.book.now, held };
        self.left(Open { tx, member: Some(member), what }, fate).await
    }

    /// Ends a transaction, or leaves it open if there may be more than one.
    pub(super) async fn left(&mut self, open: Open<DB>, fate: Fate) -> Played {
        let may_stay = DB::DIALECT == Dialect::Postgres && self.open.len() < MOST_OPEN;
        self.open.push(open);
        match fate {
            Fate::StaysOpen if may_stay => Ok(()),
            fate => self.settle(self.open.len() - 1, !matches!(fate, Fate::RollsBack)).await,
        }
    }

    /// Ends a transaction that was left open.
    pub(super) async fn settle(&mut self, which: usize, commits: bool) -> Played {
        let Open { tx, what, .. } = self.open.remove(which);
        // One that completed a job without its lease cannot commit, whatever its handler does.
        let committed = if commits { tx.commit().await } else { tx.rollback().await };
        match what {
            What::Jobs(jobs) => {
                committed?;
                if commits {
                    self.book.jobs.extend(jobs);
                }
            }
            What::Completion { lease, job, at, held } => {
                if held {
                    committed?;
                    self.book.leases.get_mut(&lease).expect("it is locked").open -= 1;
                }
                match (held, commits) {
                    (true, true) => self.book.complete(lease, job, at),
                    (false, true) => self.saw("a completion that cannot commit"),
                    (_, false) => {}
                }
                if held && commits {
                    self.saw("a completion that commits");
                }
            }
        }
        Ok(())
    }

    pub(super) async fn take_step(&mut self, which: usize, commits: bool) -> Played {
        let Some((member, number)) = self.run(which) else { return Ok(()) };
        let (answer, answered) = oneshot::channel();
        let tx = self.begin_tx().await?;
        let run = &self.members[member].runs[&number];
        let (lease, job) = (run.lease, run.job);
        prop_assert!(run.orders.send(Order::Step(tx, answer)).is_ok(), "the handler listens");
        let (tx, stepped) = answered.await?;
        let expected = match (self.book.steps.contains(&job), self.book.leases.contains_key(&lease))
        {
            (true, _) => Stepped::Before,
            (false, true) => Stepped::Now,
            (false, false) => Stepped::Lost,
        };
        prop_assert_eq!(stepped, expected, "a step");
        let committed = if commits { tx.commit().await } else { tx.rollback().await };
        if stepped != Stepped::Lost {
            committed?;
        }
        if stepped == Stepped::Now && commits {
            self.book.steps.insert(job);
            self.book.effects.push((job, "stepped"));
        }
        self.saw(match stepped {
            Stepped::Before => "a step that was taken before",
            Stepped::Now => "a step",
            Stepped::Lost => "a step that cannot commit",
        });
        Ok(())
    }

    /// A handler ends; what it left open stays so.
    pub(super) async fn end(&mut self, which: usize, end: End) -> Played {
        let Some((at, number)) = self.run(which) else { return Ok(()) };
        let member = &mut self.members[at];
        let run = member.runs.remove(&number).expect("it runs");
        prop_assert!(run.orders.send(Order::End(end)).is_ok(), "the handler listens");
        let (lease, job, before) = (run.lease, run.job, run.before);
        let (touched, receipt) = (run.touched, run.receipt);
        member.finish(run).await?;
        // A receipt is good for nothing if its transaction does not commit.
        let end = if receipt && matches!(end, End::Done) { End::Fail } else { end };
        self.ended(at, (lease, job, before), touched, Some(end));
        Ok(())
    }

    /// Notes how a run ended, if not by itself then as abandoned.
    fn ended(&mut self, at: usize, run: (Uuid, Uuid, u16), touched: bool, end: Option<End>) {
        let ((lease, id, before), now) = (run, self.book.now);
        // Of a job that was forgotten the lease was lost before.
        let (becomes, failed) = match (self.book.jobs.get(&id), end) {
            (Some(job), Some(end)) => job.after(before, end, now),
            (Some(job), None) => job.abandoned(before, now),
            (None, _) => (Place::Done, None),
        };
        self.members[at].ended.push(Ended { lease, job: id, touched, becomes, failed });
        self.book.heard(lease);
    }

    pub(super) async fn record(&mut self, at: usize) -> Played {
        let member = &mut self.members[at];
        member.record().await?;
        if self.book.record(&mut member.ended) > 0 {
            self.saw("an outcome that comes too late");
        }
        Ok(())
    }

    /// The worker's process is killed, and its connections with it; another is started.
    pub(super) async fn crash(&mut self, at: usize) -> Played {
        while let Some(open) = self.open.iter().position(|open| open.member == Some(at)) {
            self.settle(open, false).await?;
        }
        if !self.members[at].runs.is_empty() {
            self.saw("a crash of a worker at work");
        }
        self.members[at] = self.hire().await?;
        Ok(())
    }

    /// The worker is stopped, and nothing it runs may go on; another is started.
    pub(super) async fn stop(&mut self, at: usize) -> Played {
        self.members[at].stop();
        while let Some(held) = self.members[at].held.pop_front() {
            let (lease, job, before) =
                (held.lease.id, held.job.id, held.job.attempt.unsigned_abs());
            let Started::GivenBack(finished) = self.members[at].start(held).await? else {
                return Err(TestCaseError::fail("a worker that stops begins nothing"));
            };
            self.members[at].finished(finished);
            self.saw("a job given back unbegun");
            let (becomes, failed) = (Place::Ready(before), None);
            self.members[at].ended.push(Ended { lease, job, touched: false, becomes, failed });
            self.book.heard(lease);
        }
        while let Some((_, run)) = self.members[at].runs.pop_first() {
            let (run_of, touched) = ((run.lease, run.job, run.before), run.touched);
            // What its handler has open goes when it is dropped.
            let open = |open: &Open<DB>| matches!(open.what, What::Completion { lease, job, .. } if (lease, job) == (run_of.0, run_of.1));
            while let Some(open) = self.open.iter().position(open) {
                self.settle(open, false).await?;
            }
            self.members[at].finish(run).await?;
            self.ended(at, run_of, touched, None);
            self.saw("a run abandoned by a worker that stops");
        }
        self.record(at).await?;
        let worker = self.members[at].epoch.worker;
        self.members[at].retire().await?;
        if self.book.leases.values().all(|lease| lease.worker != worker) {
            self.book.workers.remove(&worker);
        }
        // What was left open by handlers that ended before is of nobody any more.
        self.open
            .iter_mut()
            .filter(|open| open.member == Some(at))
            .for_each(|open| open.member = None);
        self.members[at] = self.hire().await?;
        Ok(())
    }

    pub(super) async fn begin_tx(&self) -> Result<Opened<DB>, sqlx::Error> {
        self.pool.begin_with(DB::BEGIN).await
    }
}
