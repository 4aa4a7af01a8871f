//! What was measured, as tables and as lines of JSON.

mod lines;
mod plot;
mod table;

use std::time::Duration;

use crate::queries::Queries;
use crate::route::Route;
use crate::step::Step;
use crate::usage::Usage;
use crate::verdict::{Point, Verdict, judge};

pub(crate) use lines::lines;
pub(crate) use plot::plot;
pub(crate) use table::{details, summary};

/// One run.
#[derive(Debug)]
pub(crate) struct Report {
    /// The service and what it ran on, in a sentence.
    pub(crate) about: String,
    /// Requests a second at 1x.
    pub(crate) base: f64,
    /// Where that comes from.
    pub(crate) origin: String,
    /// In the order of [`Route::ALL`]; none where nothing could count them.
    pub(crate) queries: Option<Vec<Queries>>,
    pub(crate) rungs: Vec<Rung>,
    pub(crate) seconds: f64,
}

/// One load of the ramp.
#[derive(Debug)]
pub(crate) struct Rung {
    pub(crate) load: f64,
    pub(crate) step: Step,
    pub(crate) usage: Usage,
}

impl Report {
    pub(crate) fn verdict(&self, route: Route) -> Verdict {
        let points: Vec<_> = self.rungs.iter().map(|rung| rung.point(route)).collect();
        judge(&points)
    }
}

impl Rung {
    fn point(&self, route: Route) -> Point {
        let tally = &self.step.tallies[route as usize];
        Point {
            load: self.load,
            offered: tally.offered,
            achieved: tally.achieved,
            errors: tally.failed(),
            p95: self.p95(route),
        }
    }

    fn p95(&self, route: Route) -> Option<Duration> {
        self.step.tallies[route as usize].latencies.quantile(0.95)
    }
}
