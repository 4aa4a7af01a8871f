//! Steps of a job are taken once, whatever becomes of its attempts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use saas_jobs::{Backend, Job, JobContext, JobResult, Outcome, Policy, Run, Step};
use serde::{Deserialize, Serialize};

use crate::jobs::App;
use crate::site::{Site, effect};

on_every_database! {
    true:
        what_a_step_came_to_is_there_for_the_next_attempt,
        a_step_whose_transaction_was_rolled_back_is_taken_again,
        a_result_that_cannot_be_read_is_an_error_that_names_the_step;
}

/// Numbers an effect in a step, then fails until its third attempt.
#[derive(Serialize, Deserialize)]
struct Numbered {
    note: String,
    rolls_back: bool,
    reads_text: bool,
}

impl Job for Numbered {
    const KIND: &'static str = "numbered";
    fn policy() -> Policy {
        Policy::new().backoff(saas_jobs::Backoff::new(Duration::from_secs(1)).jitter(0.0))
    }
}

static NUMBER: AtomicUsize = AtomicUsize::new(0);

impl<DB: Backend> Run<App<DB>> for Numbered {
    async fn run(self, cx: JobContext<'_, App<DB>>) -> JobResult {
        let app = cx.context();
        let mut tx = app.pool.begin_with(crate::site::begin::<DB>()).await?;
        if self.reads_text && cx.attempt() > 1 {
            let read = cx.step::<String>(&mut *tx, "number").await;
            return Ok(Outcome::dead(read.expect_err("a number is no text")));
        }
        let number = match cx.step(&mut *tx, "number").await? {
            Step::Taken(number) => number,
            Step::Open(step) => {
                let number = NUMBER.fetch_add(1, Ordering::Relaxed);
                effect::<DB>(&mut tx, cx.job_id(), &self.note, app.how).await?;
                step.record(&mut *tx, &number).await?;
                number
            }
        };
        if self.rolls_back && cx.attempt() == 1 {
            tx.rollback().await?;
        } else {
            tx.commit().await?;
        }
        app.notes.errors.lock().unwrap().push(number.to_string());
        if cx.attempt() < 3 { Err("not yet".into()) } else { Ok(Outcome::done()) }
    }
}

async fn run_thrice<DB: Backend>(site: &Site<DB>, job: Numbered) -> (App<DB>, saas_jobs::JobId) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(job).await;
    for _ in 0..3 {
        site.worker(&app).register::<Numbered>().drain().await.unwrap();
        site.clock.advance(Duration::from_secs(600));
    }
    (app, id)
}

fn job<DB: Backend>(site: &Site<DB>) -> Numbered {
    Numbered { note: site.name.clone(), rolls_back: false, reads_text: false }
}

async fn what_a_step_came_to_is_there_for_the_next_attempt<DB: Backend>(site: &Site<DB>) {
    let (app, _) = run_thrice(site, job(site)).await;
    let numbers = app.notes.errors.lock().unwrap().clone();
    assert_eq!(numbers.len(), 3);
    assert!(numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
    assert_eq!(site.effects(&site.name).await, 1);
}

async fn a_step_whose_transaction_was_rolled_back_is_taken_again<DB: Backend>(site: &Site<DB>) {
    let (app, _) = run_thrice(site, Numbered { rolls_back: true, ..job(site) }).await;
    let numbers = app.notes.errors.lock().unwrap().clone();
    assert!(numbers[0] != numbers[1] && numbers[1] == numbers[2], "{numbers:?}");
    assert_eq!(site.effects(&site.name).await, 1);
}

async fn a_result_that_cannot_be_read_is_an_error_that_names_the_step<DB: Backend>(
    site: &Site<DB>,
) {
    let (_, id) = run_thrice(site, Numbered { reads_text: true, ..job(site) }).await;
    let reason = site.job(id).await.reason.unwrap();
    assert!(reason.contains("`number`"), "{reason}");
}
