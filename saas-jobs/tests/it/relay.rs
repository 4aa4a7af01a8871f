//! A queue as an outbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use saas_core::TenantId;
use saas_jobs::{
    Backend, BoxError, Error, ErrorKind, JobId, JobInfo, JobState, Message, Options, Publisher,
    Received, Worker,
};

use crate::jobs::{Act, App, GreetV2};
use crate::site::Site;

on_every_database! {
    true:
        jobs_of_any_kind_are_published_once_however_often_they_run;
    false:
        what_comes_from_a_broker_runs_once_however_often_it_is_delivered,
        a_message_that_is_no_job_is_refused_by_name,
        registered_kinds_are_run_and_the_rest_is_published;
}

/// A broker in memory that drops what it has.
#[derive(Clone, Default)]
struct Broker(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    received: usize,
    messages: HashMap<JobId, Message>,
}

impl Publisher for Broker {
    /// Every first acknowledgement is lost.
    async fn publish(&self, message: Message) -> Result<(), BoxError> {
        let mut kept = self.0.lock().unwrap();
        kept.received += 1;
        let again = kept.messages.insert(message.id, message).is_some();
        if again { Ok(()) } else { Err("the broker did not answer".into()) }
    }
}

fn subject(job: &JobInfo) -> String {
    format!("{}.v{}", job.kind, job.version)
}

async fn jobs_of_any_kind_are_published_once_however_often_they_run<DB: Backend>(site: &Site<DB>) {
    let broker = Broker::default();
    let act = site.enqueue_with(Act::Sleep(7), site.options().trace("x")).await;
    let greet = site.enqueue(GreetV2 { names: vec!["Ada".into()] }).await;
    let drain = || {
        let worker = Worker::new(site.pool.clone(), site.queue.clone(), ());
        worker.queue(site.name.clone()).relay(broker.clone(), subject).drain()
    };
    assert_eq!(drain().await.unwrap().failed, 2);
    site.clock.advance(std::time::Duration::from_secs(3600));
    assert_eq!(drain().await.unwrap().done, 2);
    let kept = broker.0.lock().unwrap();
    assert_eq!((kept.received, kept.messages.len()), (4, 2));
    let published = |id| (kept.messages[&id].subject.as_str(), kept.messages[&id].payload.as_str());
    assert_eq!(published(act), ("act.v1", r#"{"Sleep":7}"#));
    assert_eq!(published(greet), ("greet.v2", r#"{"names":["Ada"]}"#));
}

async fn registered_kinds_are_run_and_the_rest_is_published<DB: Backend>(site: &Site<DB>) {
    let (app, broker) = (App::new(&site.pool, &site.queue), Broker::default());
    let run = site.enqueue(Act::Done).await;
    let once = Options::new().queue(site.name.clone()).max_attempts(1);
    let published = site.enqueue_with(GreetV2 { names: vec![] }, once).await;
    let worker = site.worker(&app).register::<Act>().relay(broker.clone(), subject);
    assert_eq!(worker.drain().await.unwrap().done, 1);
    assert_eq!(app.runs().iter().map(|run| run.0).collect::<Vec<_>>(), [run]);
    assert_eq!(site.job(published).await.state, JobState::Dead);
    assert!(broker.0.lock().unwrap().messages.contains_key(&published));
}

/// Publishes one job of a queue of its own, and returns what the broker has of it.
async fn published<DB: Backend>(site: &Site<DB>, act: Act, options: Options) -> Message {
    let (broker, outbox) = (Broker::default(), format!("{}out", site.name));
    let id = site.enqueue_with(act, options.queue(outbox.clone())).await;
    let worker = Worker::new(site.pool.clone(), site.queue.clone(), ());
    worker.queue(outbox).relay(broker.clone(), subject).drain().await.unwrap();
    broker.0.lock().unwrap().messages.remove(&id).unwrap()
}

/// What a client of the broker reads.
fn delivered(message: &Message) -> Result<Received, Error> {
    let headers = message.headers();
    let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
    Received::new(headers.chain([("Nats-Msg-Id", "x")]), message.payload.clone())
}

async fn receive<DB: Backend>(site: &Site<DB>, job: Received) -> bool {
    let mut tx = site.pool.begin_with(site.begin()).await.unwrap();
    let new = site.queue.receive(&mut tx, job, site.options()).await.unwrap();
    tx.commit().await.unwrap();
    new
}

async fn what_comes_from_a_broker_runs_once_however_often_it_is_delivered<DB: Backend>(
    site: &Site<DB>,
) {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let options = Options::new().tenant(TenantId::new()).trace(trace);
    let mut message = published(site, Act::Complete(site.name.clone()), options).await;
    // The database of the far side is this one, where the job itself has gone out.
    message.id = JobId::new();
    assert!(receive(site, delivered(&message).unwrap()).await);
    assert!(!receive(site, delivered(&message).unwrap()).await);
    let app = App::new(&site.pool, &site.queue);
    assert_eq!(site.worker(&app).register::<Act>().drain().await.unwrap().done, 1);
    assert!(!receive(site, delivered(&message).unwrap()).await);
    assert_eq!(site.worker(&app).register::<Act>().drain().await.unwrap().done, 0);
    assert_eq!(site.effects(&site.name).await, 1);
    let status = site.job(message.id).await;
    assert_eq!((status.state, status.tenant), (JobState::Done, message.job.tenant));
    assert_eq!(status.kind, "act");
}

async fn a_message_that_is_no_job_is_refused_by_name<DB: Backend>(site: &Site<DB>) {
    let message = published(site, Act::Done, Options::new().tenant(TenantId::new())).await;
    let good = message.headers();
    let read = |headers: &[(&'static str, String)], payload: &str| {
        let headers = headers.iter().map(|(name, value)| (*name, value.as_str()));
        Received::new(headers, payload)
    };
    assert!(read(&good, "{}").is_ok());
    let refused = |headers: &[_], payload: &str| {
        let error = read(headers, payload).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        error.to_string()
    };
    for at in 0..good.len() {
        let name = good[at].0;
        if name != "saas-job-tenant" {
            let without = [&good[..at], &good[at + 1..]].concat();
            assert_eq!(
                refused(&without, "{}"),
                format!("the message is refused: {name} is missing")
            );
        }
        let twice = [&good[..], &good[at..=at]].concat();
        assert!(refused(&twice, "{}").contains(&format!("{name} is given twice")));
        let mut wrong = good.clone();
        wrong[at].1 = if name == "saas-job-kind" { String::new() } else { "2x".to_owned() };
        let said = refused(&wrong, "{}");
        assert!(said.contains(name) || said.contains("kind of a job"), "{said}");
    }
    assert!(refused(&good, "{").contains("payload is not JSON"));
}
