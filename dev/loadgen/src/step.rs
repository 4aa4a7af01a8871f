//! One load for a while: requests come when they are due, whatever became of those before.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout_at;

use crate::Result;
use crate::client::{Client, Ended};
use crate::route::Route;
use crate::schedule::Schedule;
use crate::tally::{Latencies, PATIENCE, Tally, Window};
use crate::targets::Targets;

/// What a load consists of.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) client: Client,
    pub(crate) targets: Targets,
}

/// What came of one load.
#[derive(Debug)]
pub(crate) struct Step {
    /// In the order of [`Route::ALL`].
    pub(crate) tallies: Vec<Tally>,
    /// How late the generator itself was, which is part of every latency.
    pub(crate) lateness: Latencies,
}

/// When a request was due, when it was sent and when it was over, since the step began.
struct Moments {
    due: Duration,
    began: Duration,
    over: Duration,
}

impl Load {
    /// Sends one request that is due at this moment, and waits for its answer as long as a client does.
    pub(crate) async fn once(&self, route: Route, due: Instant) -> Result<Ended> {
        let Some(asked) = self.targets.request(route, &self.client)? else {
            return Ok(Ended::Wrong("no draft is left"));
        };
        let answer = timeout_at((due + PATIENCE).into(), self.client.ask(asked.request)).await;
        let answer = match answer {
            Err(_) => return Ok(Ended::NoAnswer),
            Ok(Err(_)) => return Ok(Ended::Broken),
            Ok(Ok(answer)) => answer,
        };
        let ended = Ended::with(route, &answer);
        if let (Route::CreateInvoice, Ended::AsExpected, Some(id)) = (route, &ended, answer.made())
        {
            self.targets.is_draft(asked.tenant, id);
        }
        Ok(ended)
    }

    /// `rate` requests a second until the window ends; returns when the last of them is over.
    pub(crate) async fn step(
        self: &Arc<Self>,
        rate: f64,
        window: Window,
        seed: u64,
    ) -> Result<Step> {
        let (over, mut overs) = mpsc::unbounded_channel();
        let begun = Instant::now();
        let runtime = tokio::runtime::Handle::current();
        let load = Arc::clone(self);
        // A thread of its own: it wakes up to a few hundredths of a millisecond, tokio's timer to one.
        let pacer = std::thread::spawn(move || {
            for arrival in Schedule::new(rate, window.end, seed) {
                let due = begun + arrival.at;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let (load, over, route) = (Arc::clone(&load), over.clone(), arrival.route);
                runtime.spawn(async move {
                    let began = begun.elapsed();
                    let ended = load.once(route, due).await;
                    let moments = Moments { due: arrival.at, began, over: begun.elapsed() };
                    drop(over.send((route, moments, ended)));
                });
            }
        });
        let mut step = Step {
            tallies: Route::ALL.iter().map(|_| Tally::new()).collect::<Result<_>>()?,
            lateness: Latencies::new()?,
        };
        // Ends when the pacer and every request have dropped their end of the channel.
        while let Some((route, at, ended)) = overs.recv().await {
            step.tallies[route as usize].count(window, at.due, at.over, &ended?);
            step.lateness.record(at.began.saturating_sub(at.due));
        }
        pacer.join().map_err(|_| "the pacer panicked")?;
        Ok(step)
    }
}
