//! What becomes of jobs that ended, and of those that somebody ends.

use std::time::Duration;

use saas_core::{Clock, TenantId};
use saas_jobs::{Backend, DeadLetters, JobId, JobState, Options, Retention};

use crate::jobs::{Act, App};
use crate::site::Site;

on_every_database! {
    true:
        dead_letters_are_listed_by_pages_and_filters,
        a_redriven_job_has_all_its_attempts_again,
        a_discarded_job_is_gone,
        a_waiting_job_can_be_cancelled_and_a_done_one_cannot,
        a_waiting_job_can_be_given_another_time,
        what_ended_long_ago_is_cleared_and_nothing_else,
        a_job_that_is_redriven_while_old_ones_are_cleared_is_not_lost;
}

async fn drain<DB: Backend>(site: &Site<DB>) -> usize {
    let app = App::new(&site.pool, &site.queue);
    site.worker(&app).register::<Act>().drain().await.unwrap().done
}

/// A dead job a second.
async fn dead<DB: Backend>(site: &Site<DB>, count: usize, options: Options) -> Vec<JobId> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(site.enqueue_with(Act::Dead, options.clone()).await);
        drain(site).await;
        site.clock.advance(Duration::from_secs(1));
    }
    ids
}

async fn list<DB: Backend>(site: &Site<DB>, letters: DeadLetters, most: u32) -> Vec<JobId> {
    let mut tx = site.pool.begin().await.unwrap();
    let found = site.queue.dead(&mut tx, &letters, most).await.unwrap();
    found.iter().map(|letter| letter.id).collect()
}

async fn dead_letters_are_listed_by_pages_and_filters<DB: Backend>(site: &Site<DB>) {
    let tenant = TenantId::new();
    let mut ids = dead(site, 3, site.options()).await;
    let of_tenant = dead(site, 2, site.options().tenant(tenant)).await;
    ids.extend(&of_tenant);
    ids.reverse();
    assert_eq!(list(site, DeadLetters::new(), 100).await, ids);
    let mut tx = site.pool.begin().await.unwrap();
    let page = site.queue.dead(&mut tx, &DeadLetters::new(), 2).await.unwrap();
    drop(tx);
    assert_eq!(page[1].reason, "it makes no sense");
    assert_eq!(page[1].args, "\"Dead\"");
    assert_eq!(list(site, DeadLetters::new().after(&page[1]), 100).await, ids[2..]);
    assert_eq!(list(site, DeadLetters::new().tenant(tenant), 100).await, ids[..2]);
    assert_eq!(list(site, DeadLetters::new().queue(site.name.clone()), 100).await.len(), 5);
    assert_eq!(list(site, DeadLetters::new().kind("other"), 100).await, []);
    assert_eq!(list(site, DeadLetters::new().id(ids[4]), 100).await, [ids[4]]);
}

async fn a_redriven_job_has_all_its_attempts_again<DB: Backend>(site: &Site<DB>) {
    let id = site.enqueue_with(Act::FailOnce, site.options().max_attempts(1)).await;
    drain(site).await;
    assert_eq!(site.job(id).await.state, JobState::Dead);
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    assert_eq!(site.queue.redrive(&mut tx, &DeadLetters::new().id(id), 10).await.unwrap(), 1);
    assert_eq!(site.queue.redrive(&mut tx, &DeadLetters::new().id(id), 10).await.unwrap(), 0);
    tx.commit().await.unwrap();
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt, status.last_error), (JobState::Ready, 0, None));
    assert_eq!(list(site, DeadLetters::new(), 10).await, []);
}

