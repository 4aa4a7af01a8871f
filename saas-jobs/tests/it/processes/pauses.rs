//! Workers that stand still for longer than their lease, as in a frozen virtual machine, and then go
//! on as if nothing had been. In a soak with the lease of production.

mod transactions;

use std::time::Duration;

use saas_core::schema::Dialect;
use saas_jobs::{Backend, JobId};
use saas_testkit::Signal;

use self::transactions::{is_writable, open, registered};
use super::child::Process;
use super::deed::Deed;
use super::ledger::Event;
use super::{Ground, repeat, soak, until};
use crate::site::Site;

on_every_database! {
    true:
        slow_a_worker_paused_in_a_handler_is_fenced_out_and_goes_on,
        slow_a_worker_paused_before_its_commit_keeps_its_job,
        slow_a_worker_killed_before_its_commit_leaves_its_job_to_others;
}

/// A worker with two slots in which so many deeds of this kind are, and so many quick ones behind.
async fn holding<DB: Backend>(
    ground: &mut Ground<'_, DB>,
    deed: Deed,
    held: usize,
    behind: usize,
) -> (Process, Vec<JobId>, Vec<JobId>) {
    ground.orders.concurrency = 2;
    if soak().is_none() {
        ground.orders.lease = Duration::from_millis(1500);
    }
    let worker = ground.start();
    // Once it knows that jobs are quick, it claims ahead.
    let naps = ground.enqueue([Deed::Nap(0); 100]).await;
    until("it is warm", async || ground.entries(Event::Begun, &naps).len() == 100).await;
    let deeds = [vec![deed; held], vec![Deed::Quick; behind]].concat();
    let mut jobs = ground.enqueue(deeds).await;
    let behind = jobs.split_off(held);
    (worker, jobs, behind)
}

/// Stops a process while so many of its transactions are open, no other one.
async fn pause<DB: Backend>(ground: &Ground<'_, DB>, worker: &mut Process, transactions: usize) {
    until("it is caught between its own transactions", async || {
        worker.signal(Signal::STOP);
        if open(ground).await == transactions {
            return true;
        }
        worker.signal(Signal::CONT);
        false
    })
    .await;
}

async fn slow_a_worker_paused_in_a_handler_is_fenced_out_and_goes_on<DB: Backend>(site: &Site<DB>) {
    repeat(async || {
        let mut ground = Ground::new(site);
        let (mut paused, held, behind) = holding(&mut ground, Deed::Held, 2, 20).await;
        until("some are claimed ahead", async || ground.held().await > 2).await;
        until("two are held", async || ground.entries(Event::Begun, &held).len() == 2).await;
        pause(&ground, &mut paused, 0).await;
        let other = ground.start();
        ground.open_gate();
        ground.until_done(&held).await;
        ground.until_done(&behind).await;

        paused.signal(Signal::CONT);
        until("it is fenced out", async || ground.entries(Event::Fenced, &held).len() == 2).await;
        let fenced = ground.entries(Event::Fenced, &held);
        assert!(fenced.iter().all(|entry| entry.process == paused.id()));
        ground.until_done(&held).await;
        // What it had claimed and not begun is the other's.
        let by_other = ground.entries(Event::Begun, &behind);
        assert!(by_other.iter().all(|entry| entry.process == other.id()) && by_other.len() == 20);

        other.stop().await;
        goes_on(&mut ground, paused).await;
    })
    .await;
}

/// As a new epoch: nobody else is there to do new jobs.
async fn goes_on<DB: Backend>(ground: &mut Ground<'_, DB>, worker: Process) {
    let jobs = ground.enqueue([Deed::Quick; 20]).await;
    ground.until_done(&jobs).await;
    let begun = ground.entries(Event::Begun, &jobs);
    assert!(begun.iter().all(|entry| entry.process == worker.id()) && begun.len() == 20);
    worker.stop().await;
}

/// Its job is completed, and its transaction open, for longer than its lease. Others do not get the
/// job in that time.
async fn paused_before_its_commit<DB: Backend>(
    ground: &mut Ground<'_, DB>,
) -> (Process, Process, Vec<JobId>) {
    let (mut paused, held, _) = holding(ground, Deed::HeldInCommit, 1, 0).await;
    until("it is completed", async || ground.entries(Event::Completed, &held).len() == 1).await;
    pause(ground, &mut paused, 1).await;
    let other = ground.start();
    let lease = ground.orders.lease;
    match DB::DIALECT {
        // It keeps the lease's row, and that only: the worker is taken for dead, and others work.
        Dialect::Postgres => {
            until("it is taken for dead", async || !registered(ground, &paused).await).await;
            let jobs = ground.enqueue([Deed::Quick; 5]).await;
            ground.until_done(&jobs).await;
        }
        // Differs: it keeps the whole file. Whoever would write waits, and tries again.
        Dialect::Sqlite => assert!(!is_writable(ground, 2 * lease).await),
    }
    assert_eq!(ground.entries(Event::Begun, &held).len(), 1);
    assert_eq!(ground.noted(&ground.site.name).await.get(&held[0]), None);
    ground.open_gate();
    (paused, other, held)
}

async fn slow_a_worker_paused_before_its_commit_keeps_its_job<DB: Backend>(site: &Site<DB>) {
    repeat(async || {
        let mut ground = Ground::new(site);
        let (mut paused, other, held) = paused_before_its_commit(&mut ground).await;
        paused.signal(Signal::CONT);
        ground.until_done(&held).await;
        until("nothing is held", async || ground.held().await == 0).await;
        other.stop().await;
        goes_on(&mut ground, paused).await;
        assert_eq!(ground.entries(Event::Begun, &held).len(), 1);
        assert_eq!(ground.entries(Event::Fenced, &held).len(), 0);
    })
    .await;
}

async fn slow_a_worker_killed_before_its_commit_leaves_its_job_to_others<DB: Backend>(
    site: &Site<DB>,
) {
    repeat(async || {
        let mut ground = Ground::new(site);
        let (paused, other, held) = paused_before_its_commit(&mut ground).await;
        paused.kill();
        ground.until_done(&held).await;
        let begun = ground.entries(Event::Begun, &held);
        assert!(begun.len() == 2 && begun[1].process == other.id(), "{begun:?}");
        until("nothing is held", async || ground.held().await == 0).await;
        other.stop().await;
    })
    .await;
}
