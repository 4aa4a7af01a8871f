//! Two things measured in turns, and the line that says what came of it.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Result;

/// One line of the output.
#[derive(Debug, Serialize)]
pub(crate) struct Figure<'a> {
    pub(crate) bench: &'a str,
    pub(crate) metric: &'a str,
    pub(crate) value: f64,
    pub(crate) unit: &'a str,
    /// The same in the same unit, by hand or by the peer.
    pub(crate) limit_or_peer: f64,
    /// Ours divided by the limit.
    pub(crate) ratio: f64,
}

/// What was measured of ours and of the limit, a sample each per round.
#[derive(Debug)]
pub(crate) struct Turns {
    ours: Vec<f64>,
    limit: Vec<f64>,
}

/// Measures both `rounds` times, in turns, after a first time that only warms up. They are told
/// which round it is.
pub(crate) async fn in_turns(
    rounds: usize,
    mut ours: impl AsyncFnMut(usize) -> Result<f64>,
    mut limit: impl AsyncFnMut(usize) -> Result<f64>,
) -> Result<Turns> {
    let [ours, limit] = among(rounds, async |who, round| match who {
        0 => ours(round).await,
        _ => limit(round).await,
    })
    .await?;
    Ok(Turns { ours, limit })
}

/// Measures `N` contenders `rounds` times, in turns, after a first time that only warms up. `measure`
/// is told whom, and which round it is.
pub(crate) async fn among<const N: usize>(
    rounds: usize,
    mut measure: impl AsyncFnMut(usize, usize) -> Result<f64>,
) -> Result<[Vec<f64>; N]> {
    let mut samples = [const { Vec::new() }; N];
    for round in 0..=rounds {
        for turn in 0..N {
            // Who goes first changes, so that nobody always finds what another left behind.
            let who = (round + turn) % N;
            let sample = measure(who, round).await?;
            if round > 0 {
                samples[who].push(sample);
            }
        }
    }
    Ok(samples)
}

/// Microseconds that one call of `work` takes; it is told which call it is, counted over all rounds.
pub(crate) async fn micros(
    round: usize,
    calls: usize,
    mut work: impl AsyncFnMut(usize) -> Result<()>,
) -> Result<f64> {
    let begun = Instant::now();
    for call in 0..calls {
        work(round * calls + call).await?;
    }
    Ok(begun.elapsed().as_secs_f64() * 1e6 / calls as f64)
}

/// Calls per second of `clients` tasks that call `work` for `span`, each the next as soon as the
/// last is over; `work` is told which call it is.
pub(crate) async fn rate<F, W>(clients: u32, span: Duration, work: F) -> Result<f64>
where
    F: Fn(usize) -> W + Clone + Send + 'static,
    W: Future<Output = Result<()>> + Send,
{
    let calls = Arc::new(AtomicUsize::new(0));
    let begun = Instant::now();
    let clients: Vec<_> = (0..clients)
        .map(|_| {
            let (work, calls) = (work.clone(), Arc::clone(&calls));
            tokio::spawn(async move {
                while begun.elapsed() < span {
                    work(calls.fetch_add(1, Ordering::Relaxed)).await?;
                }
                Result::Ok(())
            })
        })
        .collect();
    for client in clients {
        client.await??;
    }
    Ok(calls.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}

impl Turns {
    pub(crate) fn new(ours: Vec<f64>, limit: Vec<f64>) -> Self {
        Self { ours, limit }
    }

    /// Prints the medians and their ratio, and on standard error how far the samples spread.
    pub(crate) fn report(mut self, bench: &str, metric: &str, unit: &str) -> Result<()> {
        let (ours, limit) = (quartiles(&mut self.ours), quartiles(&mut self.limit));
        let ratio = ours[1] / limit[1];
        eprintln!(
            "{bench} {metric}: {ratio:.3} = {} against {} {unit}",
            spelled(ours),
            spelled(limit)
        );
        let (value, limit_or_peer) = (ours[1], limit[1]);
        print(&Figure { bench, metric, value, unit, limit_or_peer, ratio })
    }
}

/// Prints a figure, each number with four digits.
fn print(figure: &Figure<'_>) -> Result<()> {
    let line = serde_json::to_string(&Figure {
        value: rounded(figure.value),
        limit_or_peer: rounded(figure.limit_or_peer),
        ratio: rounded(figure.ratio),
        ..*figure
    })?;
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn rounded(number: f64) -> f64 {
    let digits = 3 - number.abs().max(f64::MIN_POSITIVE).log10().floor() as i32;
    let scale = 10f64.powi(digits.clamp(0, 12));
    (number * scale).round() / scale
}

fn quartiles(samples: &mut [f64]) -> [f64; 3] {
    samples.sort_unstable_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| samples[(samples.len() - 1) * quarter / 4])
}

fn spelled([low, median, high]: [f64; 3]) -> String {
    format!("{} ({} to {})", rounded(median), rounded(low), rounded(high))
}
