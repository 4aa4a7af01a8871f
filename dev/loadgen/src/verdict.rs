//! How a route stands up to load: what was measured goes in, a word comes out.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

/// Below this part of what was offered, a route does not keep up.
pub(crate) const KEEPS_UP: f64 = 0.90;

/// Above this part of errors, a route does not work.
pub(crate) const ERRORS: f64 = 0.01;

/// So many times the 95th percentile at 1x is still the same latency.
pub(crate) const SLOWER: u32 = 2;

/// Below this, a difference is nobody's concern.
pub(crate) const UNNOTICED: Duration = Duration::from_millis(10);

/// What a route did at one load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    /// As a multiple of the base rate.
    pub(crate) load: f64,
    /// Requests that were due.
    pub(crate) offered: u64,
    /// Answers as expected that came meanwhile.
    pub(crate) achieved: u64,
    /// Of what was due, what was not answered as expected.
    pub(crate) errors: u64,
    /// `None` if nothing was answered.
    pub(crate) p95: Option<Duration>,
}

/// The loads at which a route stopped being as good as it was.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Verdict {
    /// From here on it was slower.
    pub(crate) degrades: Option<f64>,
    /// From here on it did not keep up, or failed.
    pub(crate) collapses: Option<f64>,
}

/// Judges a ramp; the first point is the one that the others are compared with.
pub(crate) fn judge(ramp: &[Point]) -> Verdict {
    let base = ramp.first().and_then(|point| point.p95).unwrap_or_default();
    let first =
        |bad: &dyn Fn(&Point) -> bool| ramp.iter().find(|point| bad(point)).map(|point| point.load);
    Verdict {
        degrades: first(&|point| point.p95.is_none_or(|p95| p95 > allowed(base))),
        collapses: first(&collapsed),
    }
}

/// The greatest 95th percentile that is still linear.
fn allowed(base: Duration) -> Duration {
    (base * SLOWER).max(UNNOTICED)
}

fn collapsed(point: &Point) -> bool {
    let offered = point.offered as f64;
    // One of a few that is under way when the seconds are over is none that is missing.
    ((point.achieved + 1) as f64) < KEEPS_UP * offered || point.errors as f64 > ERRORS * offered
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.collapses, self.degrades) {
            (None, None) => f.write_str("linear"),
            (None, Some(slow)) => write!(f, "degrades at {slow}x"),
            (Some(end), Some(slow)) if slow < end => {
                write!(f, "degrades at {slow}x, collapses at {end}x")
            }
            (Some(end), _) => write!(f, "collapses at {end}x"),
        }
    }
}

/// The definition, for the foot of the table.
pub(crate) fn definition() -> String {
    format!(
        "A route **collapses** at the first load at which the answers as expected that came in the measured \
         seconds were fewer than {:.0} % of the requests due in them by more than one, or more than {:.0} % of those requests \
         were not answered as expected. It **degrades** at the first load at which its 95th percentile was \
         above {SLOWER} times that at 1x and above {} ms. Otherwise it is **linear**.",
        KEEPS_UP * 100.0,
        ERRORS * 100.0,
        UNNOTICED.as_millis(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(load: f64, p95: u64) -> Point {
        let offered = (load * 1000.0) as u64;
        let p95 = Some(Duration::from_millis(p95));
        Point { load, offered, achieved: offered, errors: 0, p95 }
    }

    #[test]
    fn a_route_that_keeps_up_and_stays_fast_is_linear() {
        let ramp = [point(1.0, 20), point(5.0, 30), point(10.0, 40)];
        assert_eq!(judge(&ramp), Verdict { degrades: None, collapses: None });
        assert_eq!(judge(&ramp).to_string(), "linear");
    }

    #[test]
    fn more_than_twice_the_latency_of_1x_degrades_from_there_on() {
        let ramp = [point(1.0, 20), point(5.0, 41), point(8.0, 30), point(10.0, 90)];
        assert_eq!(judge(&ramp).to_string(), "degrades at 5x");
    }

    #[test]
    fn what_stays_below_the_floor_is_not_slower() {
        assert_eq!(judge(&[point(1.0, 1), point(10.0, 10)]).to_string(), "linear");
        assert_eq!(judge(&[point(1.0, 1), point(10.0, 11)]).to_string(), "degrades at 10x");
    }

    #[test]
    fn less_than_nine_tenths_of_what_was_offered_collapses() {
        let at = |achieved| Point { achieved, ..point(10.0, 20) };
        assert_eq!(judge(&[point(1.0, 20), at(8999)]).to_string(), "linear");
        assert_eq!(judge(&[point(1.0, 20), at(8998)]).to_string(), "collapses at 10x");
    }

    #[test]
    fn more_than_a_hundredth_of_errors_collapses() {
        let at = |errors| Point { errors, ..point(10.0, 20) };
        assert_eq!(judge(&[point(1.0, 20), at(100)]).to_string(), "linear");
        assert_eq!(judge(&[point(1.0, 20), at(101)]).to_string(), "collapses at 10x");
    }

    #[test]
    fn it_tells_where_it_slows_before_it_collapses() {
        let end = Point { achieved: 1, ..point(10.0, 900) };
        let ramp = [point(1.0, 20), point(6.0, 60), end];
        assert_eq!(judge(&ramp).to_string(), "degrades at 6x, collapses at 10x");
    }

    #[test]
    fn a_route_without_one_answer_collapses() {
        let none = Point { achieved: 0, errors: 1000, p95: None, ..point(1.0, 0) };
        assert_eq!(judge(&[none]).to_string(), "collapses at 1x");
    }
}
