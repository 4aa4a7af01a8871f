//! What a step used and left waiting, besides its latencies.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::time::sleep_until;

use crate::Result;
use crate::client::Client;
use crate::database::Database;
use crate::process::{Cpu, memory};
use crate::tally::Window;

/// Of the seconds that count. What is no rate is the greatest value of those seen each second.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Usage {
    /// Processors, on average.
    pub(crate) service: f64,
    pub(crate) database: f64,
    pub(crate) generator: f64,
    pub(crate) memory_mib: f64,
    /// Jobs that were not done, and the seconds that the oldest had waited for a worker.
    pub(crate) jobs: u64,
    pub(crate) job_age: f64,
    /// Requests that waited at the service's gates.
    pub(crate) waiting: f64,
    /// The service's connections at work.
    pub(crate) connections: Option<i64>,
    /// Seconds after the last answer until the last job was done; none if that took too long.
    pub(crate) drained: Option<f64>,
}

/// A service and its database, to be watched.
#[derive(Debug)]
pub(crate) struct Watch<'w> {
    pub(crate) service: u32,
    /// With connections of its own, so that it does not wait where the load does.
    pub(crate) client: Client,
    pub(crate) database: &'w Database,
}

const EVERY: Duration = Duration::from_secs(1);

impl Watch<'_> {
    /// Looks each second of a window that belongs to a step that begins now.
    pub(crate) async fn during(&self, window: Window) -> Result<Usage> {
        let begun = Instant::now();
        sleep_until((begun + window.begin).into()).await;
        let (before, measured) = (self.cpu()?, Instant::now());
        let mut usage = Usage::default();
        let (mut next, end) = (begun + window.begin + EVERY, begun + window.end);
        while next < end {
            sleep_until(next.into()).await;
            self.look(&mut usage).await?;
            next += EVERY;
        }
        sleep_until(end.into()).await;
        let (after, seconds) = (self.cpu()?, measured.elapsed().as_secs_f64());
        self.look(&mut usage).await?;
        usage.service = (after.service - before.service) / seconds;
        usage.database = (after.database - before.database) / seconds;
        usage.generator = (after.generator - before.generator) / seconds;
        Ok(usage)
    }

    /// Waits until no job is left, at most so long; says how long it was.
    pub(crate) async fn drained(&self, most: Duration) -> Result<Option<f64>> {
        let begun = Instant::now();
        while self.database.backlog().await?.jobs > 0 {
            if begun.elapsed() > most {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(Some(begun.elapsed().as_secs_f64()))
    }

    fn cpu(&self) -> Result<Cpu> {
        Cpu::used(self.service, self.database.process())
    }

    async fn look(&self, usage: &mut Usage) -> Result<()> {
        let backlog = self.database.backlog().await?;
        usage.jobs = usage.jobs.max(backlog.jobs);
        usage.job_age = usage.job_age.max(backlog.age);
        usage.connections = usage.connections.max(self.database.busy().await?);
        usage.memory_mib = usage.memory_mib.max(memory(self.service)? as f64 / 1_048_576.0);
        let uri = self.client.uri("/metrics");
        let answer = self.client.ask(http::Request::get(uri).body(Default::default())?).await?;
        let metrics = String::from_utf8_lossy(&answer.body);
        usage.waiting = usage.waiting.max(sum(&metrics, "admission_waiting"));
        Ok(())
    }
}

/// The values of a metric under all its labels, from Prometheus' text.
fn sum(text: &str, metric: &str) -> f64 {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(metric)?;
        rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_summed_over_its_labels() {
        let text = "# TYPE waiting gauge\nwaiting{gate=\"a b\"} 2\nwaiting{gate=\"c\"} 40\nwaiting_more 7\nplain 3\n";
        assert_eq!(sum(text, "waiting"), 42.0);
        assert_eq!(sum(text, "plain"), 3.0);
        assert_eq!(sum(text, "absent"), 0.0);
    }
}
