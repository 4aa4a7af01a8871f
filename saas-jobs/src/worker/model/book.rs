//! The model: where each job is, who holds what, and what each call must answer.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use saas_core::TenantId;
use uuid::Uuid;

use super::job::{Job, Place};
use crate::store::{DONE, MOVED, SOME_LANES_LOG2, Turn};

#[derive(Default)]
pub(super) struct Book {
    pub(super) now: DateTime<Utc>,
    pub(super) jobs: BTreeMap<Uuid, Job>,
    pub(super) leases: BTreeMap<Uuid, Lease>,
    /// Workers that are registered, and until when.
    pub(super) workers: BTreeMap<Uuid, DateTime<Utc>>,
    /// Who holds a key, and since when.
    pub(super) keys: BTreeMap<(Option<TenantId>, usize), (Uuid, DateTime<Utc>)>,
    /// What left a lease: the lease, the job or all of its jobs, how, and when.
    pub(super) records: Vec<(Uuid, Option<Uuid>, i16, DateTime<Utc>)>,
    pub(super) steps: BTreeSet<Uuid>,
    pub(super) effects: Vec<(Uuid, &'static str)>,
    /// Jobs that were forgotten altogether.
    pub(super) gone: Vec<Uuid>,
}

#[derive(Debug)]
pub(super) struct Lease {
    pub(super) worker: Uuid,
    pub(super) jobs: BTreeSet<Uuid>,
    /// Those that its worker has not heard the end of.
    pub(super) running: usize,
    /// Transactions of handlers that hold it.
    pub(super) open: usize,
    /// Whether its worker knows part of it to be recorded.
    partly: bool,
}

/// A run that has ended and is not recorded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) lease: Uuid,
    pub(super) job: Uuid,
    pub(super) touched: bool,
    pub(super) becomes: Place,
    /// The attempt that failed.
    pub(super) failed: Option<u16>,
}

impl Book {
    /// What a claim of a registered worker takes: of each lane the most urgent, of these the oldest.
    pub(super) fn claimable(&self, turn: &Turn, with_marks: bool) -> Vec<Uuid> {
        let none = Default::default();
        match turn {
            Turn::Lane { lane, most_log2, marks } => {
                self.first_of(*lane, *most_log2, if with_marks { marks } else { &none })
            }
            Turn::Each { lanes, most_log2 } => {
                lanes.iter().flat_map(|lane| self.first_of(*lane, *most_log2, &none)).collect()
            }
            Turn::Some { most_log2 } => {
                let some = (*most_log2).min(SOME_LANES_LOG2);
                let lanes = self.lanes(-1).into_iter().take(1 << some);
                lanes.flat_map(|lane| self.first_of(lane, most_log2 - some, &none)).collect()
            }
        }
    }

