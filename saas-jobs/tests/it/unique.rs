//! Keys that no two jobs hold at once.

use std::time::Duration;

use saas_core::TenantId;
use saas_jobs::{Backend, Enqueued, Error, Limit, Options, Unique};

use crate::jobs::{Act, App};
use crate::site::Site;

on_every_database! {
    false:
        of_twelve_at_once_one_is_new,
        a_key_or_name_that_no_database_takes_is_refused;
    true:
        a_key_is_held_until_its_job_has_ended,
        a_key_held_while_waiting_is_free_once_the_job_runs,
        a_key_for_a_period_outlives_its_job,
        a_waiting_job_takes_the_latest_arguments_and_time,
        kinds_and_tenants_have_keys_of_their_own,
        a_key_is_free_if_its_transaction_is_rolled_back;
}

async fn enqueue<DB: Backend>(site: &Site<DB>, unique: &Unique, options: Options) -> Enqueued {
    enqueue_act(site, unique, Act::Done, options).await
}

async fn enqueue_act<DB: Backend>(
    site: &Site<DB>,
    unique: &Unique,
    act: Act,
    options: Options,
) -> Enqueued {
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    let enqueued = site.queue.enqueue_unique(&mut tx, unique, act, options).await.unwrap();
    tx.commit().await.unwrap();
    enqueued
}

async fn drain<DB: Backend>(site: &Site<DB>) -> usize {
    let app = App::new(&site.pool, &site.queue);
    site.worker(&app).register::<Act>().drain().await.unwrap().done
}

/// A key that other tests in the same database do not have.
fn key<DB: Backend>(site: &Site<DB>) -> Unique {
    Unique::key(site.name.clone())
}

async fn of_twelve_at_once_one_is_new<DB: Backend>(site: &Site<DB>) {
    for round in 0..8 {
        let unique = Unique::key(format!("{} {round}", site.name));
        let all = (0..12).map(|_| enqueue(site, &unique, site.options()));
        let all = futures_util::future::join_all(all).await;
        let new: Vec<_> = all.iter().filter(|enqueued| enqueued.is_new()).collect();
        assert_eq!(new.len(), 1, "{all:?}");
        assert!(all.iter().all(|enqueued| enqueued.id() == new[0].id()));
    }
    assert_eq!(drain(site).await, 8);
}

async fn a_key_or_name_that_no_database_takes_is_refused<DB: Backend>(site: &Site<DB>) {
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    let app = App::new(&site.pool, &site.queue);
    for name in [String::new(), "k".repeat(513), "a\0b".to_owned()] {
        let unique = Unique::key(name.clone());
        let refused = [
            site.queue.enqueue_unique(&mut tx, &unique, Act::Done, site.options()).await.err(),
            site.queue
                .enqueue_with(&mut tx, Act::Done, site.options().queue(name.clone()))
                .await
                .err(),
            site.queue
                .enqueue_with(&mut tx, Act::Done, site.options().limit(name.clone()))
                .await
                .err(),
            site.queue.set_limit(&mut tx, Limit::new(name.clone())).await.err(),
            site.worker(&app).queue(name.clone()).run_until(async {}).await.err(),
            site.worker(&app).limit(Limit::new(name)).run_until(async {}).await.err(),
        ];
        for refused in refused {
            assert!(matches!(refused, Some(Error::Name { .. })), "{refused:?}");
        }
    }
}

async fn a_key_is_held_until_its_job_has_ended<DB: Backend>(site: &Site<DB>) {
    let first = enqueue_act(site, &key(site), Act::FailOnce, site.options()).await;
    assert!(first.is_new());
    let existing = Enqueued::Existing(first.id());
    assert_eq!(enqueue(site, &key(site), site.options()).await, existing);
    assert_eq!(drain(site).await, 0);
    assert_eq!(enqueue(site, &key(site), site.options()).await, existing, "it is tried again");
    site.clock.advance(Duration::from_secs(60));
    assert_eq!(drain(site).await, 1);
    assert!(enqueue(site, &key(site), site.options()).await.is_new());
}

async fn a_key_held_while_waiting_is_free_once_the_job_runs<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let unique = key(site).while_waiting();
    let first = enqueue_act(site, &unique, Act::Hold, site.options()).await;
    assert!(!enqueue(site, &unique, site.options()).await.is_new());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let worker = site.worker(&app).register::<Act>().concurrency(1);
    let worker = tokio::spawn(worker.run_until(async { drop(stopped.await) }));
    site.until(first.id(), saas_jobs::JobState::Running).await;
    assert!(!enqueue(site, &key(site), site.options()).await.is_new(), "it has not ended");
    let second = enqueue_act(site, &unique, Act::Hold, site.options()).await;
    assert!(second.is_new());
    app.notes.gate.add_permits(2);
    site.until(second.id(), saas_jobs::JobState::Done).await;
    drop(stop);
    worker.await.unwrap().unwrap();
}

async fn a_key_for_a_period_outlives_its_job<DB: Backend>(site: &Site<DB>) {
    let unique = key(site).for_period(Duration::from_secs(3600));
    assert!(enqueue(site, &unique, site.options()).await.is_new());
    assert_eq!(drain(site).await, 1);
    site.clock.advance(Duration::from_secs(3599));
    assert!(!enqueue(site, &unique, site.options()).await.is_new());
    site.clock.advance(Duration::from_secs(1));
    assert!(enqueue(site, &unique, site.options()).await.is_new());
}

async fn a_waiting_job_takes_the_latest_arguments_and_time<DB: Backend>(site: &Site<DB>) {
    let unique = key(site).replace();
    let minutes = |minutes: u64| site.options().delay(Duration::from_secs(60 * minutes));
    let first = enqueue_act(site, &unique, Act::Dead, minutes(1)).await;
    for act in [Act::Cancel, Act::Done] {
        let again = enqueue_act(site, &unique, act, minutes(5)).await;
        assert_eq!(again, Enqueued::Replaced(first.id()));
    }
    site.clock.advance(Duration::from_secs(299));
    assert_eq!(drain(site).await, 0);
    // And without a time it is ready at once.
    assert_eq!(enqueue(site, &unique, site.options()).await, Enqueued::Replaced(first.id()));
    assert_eq!(drain(site).await, 1);
    assert!(enqueue(site, &unique, site.options()).await.is_new());
}

async fn kinds_and_tenants_have_keys_of_their_own<DB: Backend>(site: &Site<DB>) {
    let (one, other) = (TenantId::new(), TenantId::new());
    assert!(enqueue(site, &key(site), site.options()).await.is_new());
    assert!(enqueue(site, &key(site), site.options().tenant(one)).await.is_new());
    assert!(enqueue(site, &key(site), site.options().tenant(other)).await.is_new());
    assert!(!enqueue(site, &key(site), site.options().tenant(one)).await.is_new());
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    let brief = crate::jobs::Brief;
    let of_another_kind =
        site.queue.enqueue_unique(&mut tx, &key(site), brief, site.options()).await.unwrap();
    assert!(of_another_kind.is_new());
}

async fn a_key_is_free_if_its_transaction_is_rolled_back<DB: Backend>(site: &Site<DB>) {
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    let lost = site.queue.enqueue_unique(&mut tx, &key(site), Act::Done, site.options()).await;
    assert!(lost.unwrap().is_new());
    tx.rollback().await.unwrap();
    assert!(enqueue(site, &key(site), site.options()).await.is_new());
}
