//! Plays commands on a database and on the model, and compares what they answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use saas_core::{Clock, ManualClock, SystemClock, TenantId};
use sqlx::Pool;
use uuid::Uuid;

use super::book::Book;
use super::command::Command;
use super::job::Job;
use super::member::Member;
use super::scripted::Opened;
use crate::{Backend, Queue};

pub(super) type Played<T = ()> = Result<T, TestCaseError>;

/// How often what may happen did.
pub(super) type Tally = BTreeMap<&'static str, u64>;

pub(super) struct Play<'a, DB: Backend> {
    pub(super) pool: &'a Pool<DB>,
    pub(super) queue: Queue<DB>,
    pub(super) tenants: [TenantId; 2],
    pub(super) book: Book,
    pub(super) number: u32,
    pub(super) seen: &'a mut Tally,
    clock: Arc<ManualClock>,
    begun: (Instant, DateTime<Utc>),
    pub(super) members: Vec<Member<DB>>,
    pub(super) open: Vec<Open<DB>>,
    pub(super) runs: usize,
    pub(super) commands: usize,
}

/// A transaction that was left open.
pub(super) struct Open<DB: Backend> {
    pub(super) tx: Opened<DB>,
    /// The worker whose handler it is of; `None` if it is the application's.
    pub(super) member: Option<usize>,
    pub(super) what: What,
}

pub(super) enum What {
    Jobs(Vec<(Uuid, Job)>),
    /// When, and whether the lease was held.
    Completion {
        lease: Uuid,
        job: Uuid,
        at: DateTime<Utc>,
        held: bool,
    },
}

impl<'a, DB: Backend> Play<'a, DB> {
    pub(super) async fn begin(
        pool: &'a Pool<DB>,
        queue: &Queue<DB>,
        seen: &'a mut Tally,
    ) -> Played<Self> {
        let clock = Arc::new(ManualClock::at(SystemClock.now()));
        let queue = queue.clone().clock(Arc::clone(&clock) as Arc<dyn Clock>);
        let book = Book { now: clock.now(), ..Book::default() };
        let begun = (Instant::now(), book.now);
        let (members, open) = (Vec::new(), Vec::new());
        let tenants = [TenantId::new(), TenantId::new()];
        let mut play = Self {
            pool,
            queue,
            tenants,
            book,
            number: 0,
            seen,
            clock,
            begun,
            members,
            open,
            runs: 0,
            commands: 0,
        };
        for _ in 0..3 {
            let member = play.hire().await?;
            play.members.push(member);
        }
        Ok(play)
    }

    pub(super) fn saw(&mut self, what: &'static str) {
        *self.seen.entry(what).or_default() += 1;
    }

    /// Does one thing on both sides.
    pub(super) async fn step(&mut self, command: &Command) -> Played {
        self.commands += 1;
        self.act(command).await?;
        self.book.note(self.commands);
        Ok(())
    }

    async fn act(&mut self, command: &Command) -> Played {
        match *command {
            Command::Enqueue { count, new, fate } => self.enqueue(count, &new, fate).await,
            Command::Unique { key, hold, replace, new } => {
                self.unique(key, hold, replace, &new).await
            }
            Command::EnqueueAgain { job } => self.enqueue_again(job).await,
            Command::Claim { worker, want, told } => self.claim(worker, want, told).await,
            Command::BreakOff { worker, most_log2 } => self.break_off(worker, most_log2).await,
            Command::Start { worker } => match self.who(worker, |member| !member.held.is_empty()) {
                Some(worker) => self.start(worker).await,
                None => Ok(()),
            },
            Command::Complete { run, fate } => self.complete(run, fate).await,
            Command::Step { run, commits } => self.take_step(run, commits).await,
            Command::Settle { open, commits } => match self.open.len() {
                0 => Ok(()),
                all => self.settle(open % all, commits).await,
            },
            Command::End { run, end } => self.end(run, end).await,
            Command::Record { worker } => match self.who(worker, |member| !member.ended.is_empty())
            {
                Some(worker) => self.record(worker).await,
                None => Ok(()),
            },
            Command::Beat { worker } => {
                let member = &mut self.members[worker];
                let lives = self.book.workers.contains_key(&member.epoch.worker);
                prop_assert_eq!(member.beat().await?, lives, "a sign of life");
                self.renewed(worker);
                if !lives {
                    self.saw("a worker that learns that it was taken for dead");
                }
                Ok(())
            }
            Command::Crash { worker } => self.crash(worker).await,
            Command::Stop { worker } => self.stop(worker).await,
            Command::Promote { worker } => {
                let promoted = self.members[worker].promote().await?;
                prop_assert_eq!(promoted, self.book.promote(), "promoted");
                Ok(())
            }
            Command::Rescue { worker } => {
                let rescued = self.members[worker].rescue().await?;
                let unheard = std::mem::take(&mut self.members[worker].unheard);
                prop_assert_eq!(rescued, self.book.rescue(&unheard), "rescued");
                if rescued > 0 {
                    self.saw("a rescue");
                }
                Ok(())
            }
            Command::Wait { seconds } => {
                self.clock.advance(Duration::from_secs(seconds));
                self.book.now = self.clock.now();
                Ok(())
            }
            Command::Cancel { job, asks } => self.cancel(job, asks).await,
            Command::Reschedule { job, asks, seconds } => self.reschedule(job, asks, seconds).await,
            Command::Redrive { letter, most } => self.redrive(letter, most).await,
            Command::Discard { letter, most } => self.discard(letter, most).await,
            Command::Clear => self.clear().await,
        }
    }

    /// A worker that begins now.
    pub(super) async fn hire(&mut self) -> Played<Member<DB>> {
        let member = Member::begin(self.pool, &self.queue, self.instant()).await?;
        self.book.workers.insert(member.epoch.worker, self.expires_at());
        Ok(member)
    }

    fn renewed(&mut self, worker: usize) {
        let expires_at = self.expires_at();
        self.book.workers.insert(self.members[worker].epoch.worker, expires_at);
    }

    fn expires_at(&self) -> DateTime<Utc> {
        crate::options::after(self.book.now, super::member::LEASE)
    }

    /// The time of the clock that is turned, for what goes by the machine's.
    pub(super) fn instant(&self) -> Instant {
        self.begun.0 + (self.book.now - self.begun.1).to_std().unwrap_or_default()
    }

    /// One of the workers of which this is true.
    fn who(&self, which: usize, is: impl Fn(&Member<DB>) -> bool) -> Option<usize> {
        let all: Vec<_> = (0..self.members.len()).filter(|at| is(&self.members[*at])).collect();
        all.get(which.checked_rem(all.len())?).copied()
    }

    /// The member and number of a run.
    pub(super) fn run(&self, which: usize) -> Option<(usize, usize)> {
        let all = self
            .members
            .iter()
            .enumerate()
            .flat_map(|(at, member)| member.runs.keys().map(move |number| (at, *number)));
        let all: Vec<_> = all.collect();
        all.get(which.checked_rem(all.len())?).copied()
    }
}
