//! What the machine can do, found by a crowd of clients that each send the next request as soon as
//! the last is answered. Good for a base rate and for nothing else: such clients wait for a slow
//! service, so its latency looks better than it is.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::Result;
use crate::client::Ended;
use crate::schedule::Deck;
use crate::step::Load;
use crate::tally::Window;

/// So many clients.
pub(crate) const CLIENTS: u64 = 64;

/// 1x is this part of the capacity, so that 8x is a little below it and 10x is beyond.
pub(crate) const PART: f64 = 1.0 / 9.0;

/// Requests of the mix that are answered as expected in a second.
pub(crate) async fn measure(load: &Arc<Load>, window: Window, seed: u64) -> Result<f64> {
    let now = Instant::now();
    let (begin, end) = (now + window.begin, now + window.end);
    let mut clients = JoinSet::<Result<u64>>::new();
    for client in 0..CLIENTS {
        let (load, mut deck) = (Arc::clone(load), Deck::new(seed + client));
        clients.spawn(async move {
            let mut answered = 0u64;
            while Instant::now() < end {
                let ended = load.once(deck.draw(), Instant::now()).await?;
                let counts = ended == Ended::AsExpected && (begin..end).contains(&Instant::now());
                answered += u64::from(counts);
            }
            Ok(answered)
        });
    }
    let mut answered = 0;
    while let Some(client) = clients.join_next().await {
        answered += client??;
    }
    Ok(answered as f64 / window.seconds())
}

/// The base rate for a capacity: two digits, so that it is easily said again.
pub(crate) fn base(capacity: f64) -> f64 {
    let rate = (capacity * PART).max(1.0);
    let scale = 10f64.powf(rate.log10().floor() - 1.0).max(1.0);
    (rate / scale).round() * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_a_ninth_in_two_digits() {
        for (capacity, expected) in [(2250.0, 250.0), (1111.0, 120.0), (300.0, 33.0), (1.0, 1.0)] {
            assert_eq!(base(capacity), expected);
        }
    }
}
