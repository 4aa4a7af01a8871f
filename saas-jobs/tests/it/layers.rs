//! tower's layers around handlers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use saas_jobs::{
    Backend, Job, JobContext, JobRequest, JobResult, JobService, JobState, Outcome, Run, Worker,
};
use serde::{Deserialize, Serialize};
use tower::layer::layer_fn;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use crate::jobs::{Act, App, GreetV1, GreetV2};
use crate::site::Site;

on_every_database! {
    false:
        layers_see_each_run_from_the_outside_in,
        a_layer_may_answer_in_a_handlers_place,
        an_error_of_a_layer_is_a_failed_attempt,
        what_cannot_be_read_is_dead_through_layers_too,
        a_layer_bounds_how_many_run_at_once;
}

type Seen = Arc<Mutex<Vec<String>>>;

/// Notes what passes.
fn noting(
    name: &'static str,
    seen: Seen,
) -> impl tower::Layer<
    JobService,
    Service: Service<JobRequest, Response = Outcome, Error = saas_jobs::BoxError, Future: Send>
                 + Clone
                 + Send
                 + Sync
                 + 'static,
> {
    layer_fn(move |inner: JobService| {
        let seen = Arc::clone(&seen);
        service_fn(move |request: JobRequest| {
            let (seen, inner) = (Arc::clone(&seen), inner.clone());
            async move {
                let job = request.info().clone();
                seen.lock().unwrap().push(format!("{name} before {} {}", job.kind, job.attempt));
                let outcome = inner.oneshot(request).await?;
                seen.lock().unwrap().push(format!("{name} after {}", outcome.name()));
                Ok(outcome)
            }
        })
    })
}

async fn layers_see_each_run_from_the_outside_in<DB: Backend>(site: &Site<DB>) {
    let (app, seen) = (App::new(&site.pool, &site.queue), Seen::default());
    let id = site.enqueue(Act::Complete(site.name.clone())).await;
    let worker = site.worker(&app).register::<Act>();
    let worker =
        worker.layer(noting("inner", Arc::clone(&seen))).layer(noting("outer", Arc::clone(&seen)));
    assert_eq!(worker.drain().await.unwrap().done, 1);
    assert_eq!(site.job(id).await.state, JobState::Done);
    let seen = seen.lock().unwrap();
    let expected = [
        "outer before act 1",
        "inner before act 1",
        "inner after completed",
        "outer after completed",
    ];
    assert_eq!(*seen, expected);
}

async fn a_layer_may_answer_in_a_handlers_place<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Act::Done).await;
    let closed = layer_fn(|_: JobService| {
        service_fn(|_: JobRequest| async {
            Ok::<_, std::convert::Infallible>(Outcome::snooze(Duration::from_secs(60)))
        })
    });
    assert_eq!(site.worker(&app).register::<Act>().layer(closed).drain().await.unwrap().snoozed, 1);
    let status = site.job(id).await;
    assert_eq!((status.state, status.attempt), (JobState::Scheduled, 0));
    assert!(app.runs().is_empty());
}

async fn an_error_of_a_layer_is_a_failed_attempt<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(Act::Sleep(60_000)).await;
    let layers = ServiceBuilder::new()
        .layer(GlobalConcurrencyLimitLayer::new(4))
        .layer(TimeoutLayer::new(Duration::from_millis(20)))
        .into_inner();
    assert_eq!(site.worker(&app).register::<Act>().layer(layers).drain().await.unwrap().failed, 1);
    let error = site.job(id).await.last_error.unwrap();
    assert_eq!((error.attempt, error.error.as_str()), (1, "request timed out"));
}

async fn what_cannot_be_read_is_dead_through_layers_too<DB: Backend>(site: &Site<DB>) {
    let app = App::new(&site.pool, &site.queue);
    let id = site.enqueue(GreetV1 { name: "nobody".into() }).await;
    let timeout = TimeoutLayer::new(Duration::from_secs(5));
    let worker = site.worker(&app).register::<GreetV2>().layer(timeout);
    assert_eq!(worker.drain().await.unwrap().dead, 1);
    assert_eq!(
        site.job(id).await.reason.as_deref(),
        Some("malformed arguments: nobody cannot be greeted")
    );
}

#[derive(Serialize, Deserialize)]
struct Count;

impl Job for Count {
    const KIND: &'static str = "count";
}

/// How many run, how many at most, how many have run.
type Running = Arc<Mutex<(usize, usize, usize)>>;

impl Run<Running> for Count {
    async fn run(self, cx: JobContext<'_, Running>) -> JobResult {
        let change = |by: isize| {
            let (now, most, ended) = &mut *cx.context().lock().unwrap();
            *now = now.checked_add_signed(by).unwrap();
            *most = (*most).max(*now);
            *ended += usize::from(by < 0);
        };
        change(1);
        tokio::time::sleep(Duration::from_millis(10)).await;
        change(-1);
        Ok(Outcome::done())
    }
}

async fn a_layer_bounds_how_many_run_at_once<DB: Backend>(site: &Site<DB>) {
    let running = Running::default();
    for _ in 0..12 {
        site.enqueue(Count).await;
    }
    let worker = Worker::new(site.pool.clone(), site.queue.clone(), Arc::clone(&running))
        .queue(site.name.clone())
        .poll(Duration::from_millis(10), Duration::from_millis(50))
        .register::<Count>()
        .layer(GlobalConcurrencyLimitLayer::new(3));
    let all = async {
        while running.lock().unwrap().2 < 12 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    worker.run_until(all).await.unwrap();
    let most = running.lock().unwrap().1;
    assert_eq!(most, 3);
}
