//! How workers come by jobs, and begin to run them.

use proptest::prelude::*;
use saas_core::TenantId;
use saas_core::schema::Dialect;
use uuid::Uuid;

use super::book::Ended;
use super::job::Place;
use super::play::{Play, Played};
use super::running::{Running, Started};
use super::scripted::{Begun, Seen};
use crate::Backend;
use crate::store::Turn;
use crate::worker::buffer::Held;

impl<DB: Backend> Play<'_, DB> {
    pub(super) async fn claim(&mut self, worker: usize, want: usize, told: bool) -> Played {
        let now = self.instant();
        let member = &mut self.members[worker];
        if let Some((after, lanes)) = member.look(told, now).await? {
            prop_assert_eq!(lanes, self.book.lanes(after), "lanes beyond {}", after);
        }
        let Some(ask) = member.ask(told, want, now) else { return Ok(()) };
        let turn = ask.turn.clone();
        let held = member.claim(ask).await?;
        self.overlooked(worker, &turn)?;
        let claimed: Vec<_> = held.iter().map(|held| held.job.id).collect();
        self.claimed(worker, &turn, held.first().map(|held| held.lease.id), &claimed)?;
        for held in &held {
            let job = &self.book.jobs[&held.job.id];
            prop_assert_eq!(held.job.max_attempts.unsigned_abs(), job.max);
            prop_assert_eq!((held.job.lane, held.job.priority), (job.lane, job.priority));
        }
        let order = |held: &Held| (held.job.lane, held.job.priority, held.job.id);
        for lane in held.iter().map(|held| held.job.lane) {
            let of_lane: Vec<_> = held.iter().map(order).filter(|order| order.0 == lane).collect();
            prop_assert!(of_lane.is_sorted(), "most urgent first, oldest first: {:?}", of_lane);
        }
        self.members[worker].held.extend(held);
        if told && !claimed.is_empty() {
            self.saw("a claim from lanes that have just found jobs");
        }
        match turn {
            _ if claimed.is_empty() => {}
            Turn::Lane { .. } => self.saw("a claim from one lane"),
            Turn::Each { .. } => self.saw("a claim from lanes in turn"),
            Turn::Some { .. } => self.saw("a claim from lanes that are looked for"),
        }
        Ok(())
    }

    /// A claim that begins at marks overlooks only what became ready since the lane was last looked
    /// at from its beginning.
    fn overlooked(&mut self, worker: usize, turn: &Turn) -> Played {
        let member = &mut self.members[worker];
        let Turn::Lane { lane, most_log2, marks } = turn else { return Ok(()) };
        if marks.iter().all(Uuid::is_nil) {
            member.scanned = self.commands;
            return Ok(());
        }
        let (lane, most_log2) = (*lane, *most_log2);
        let whole = Turn::Lane { lane, most_log2, marks: Default::default() };
        let found = self.book.claimable(turn, true);
        for id in self.book.claimable(&whole, false).iter().filter(|id| !found.contains(id)) {
            let since = self.book.jobs[id].since.0;
            prop_assert!(since >= member.scanned, "{} is overlooked by {:?}", id, turn);
        }
        self.saw("a claim from marks on");
        Ok(())
    }

    pub(super) async fn break_off(&mut self, worker: usize, most_log2: usize) -> Played {
        let turn = Turn::Some { most_log2 };
        let (lease, claimed) = self.members[worker].break_off(turn.clone()).await?;
        self.members[worker].unheard.push(lease);
        self.claimed(worker, &turn, Some(lease), &claimed)
    }

    /// Checks what a claim took.
    fn claimed(
        &mut self,
        worker: usize,
        turn: &Turn,
        lease: Option<Uuid>,
        claimed: &[Uuid],
    ) -> Played {
        let worker = self.members[worker].epoch.worker;
        let mut expected = match self.book.workers.contains_key(&worker) {
            true => self.book.claimable(turn, DB::DIALECT == Dialect::Postgres),
            false => Vec::new(),
        };
        let mut sorted = claimed.to_vec();
        sorted.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(sorted, expected, "claimed by {:?}", turn);
        if let (Some(lease), false) = (lease, claimed.is_empty()) {
            self.book.hold(lease, worker, claimed);
        }
        Ok(())
    }

    pub(super) async fn start(&mut self, worker: usize) -> Played {
        let member = &mut self.members[worker];
        let Some(held) = member.held.pop_front() else { return Ok(()) };
        let (lease, job) = (held.lease.id, held.job.id);
        let before = held.job.attempt.unsigned_abs();
        let lapsed = *held.lease.epoch.lapsed().borrow();
        let number = held.job.args.clone();
        let tenant = held.job.tenant.map(TenantId::from_uuid);
        match member.start(held).await? {
            Started::Begun(begun, task) => {
                prop_assert!(!lapsed, "it was known to be lost");
                let Begun { seen, .. } = &begun;
                let expected = Seen { job, attempt: before + 1, tenant, number: seen.number };
                prop_assert_eq!(seen, &expected);
                prop_assert_eq!(number, format!("{{\"number\":{}}}", seen.number));
                let run = Running::new((lease, job, before), begun.orders, task);
                member.runs.insert(self.runs, run);
                self.runs += 1;
                self.begun(lease, job, before)
            }
            Started::GivenBack(finished) => {
                prop_assert!(lapsed, "it was given back");
                member.finished(finished);
                let becomes = Place::Ready(before);
                member.ended.push(Ended { lease, job, touched: false, becomes, failed: None });
                self.book.heard(lease);
                self.saw("a job given back unbegun");
                Ok(())
            }
        }
    }

    /// No job runs twice at once unless its lease was lost, and none after it has ended.
    fn begun(&mut self, lease: Uuid, job: Uuid, before: u16) -> Played {
        if !self.book.leases.contains_key(&lease) {
            self.saw("a run whose lease is lost");
            return Ok(());
        }
        prop_assert_eq!(self.book.jobs[&job].place, Place::Held(before));
        let runs = self.members.iter().flat_map(|member| member.runs.values());
        let here = runs.filter(|run| run.job == job && self.book.leases.contains_key(&run.lease));
        prop_assert_eq!(here.count(), 1, "runs of one job at once");
        Ok(())
    }
}
