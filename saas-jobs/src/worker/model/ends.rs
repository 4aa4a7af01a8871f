//! The model of what people do: keys, cancellations, dead letters, clearing.

use chrono::{DateTime, Utc};
use saas_core::TenantId;
use uuid::Uuid;

use super::book::Book;
use super::command::{Asks, Hold, New};
use super::job::{Job, Place, later};
use crate::store::DEAD;
use crate::{Enqueued, JobId};

/// What a job under a key comes to.
pub(super) enum Keyed {
    New,
    Other(Enqueued),
}

impl Book {
    /// Wants a key for a new job.
    pub(super) fn key(
        &mut self,
        key: (Option<TenantId>, usize),
        hold: Hold,
        replace: bool,
        (number, new): (u32, &New),
    ) -> Keyed {
        let Some((id, taken_at)) = self.keys.get(&key).copied() else { return Keyed::New };
        let now = self.now;
        let holder = self.jobs.get_mut(&id);
        let waits = holder.as_ref().and_then(|job| job.waits());
        let is_held = match hold {
            Hold::Waiting => waits.is_some(),
            Hold::Unended => holder.as_ref().is_some_and(|job| job.is_unended()),
            Hold::Period(seconds) => later(taken_at, seconds) > now,
        };
        let id = JobId::from_uuid(id);
        match (holder, waits) {
            _ if !is_held => Keyed::New,
            (Some(job), Some(attempt)) if replace => {
                job.number = number;
                job.place = place(attempt, (new.delay > 0).then(|| later(now, new.delay)));
                Keyed::Other(Enqueued::Replaced(id))
            }
            _ => Keyed::Other(Enqueued::Existing(id)),
        }
    }

    /// The job, if it waits and is the one's who asks.
    fn waiting(&mut self, id: Uuid, asks: Option<TenantId>) -> Option<(&mut Job, u16)> {
        let job = self.jobs.get_mut(&id)?;
        let waits = job.waits()?;
        (asks.is_none() || asks == job.tenant).then_some((job, waits))
    }

    pub(super) fn cancel(&mut self, id: Uuid, asks: Option<TenantId>) -> bool {
        let at = self.now;
        let found = self.waiting(id, asks);
        found
            .map(|(job, attempt)| {
                job.place = Place::Ended { state: crate::store::CANCELLED, attempt, at };
            })
            .is_some()
    }

    pub(super) fn reschedule(
        &mut self,
        id: Uuid,
        asks: Option<TenantId>,
        run_at: Option<DateTime<Utc>>,
    ) -> bool {
        let found = self.waiting(id, asks);
        found.map(|(job, attempt)| job.place = place(attempt, run_at)).is_some()
    }

    /// Dead letters, the latest first.
    pub(super) fn letters(&self) -> Vec<Uuid> {
        let dead = self.jobs.iter().filter_map(|(id, job)| match job.place {
            Place::Ended { state: DEAD, at, .. } => Some((at, *id)),
            _ => None,
        });
        let mut dead: Vec<_> = dead.collect();
        dead.sort_unstable();
        dead.into_iter().rev().map(|(_, id)| id).collect()
    }

    pub(super) fn redrive(&mut self, letters: &[Uuid]) {
        for id in letters {
            let job = self.jobs.get_mut(id).unwrap();
            job.place = Place::Ready(0);
            job.errors.clear();
        }
    }

    pub(super) fn forget(&mut self, jobs: &[Uuid]) {
        for id in jobs {
            self.jobs.remove(id);
            self.steps.remove(id);
            self.keys.retain(|_, (holder, _)| holder != id);
            self.gone.push(*id);
        }
    }

    /// Jobs below this id that have ended, dead ones before this moment; and what leases left.
    pub(super) fn clear(&mut self, done: Uuid, dead: DateTime<Utc>) -> u64 {
        let held = |id: &Uuid| self.leases.values().any(|lease| lease.jobs.contains(id));
        let over = self.jobs.iter().filter(|(id, job)| {
            let ended = match job.place {
                Place::Done => true,
                Place::Ended { at, .. } => at < dead,
                _ => false,
            };
            ended && **id < done && !held(id)
        });
        let over: Vec<_> = over.map(|(id, _)| *id).collect();
        self.forget(&over);
        over.len() as u64
    }

    pub(super) fn clear_records(&mut self, before: DateTime<Utc>) -> u64 {
        let all = self.records.len();
        let leases = &self.leases;
        self.records.retain(|(lease, _, _, at)| *at >= before || leases.contains_key(lease));
        (all - self.records.len()) as u64
    }
}

impl Asks {
    pub(super) fn tenant(self, tenants: &[TenantId]) -> Option<TenantId> {
        match self {
            Self::Anybody => None,
            Self::Tenant(at) => Some(tenants[at]),
        }
    }
}

fn place(attempt: u16, run_at: Option<DateTime<Utc>>) -> Place {
    run_at.map_or(Place::Ready(attempt), |run_at| Place::Later(attempt, run_at))
}
