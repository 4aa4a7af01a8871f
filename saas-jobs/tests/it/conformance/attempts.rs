//! What a handler may come to.

use super::*;

on_every_database! {
    true:
        a_failed_job_is_tried_again_after_its_backoff,
        a_job_is_dead_after_its_last_attempt,
        a_panic_is_a_failure,
        a_timeout_is_a_failure,
        malformed_arguments_go_to_the_dead_letters,
        an_unknown_kind_waits_for_a_worker_that_knows_it,
        old_arguments_are_upcast_and_newer_ones_wait,
        snoozed_cancelled_and_dead_jobs_say_so;
}

async fn a_failed_job_is_tried_again_after_its_backoff<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Act::FailOnce).await;
    assert_eq!(drain(site, &app).await, (0, 1));
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Scheduled, 1));
    assert_eq!(status.last_error.unwrap().error, "not the first time\u{fffd}");
    site.clock.advance(Duration::from_millis(9_999));
    assert_eq!(drain(site, &app).await, (0, 0));
    site.clock.advance(Duration::from_millis(1));
    assert_eq!(drain(site, &app).await, (1, 0));
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Done, 2));
    assert_eq!(status.last_error.unwrap().attempt, 1);
}

async fn a_job_is_dead_after_its_last_attempt<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue_with(Act::Fail, site.options().max_attempts(3)).await;
    for _ in 0..5 {
        drain(site, &app).await;
        site.clock.advance(Duration::from_secs(3600));
    }
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt, status.max_attempts), (JobState::Dead, 3, 3));
    assert_eq!(status.reason.as_deref(), Some("it is broken"));
    assert_eq!(status.last_error.unwrap().attempt, 3);
    assert_eq!(app.runs().len(), 3);
}

async fn a_panic_is_a_failure<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Act::Panic).await;
    assert_eq!(drain(site, &app).await, (0, 1));
    assert_eq!(site.job(id).await.last_error.unwrap().error, "panicked: out of order");
}

async fn a_timeout_is_a_failure<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Brief).await;
    assert_eq!(drain(site, &app).await, (0, 1));
    assert_eq!(site.job(id).await.last_error.unwrap().error, "timed out after 50ms");
    site.clock.advance(Duration::from_secs(4));
    drain(site, &app).await;
    assert_eq!(site.job(id).await.state, JobState::Dead);
}

/// Claims to be what it is not.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Impostor {
    nonsense: bool,
}

impl Job for Impostor {
    const KIND: &'static str = Act::KIND;
}

async fn malformed_arguments_go_to_the_dead_letters<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Impostor { nonsense: true }).await;
    drain(site, &app).await;
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Dead, 1));
    let reason = status.reason.unwrap();
    assert!(reason.contains("malformed arguments: unknown variant `nonsense`"), "{reason}");
}

async fn an_unknown_kind_waits_for_a_worker_that_knows_it<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(GreetV1 { name: "Ada".into() }).await;
    for _ in 0..3 {
        let drained = site.worker(&app).register::<Act>().drain().await.unwrap();
        assert_eq!((drained.done, drained.snoozed), (0, 1));
        let status = site.job(id).await;
        assert_eq!((status.state, status.attempt), (JobState::Scheduled, 0));
        site.clock.advance(Duration::from_secs(31));
    }
    assert_eq!(site.worker(&app).register::<GreetV1>().drain().await.unwrap().done, 1);
}

async fn old_arguments_are_upcast_and_newer_ones_wait<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let old = site.enqueue(GreetV1 { name: "Ada".into() }).await;
    let lost = site.enqueue(GreetV1 { name: "nobody".into() }).await;
    let new = site.enqueue(GreetV2 { names: vec!["Ada".into()] }).await;
    site.worker(&app).register::<GreetV2>().drain().await.unwrap();
    assert_eq!(site.job(old).await.state, JobState::Done);
    assert_eq!(site.job(new).await.state, JobState::Done);
    let reason = site.job(lost).await.reason.unwrap();
    assert_eq!(reason, "malformed arguments: nobody cannot be greeted");
    let new = site.enqueue(GreetV2 { names: vec![] }).await;
    site.worker(&app).register::<GreetV1>().drain().await.unwrap();
    let status = site.job(new).await;
    assert_eq!((status.state, status.attempt), (JobState::Scheduled, 0));
}

async fn snoozed_cancelled_and_dead_jobs_say_so<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let snoozed = site.enqueue(Act::Snooze).await;
    drain(site, &app).await;
    let status = site.job(snoozed).await;
    assert_eq!((status.state, status.attempt, status.last_error), (JobState::Scheduled, 0, None));
    let cancelled = site.enqueue(Act::Cancel).await;
    let dead = site.enqueue(Act::Dead).await;
    site.clock.advance(Duration::from_secs(60));
    drain(site, &app).await;
    assert_eq!(site.job(snoozed).await.state, JobState::Done);
    let status = site.job(cancelled).await;
    assert_eq!(
        (status.state, status.reason.as_deref()),
        (JobState::Cancelled, Some("nobody wants it"))
    );
    let status = site.job(dead).await;
    assert_eq!(
        (status.state, status.reason.as_deref()),
        (JobState::Dead, Some("it makes no sense"))
    );
}
