//! Workers, each on a runtime of its own, so that one can be lost as a process is.

use std::time::Duration;

use saas_jobs::{Backend, Queue, Worker};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{oneshot, watch};

use super::Connect;
use super::history::History;
use super::told::{Hand, LEASE, Told};
use crate::site::Site;

pub(super) struct Crew<'s, DB: Backend> {
    site: &'s Site<DB>,
    connect: &'s Connect<DB>,
    history: History,
    hands: Vec<Placed>,
    begun: usize,
}

struct Placed {
    number: usize,
    runtime: Runtime,
    stop: watch::Sender<bool>,
    stopped: oneshot::Receiver<Result<(), saas_jobs::Error>>,
}

impl<'s, DB: Backend> Crew<'s, DB> {
    pub(super) async fn new(
        site: &'s Site<DB>,
        connect: &'s Connect<DB>,
        history: &History,
    ) -> Self {
        let mut crew =
            Self { site, connect, history: history.clone(), hands: Vec::new(), begun: 0 };
        for _ in 0..3 {
            let placed = crew.place().await;
            crew.hands.push(placed);
        }
        crew
    }

    async fn place(&mut self) -> Placed {
        let number = self.begun;
        self.begun += 1;
        // One thread: a handler that blocks it blocks its worker's heart.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let connected = runtime.spawn((self.connect)());
        let pool = connected.await.unwrap();
        let line = runtime.spawn((self.connect)()).await.unwrap();
        runtime.spawn(self.history.clone().listen(number, line));
        let hand = Hand { number, pool: pool.clone(), history: self.history.clone() };
        let queue: Queue<DB> = self.site.queue.clone();
        let worker = Worker::new(pool, queue, hand)
            .queue(self.site.name.clone())
            .concurrency(6)
            .lease(LEASE)
            .poll(Duration::from_millis(10), Duration::from_millis(50))
            .register::<Told>();
        let (stop, mut told) = watch::channel(false);
        let (stopping, stopped) = oneshot::channel();
        runtime.spawn(async move {
            let ended = worker.run_until(async { drop(told.wait_for(|stop| *stop).await) }).await;
            let _ = stopping.send(ended);
        });
        Placed { number, runtime, stop, stopped }
    }

    /// Nothing of it runs on, and another takes its place.
    pub(super) async fn crash(&mut self, at: usize) {
        let placed = self.place().await;
        let Placed { number, runtime, .. } = std::mem::replace(&mut self.hands[at], placed);
        self.history.falls_silent(number);
        runtime.shutdown_background();
    }

    /// Stops them cleanly.
    pub(super) async fn stop(self) {
        for Placed { runtime, stop, stopped, .. } in self.hands {
            stop.send_replace(true);
            stopped.await.unwrap().unwrap();
            runtime.shutdown_background();
        }
    }
}
