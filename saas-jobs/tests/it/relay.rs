//! A queue as an outbox.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use saas_jobs::{Backend, BoxError, JobId, JobInfo, JobState, Message, Options, Publisher, Worker};

use crate::jobs::{Act, App, GreetV2};
use crate::site::Site;

on_every_database! {
    true:
        jobs_of_any_kind_are_published_once_however_often_they_run;
    false:
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
