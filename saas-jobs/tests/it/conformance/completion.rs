//! Completing a job in the handler's own transaction.

use super::*;

on_every_database! {
    false:
        a_completion_after_the_lease_was_lost_cannot_commit;
    true:
        a_job_completes_with_its_handlers_transaction,
        a_completion_that_rolled_back_is_a_failure,
        a_job_that_was_completed_stays_so_whatever_its_handler_says;
}

async fn a_completion_after_the_lease_was_lost_cannot_commit<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let slow = site.worker(&app).name(site.name.clone()).lease(Duration::from_secs(60));
    let (stop_slow, slow) = start(slow.register::<Act>());
    let id = site.enqueue(Act::HoldComplete(site.name.clone())).await;
    runs(&app, 1).await;
    end_epoch(site, &site.name).await;
    let (stop, other) = start(site.worker(&app).register::<Act>());
    runs(&app, 2).await;
    app.notes.gate.add_permits(2);
    site.until(id, JobState::Done).await;
    for _ in 0..500 {
        if !app.notes.errors.lock().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for (stop, worker) in [(stop_slow, slow), (stop, other)] {
        stop.send(()).unwrap();
        worker.await.unwrap().unwrap();
    }
    let errors = app.notes.errors.lock().unwrap().clone();
    assert_eq!(errors, [format!("the lease of job {id} was lost")]);
    assert_eq!(site.effects(&site.name).await, 1);
}

async fn a_job_completes_with_its_handlers_transaction<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let note = site.name.clone();
    let id = site.enqueue(Act::Complete(note.clone())).await;
    assert_eq!(drain(site, &app).await, (1, 0));
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Done, 1));
    assert_eq!(site.effects(&note).await, 1);
    site.clock.advance(Duration::from_secs(3600));
    assert_eq!(drain(site, &app).await, (0, 0));
}

async fn a_completion_that_rolled_back_is_a_failure<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let note = site.name.clone();
    let id = site.enqueue(Act::RollBack(note.clone())).await;
    drain(site, &app).await;
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Scheduled, 1));
    assert!(status.last_error.unwrap().error.contains("did not commit"));
    assert_eq!(site.effects(&note).await, 0);
    site.clock.advance(Duration::from_secs(3600));
    drain(site, &app).await;
    assert_eq!(site.job(id).await.state, JobState::Done);
    assert_eq!(site.effects(&note).await, 1);
}

async fn a_job_that_was_completed_stays_so_whatever_its_handler_says<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let note = site.name.clone();
    let id = site.enqueue(Act::CompleteAndFail(note.clone())).await;
    for _ in 0..3 {
        drain(site, &app).await;
        site.clock.advance(Duration::from_secs(3600));
    }
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Done, 1));
    assert_eq!(site.effects(&note).await, 1);
    assert_eq!(app.runs().len(), 1);
}
