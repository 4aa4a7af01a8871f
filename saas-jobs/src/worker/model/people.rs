//! What the application does: it enqueues, and acts on jobs that nobody runs.

use std::time::Duration;

use proptest::prelude::*;

use super::command::{Asks, Fate, Hold, New};
use super::ends::Keyed;
use super::job::{Job, later};
use super::member::QUEUE;
use super::play::{Open, Play, Played, What};
use super::scripted::Scripted;
use crate::{Backend, DeadLetters, Enqueued, JobId, Options, Retention, Unique};

impl<DB: Backend> Play<'_, DB> {
    fn options(&self, new: &New) -> Options {
        let options =
            Options::new().queue(QUEUE).priority(new.priority).max_attempts(new.max_attempts);
        let options = match new.tenant.checked_sub(1) {
            Some(at) => options.tenant(self.tenants[at]),
            None => options,
        };
        if new.delay == 0 { options } else { options.delay(Duration::from_secs(new.delay)) }
    }

    fn job(&self, number: u32, new: &New) -> Job {
        Job::new(number, new.tenant.checked_sub(1).map(|at| self.tenants[at]), new, self.book.now)
    }

    pub(super) async fn enqueue(&mut self, count: usize, new: &New, fate: Fate) -> Played {
        let jobs: Vec<_> = (0..count).map(|_| self.next()).collect();
        let mut tx = self.begin_tx().await?;
        let scripted = jobs.iter().map(|number| Scripted { number: *number });
        let ids = self.queue.enqueue_many(&mut tx, scripted, self.options(new)).await?;
        prop_assert!(ids.is_sorted_by_key(|id| id.uuid()), "ids follow the order of enqueuing");
        let jobs = ids.iter().zip(jobs).map(|(id, number)| (id.uuid(), self.job(number, new)));
        let what = What::Jobs(jobs.collect());
        self.left(Open { tx, member: None, what }, fate).await
    }

    pub(super) async fn unique(
        &mut self,
        key: usize,
        hold: Hold,
        replace: bool,
        new: &New,
    ) -> Played {
        let unique = Unique::key(key.to_string());
        let unique = match hold {
            Hold::Waiting => unique.while_waiting(),
            Hold::Unended => unique,
            Hold::Period(seconds) => unique.for_period(Duration::from_secs(seconds)),
        };
        let unique = if replace { unique.replace() } else { unique };
        let number = self.next();
        let mut tx = self.begin_tx().await?;
        let options = self.options(new);
        let enqueued =
            self.queue.enqueue_unique(&mut tx, &unique, Scripted { number }, options).await?;
        tx.commit().await?;
        let job = self.job(number, new);
        let key = (job.tenant, key);
        match self.book.key(key, hold, replace, (number, new)) {
            Keyed::Other(expected) => prop_assert_eq!(enqueued, expected, "under a key"),
            Keyed::New => {
                prop_assert!(enqueued.is_new(), "{:?} under a key that is free", enqueued);
                self.book.keys.insert(key, (enqueued.id().uuid(), self.book.now));
                self.book.jobs.insert(enqueued.id().uuid(), job);
            }
        }
        self.saw(match enqueued {
            Enqueued::New(_) => "a free key",
            Enqueued::Existing(_) => "a key that is held",
            Enqueued::Replaced(_) => "a job that is replaced",
        });
        Ok(())
    }

    pub(super) async fn enqueue_again(&mut self, which: usize) -> Played {
        let Some(id) = self.any(which) else { return Ok(()) };
        let mut tx = self.begin_tx().await?;
        let scripted = Scripted { number: 0 };
        let new = self.queue.enqueue_as(&mut tx, id, scripted, Options::new().queue(QUEUE)).await?;
        tx.commit().await?;
        prop_assert!(!new, "its id is taken");
        Ok(())
    }

    pub(super) async fn cancel(&mut self, which: usize, asks: Asks) -> Played {
        let Some(id) = self.any(which) else { return Ok(()) };
        let asks = asks.tenant(&self.tenants);
        let mut tx = self.begin_tx().await?;
        let cancelled = self.queue.cancel(&mut tx, id, asks, "changed our mind").await?;
        tx.commit().await?;
        prop_assert_eq!(cancelled, self.book.cancel(id.uuid(), asks), "cancelled");
        self.saw(if cancelled { "a job cancelled" } else { "a job that cannot be cancelled" });
        Ok(())
    }

    pub(super) async fn reschedule(&mut self, which: usize, asks: Asks, seconds: u64) -> Played {
        let Some(id) = self.any(which) else { return Ok(()) };
        let asks = asks.tenant(&self.tenants);
        let at = later(self.book.now, seconds);
        let mut tx = self.begin_tx().await?;
        let moved = self.queue.reschedule(&mut tx, id, asks, at).await?;
        tx.commit().await?;
        let run_at = (seconds > 0).then_some(at);
        prop_assert_eq!(moved, self.book.reschedule(id.uuid(), asks, run_at), "rescheduled");
        Ok(())
    }

    pub(super) async fn redrive(&mut self, letter: Option<usize>, most: u32) -> Played {
        let (which, letters) = self.letters(letter, most);
        let mut tx = self.begin_tx().await?;
        let listed = self.queue.dead(&mut tx, &which, most).await?;
        prop_assert!(listed.iter().map(|letter| letter.id.uuid()).eq(letters.iter().copied()));
        let redriven = self.queue.redrive(&mut tx, &which, most).await?;
        tx.commit().await?;
        prop_assert_eq!(redriven, letters.len() as u64, "redriven");
        self.book.redrive(&letters);
        if redriven > 0 {
            self.saw("a dead letter redriven");
        }
        Ok(())
    }

    pub(super) async fn discard(&mut self, letter: Option<usize>, most: u32) -> Played {
        let (which, letters) = self.letters(letter, most);
        let mut tx = self.begin_tx().await?;
        let discarded = self.queue.discard(&mut tx, &which, most).await?;
        tx.commit().await?;
        prop_assert_eq!(discarded, letters.len() as u64, "discarded");
        self.book.forget(&letters);
        Ok(())
    }

    /// As a worker's retention does, without its rests.
    pub(super) async fn clear(&mut self) -> Played {
        let hour = Duration::from_secs(3600);
        let retention = Retention::new().done(hour).dead(2 * hour);
        let bounds = retention.bounds(self.book.now).expect("it clears");
        let how = self.queue.statements;
        let mut tx = self.begin_tx().await?;
        let cleared =
            DB::clear(&mut tx, uuid::Uuid::nil(), bounds.first_kept, bounds.dead, how).await?;
        prop_assert_eq!(cleared.jobs, self.book.clear(bounds.first_kept, bounds.dead), "cleared");
        let records = DB::clear_batches(&mut tx, bounds.done, how).await?;
        tx.commit().await?;
        if cleared.jobs > 0 {
            self.saw("jobs cleared");
        }
        let all = self.book.clear_records(bounds.done);
        // One row holds what left a lease at a time.
        prop_assert_eq!(records > 0, all > 0, "records cleared");
        Ok(())
    }

    /// One letter, or any.
    fn letters(&self, which: Option<usize>, most: u32) -> (DeadLetters, Vec<uuid::Uuid>) {
        let mut letters = self.book.letters();
        match which {
            Some(at) if !letters.is_empty() => {
                let id = letters[at % letters.len()];
                (DeadLetters::new().id(JobId::from_uuid(id)), vec![id])
            }
            _ => {
                letters.truncate(most as usize);
                (DeadLetters::new(), letters)
            }
        }
    }

    /// Any job there is or was.
    fn any(&self, which: usize) -> Option<JobId> {
        let all: Vec<_> = self.book.jobs.keys().collect();
        Some(JobId::from_uuid(**all.get(which.checked_rem(all.len())?)?))
    }

    fn next(&mut self) -> u32 {
        self.number += 1;
        self.number
    }
}