    fn first_of(&self, lane: i32, most_log2: usize, marks: &[Uuid; 4]) -> Vec<Uuid> {
        let in_lane = self.jobs.iter().filter(|(_, job)| job.lane == lane);
        let ready = in_lane.filter(|(_, job)| matches!(job.place, Place::Ready(_)));
        let mark = |priority: i16| marks[usize::try_from(priority).unwrap() - 1];
        let mut found: Vec<_> = ready
            .filter(|(id, job)| **id >= mark(job.priority))
            .map(|(id, job)| (job.priority, *id))
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).take(1 << most_log2).collect()
    }

    /// Lanes with ready jobs beyond this one.
    pub(super) fn lanes(&self, after: i32) -> Vec<i32> {
        let ready = self.jobs.values().filter(|job| matches!(job.place, Place::Ready(_)));
        let lanes: BTreeSet<_> = ready.map(|job| job.lane).filter(|lane| *lane > after).collect();
        lanes.into_iter().collect()
    }

    pub(super) fn hold(&mut self, lease: Uuid, worker: Uuid, jobs: &[Uuid]) {
        for id in jobs {
            let job = self.jobs.get_mut(id).unwrap();
            job.place = Place::Held(job.waits().unwrap());
        }
        let jobs: BTreeSet<_> = jobs.iter().copied().collect();
        self.leases
            .insert(lease, Lease { worker, running: jobs.len(), jobs, open: 0, partly: false });
    }

    /// A handler's transaction, which held the lease, has committed; it completed the job before.
    pub(super) fn complete(&mut self, lease: Uuid, id: Uuid, at: DateTime<Utc>) {
        self.records.push((lease, Some(id), DONE, at));
        self.effects.push((id, "completed"));
        self.jobs.get_mut(&id).unwrap().place = Place::Done;
    }

    pub(super) fn is_recorded(&self, lease: Uuid, id: Uuid) -> bool {
        self.records.iter().any(|record| (record.0, record.1) == (lease, Some(id)))
    }

    /// Its worker has heard the end of a job.
    pub(super) fn heard(&mut self, lease: Uuid) {
        self.leases.entry(lease).and_modify(|lease| lease.running -= 1);
    }

    /// A worker writes what has ended, but for jobs that a transaction may still complete, which
    /// stay in `ended`. Returns how many outcomes came too late.
    pub(super) fn record(&mut self, ended: &mut Vec<Ended>) -> usize {
        let mut results: BTreeMap<Uuid, Vec<Ended>> = BTreeMap::new();
        for end in std::mem::take(ended) {
            let of_lease = results.entry(end.lease).or_default();
            let recorded = end.touched && self.is_recorded(end.lease, end.job);
            match self.leases.get_mut(&end.lease) {
                Some(lease) if recorded => lease.partly = true,
                Some(lease) if end.touched && lease.open > 0 => ended.push(end),
                _ if recorded => {}
                _ => of_lease.push(end),
            }
        }
        let mut lost = 0;
        for (id, results) in results {
            let waits = ended.iter().any(|end| end.lease == id);
            match self.leases.get(&id) {
                None => lost += results.len(),
                Some(lease) if lease.running == 0 && !waits => self.close(id, &results),
                Some(_) => self.shrink(id, &results),
            }
        }
        lost
    }

    /// The last jobs of a lease have ended. If all are done, and none was recorded before, they are
    /// recorded as one.
    fn close(&mut self, id: Uuid, results: &[Ended]) {
        let lease = self.leases.remove(&id).unwrap();
        let whole = !lease.partly && results.iter().all(|end| end.becomes == Place::Done);
        if whole {
            self.records.push((id, None, DONE, self.now));
        }
        for end in results {
            if end.becomes == Place::Done && !whole {
                self.records.push((id, Some(end.job), DONE, self.now));
            }
            self.put(end.job, end.becomes, end.failed);
        }
    }

    /// Some jobs of a lease have ended, and are marked in it.
    fn shrink(&mut self, id: Uuid, results: &[Ended]) {
        self.leases.get_mut(&id).unwrap().partly |= !results.is_empty();
        for end in results {
            let state = if end.becomes == Place::Done { DONE } else { MOVED };
            self.records.push((id, Some(end.job), state, self.now));
            self.put(end.job, end.becomes, end.failed);
        }
    }

    /// Where a job is from now on.
    fn put(&mut self, id: Uuid, mut place: Place, failed: Option<u16>) {
        if let Place::Ended { at, .. } = &mut place {
            *at = self.now;
        }
        let job = self.jobs.get_mut(&id).unwrap();
        job.place = place;
        if let Some(attempt) = failed {
            job.errors.entry(attempt).or_insert(self.now);
        }
    }

    /// What is due becomes ready; how many is that?
    pub(super) fn promote(&mut self) -> u64 {
        let mut promoted = 0;
        for job in self.jobs.values_mut() {
            if let Place::Later(attempt, run_at) = job.place
                && run_at <= self.now
            {
                job.place = Place::Ready(attempt);
                promoted += 1;
            }
        }
        promoted
    }

    /// Lapsed workers are struck off, and their jobs come back, as do those of a claim that its
    /// worker has not heard of. How many is that?
    pub(super) fn rescue(&mut self, unheard: &[Uuid]) -> usize {
        let now = self.now;
        self.workers.retain(|_, expires_at| *expires_at >= now);
        let stranded: Vec<_> = self
            .leases
            .iter()
            .filter(|(id, lease)| unheard.contains(id) || !self.workers.contains_key(&lease.worker))
            // A transaction of a handler's has it: next time.
            .filter(|(_, lease)| lease.open == 0)
            .map(|(id, _)| *id)
            .collect();
        let mut rescued = 0;
        for id in stranded {
            let lease = self.leases.remove(&id).unwrap();
            for job in
                lease.jobs.iter().filter(|job| !self.is_recorded(id, **job)).collect::<Vec<_>>()
            {
                let Place::Held(before) = self.jobs[job].place else { unreachable!() };
                let (place, failed) = match unheard.contains(&id) {
                    true => (Place::Ready(before), None),
                    false => self.jobs[job].abandoned(before, now),
                };
                self.put(*job, place, failed);
                rescued += 1;
            }
        }
        rescued
    }

    /// Notes where jobs are after a command.
    pub(super) fn note(&mut self, command: usize) {
        for job in self.jobs.values_mut() {
            if job.since.1 != Some(job.place) {
                job.since = (command, Some(job.place));
            }
        }
    }

    /// How many are ready, scheduled, running, dead.
    pub(super) fn counts(&self) -> [u64; 4] {
        let mut counts = [0; 4];
        for job in self.jobs.values() {
            let at = match job.place {
                Place::Ready(_) => 0,
                Place::Later(..) => 1,
                Place::Held(_) => 2,
                Place::Ended { .. } => 3,
                Place::Done => continue,
            };
            counts[at] += 1;
        }
        counts
    }
}
