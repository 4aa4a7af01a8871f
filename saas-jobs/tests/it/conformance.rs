//! What holds on every database.

mod attempts;
mod completion;
mod enqueuing;
mod workers;

use std::time::Duration;

use saas_core::TenantId;
use saas_jobs::{Backend, Error, Job, JobId, JobState};
use tokio::sync::oneshot;

use crate::jobs::{Act, App, Brief, GreetV1, GreetV2};
use crate::site::Site;

/// What another worker does when this one has not renewed its lease.
async fn end_epoch<DB: Backend>(site: &Site<DB>, name: &str) {
    let sql = if DB::DIALECT == saas_core::schema::Dialect::Postgres {
        "delete from saas.jobs_worker where name = "
    } else {
        "delete from saas_jobs_worker where name = "
    };
    assert_eq!(site.run(sql, Some(name.to_owned())).await, 1);
}

async fn runs<DB: Backend>(app: &App<DB>, count: usize) {
    for _ in 0..1000 {
        if app.runs().len() >= count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("there were {} runs, not {count}", app.runs().len());
}

/// Runs what is due.
async fn drain<DB: Backend>(site: &Site<DB>, app: &App<DB>) -> (usize, usize) {
    let worker = site.worker(app).register::<Act>().register::<Brief>();
    let drained = worker.drain().await.unwrap();
    (drained.done, drained.failed)
}

/// Starts a worker; the sender stops it.
fn start<DB: Backend>(
    worker: saas_jobs::Worker<DB, App<DB>>,
) -> (oneshot::Sender<()>, tokio::task::JoinHandle<Result<(), Error>>) {
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(worker.run_until(async move {
        let _ = stopped.await;
    }));
    (stop, running)
}