async fn a_discarded_job_is_gone<DB: Backend>(site: &Site<DB>) {
    let ids = dead(site, 3, site.options()).await;
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    assert_eq!(site.queue.discard(&mut tx, &DeadLetters::new(), 2).await.unwrap(), 2);
    assert_eq!(site.queue.job(&mut tx, ids[2], None).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(list(site, DeadLetters::new(), 10).await, ids[..1]);
}

async fn a_waiting_job_can_be_cancelled_and_a_done_one_cannot<DB: Backend>(site: &Site<DB>) {
    let tenant = TenantId::new();
    let ready = site.enqueue_with(Act::Done, site.options().tenant(tenant)).await;
    let later = site.enqueue_with(Act::Done, site.options().delay(Duration::from_secs(60))).await;
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    let stranger = Some(TenantId::new());
    assert!(!site.queue.cancel(&mut tx, ready, stranger, "no").await.unwrap());
    for id in [ready, later] {
        assert!(site.queue.cancel(&mut tx, id, None, "changed our mind").await.unwrap());
        assert!(!site.queue.cancel(&mut tx, id, None, "again").await.unwrap());
    }
    tx.commit().await.unwrap();
    let status = site.job(later).await;
    assert_eq!(status.state, JobState::Cancelled);
    assert_eq!(status.reason.as_deref(), Some("changed our mind"));
    site.clock.advance(Duration::from_secs(120));
    assert_eq!(drain(site).await, 0);
}

async fn a_waiting_job_can_be_given_another_time<DB: Backend>(site: &Site<DB>) {
    let id = site.enqueue_with(Act::Done, site.options().delay(Duration::from_secs(60))).await;
    let now = site.clock.now();
    let reschedule = async |to| {
        let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
        let moved = site.queue.reschedule(&mut tx, id, None, to).await.unwrap();
        tx.commit().await.unwrap();
        moved
    };
    assert!(reschedule(now + Duration::from_secs(600)).await);
    site.clock.advance(Duration::from_secs(300));
    assert_eq!(drain(site).await, 0);
    assert!(reschedule(now).await);
    assert_eq!(site.job(id).await.state, JobState::Ready);
    assert_eq!(drain(site).await, 1);
    assert!(!reschedule(now).await, "it is over");
}

async fn what_ended_long_ago_is_cleared_and_nothing_else<DB: Backend>(site: &Site<DB>) {
    const DAY: Duration = Duration::from_secs(86_400);
    let done = site.enqueue(Act::Done).await;
    let dead = site.enqueue(Act::Dead).await;
    let waits = site.enqueue_with(Act::Done, site.options().delay(40 * DAY)).await;
    drain(site).await;
    let app = App::new(&site.pool, &site.queue);
    let clear = async || {
        let retention = Retention::new().done(2 * DAY).dead(20 * DAY);
        let worker = site.worker(&app).register::<Act>().retention(retention);
        worker.clear().await.unwrap()
    };
    let known = async |id| {
        let mut tx = site.pool.begin().await.unwrap();
        site.queue.job(&mut tx, id, None).await.unwrap().is_some()
    };
    site.clock.advance(DAY);
    assert_eq!(clear().await, 0);
    site.clock.advance(2 * DAY);
    let young = site.enqueue(Act::Done).await;
    assert_eq!(clear().await, 1);
    assert!(!known(done).await && known(dead).await && known(waits).await);
    site.clock.advance(20 * DAY);
    // An id is made by the machine's clock, so the young one is old by now; but it waits.
    assert_eq!(clear().await, 1);
    assert!(!known(dead).await && known(waits).await && known(young).await);
    site.clock.advance(20 * DAY);
    assert_eq!(drain(site).await, 2);
    assert_eq!(clear().await, 2);
    assert!(!known(waits).await && !known(young).await);
}

async fn a_job_that_is_redriven_while_old_ones_are_cleared_is_not_lost<DB: Backend>(
    site: &Site<DB>,
) {
    const DAY: Duration = Duration::from_secs(86_400);
    let id = site.enqueue_with(Act::FailOnce, site.options().max_attempts(1)).await;
    drain(site).await;
    site.clock.advance(60 * DAY);
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    assert_eq!(site.queue.redrive(&mut tx, &DeadLetters::new().id(id), 1).await.unwrap(), 1);
    let app = App::new(&site.pool, &site.queue);
    let clear = tokio::spawn(site.worker(&app).register::<Act>().clear());
    // Whether it has come to the letter by now or comes later, the job stays.
    tokio::time::sleep(Duration::from_millis(300)).await;
    tx.commit().await.unwrap();
    assert_eq!(clear.await.unwrap().unwrap(), 0);
    assert_eq!(site.job(id).await.state, JobState::Ready);
}
