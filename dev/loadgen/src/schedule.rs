//! When which request is due. Decided beforehand: a service that is slow changes nothing about it,
//! which is what keeps its slowness from hiding itself.

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

use crate::route::Route;

/// A request, so long after the beginning.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Arrival {
    pub(crate) at: Duration,
    pub(crate) route: Route,
}

/// Arrivals at a constant rate. Of every hundred, each route has exactly its share, in random order.
#[derive(Debug)]
pub(crate) struct Schedule {
    rate: f64,
    span: Duration,
    made: u32,
    deck: Deck,
}

impl Schedule {
    /// `rate` requests a second for `span`.
    pub(crate) fn new(rate: f64, span: Duration, seed: u64) -> Self {
        Self { rate, span, made: 0, deck: Deck::new(seed) }
    }
}

impl Iterator for Schedule {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let at = Duration::from_secs_f64(f64::from(self.made) / self.rate);
        self.made += 1;
        (at < self.span).then(|| Arrival { at, route: self.deck.draw() })
    }
}

/// Routes without end, shuffled a hundred at a time.
#[derive(Debug)]
pub(crate) struct Deck {
    left: Vec<Route>,
    dice: StdRng,
}

impl Deck {
    pub(crate) fn new(seed: u64) -> Self {
        Self { left: Vec::new(), dice: StdRng::seed_from_u64(seed) }
    }

    pub(crate) fn draw(&mut self) -> Route {
        if self.left.is_empty() {
            let cards = Route::ALL.iter().flat_map(|route| vec![*route; route.share()]);
            self.left.extend(cards);
            self.left.shuffle(&mut self.dice);
        }
        self.left.pop().unwrap_or(Route::ReadInvoice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(rate: f64, seconds: u64, seed: u64) -> Vec<Arrival> {
        Schedule::new(rate, Duration::from_secs(seconds), seed).collect()
    }

    #[test]
    fn arrivals_are_evenly_spaced_and_as_many_as_the_rate_says() {
        let arrivals = schedule(250.0, 4, 1);
        assert_eq!(arrivals.len(), 1000);
        for (number, arrival) in arrivals.iter().enumerate() {
            let due = Duration::from_millis(4) * u32::try_from(number).unwrap();
            assert!(arrival.at.abs_diff(due) < Duration::from_micros(1));
        }
    }

    #[test]
    fn every_hundred_has_each_routes_share() {
        for hundred in schedule(100.0, 5, 1).chunks(100) {
            for route in Route::ALL {
                let drawn = hundred.iter().filter(|arrival| arrival.route == route).count();
                assert_eq!(drawn, route.share(), "{route:?}");
            }
        }
    }

    #[test]
    fn the_seed_decides_the_order() {
        assert_eq!(schedule(100.0, 3, 7), schedule(100.0, 3, 7));
        assert_ne!(schedule(100.0, 3, 7), schedule(100.0, 3, 8));
    }
}
