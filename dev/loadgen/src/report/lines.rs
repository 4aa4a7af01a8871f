use serde_json::json;

use super::Report;
use crate::Result;
use crate::route::Route;

/// One line of JSON per route and load, and one per load about what it used.
pub(crate) fn lines(report: &Report) -> Result<String> {
    let mut lines = Vec::new();
    for rung in &report.rungs {
        for route in Route::ALL {
            let tally = &rung.step.tallies[route as usize];
            lines.push(json!({
                "route": route,
                "load": rung.load,
                "offered_per_second": tally.offered as f64 / report.seconds,
                "achieved_per_second": tally.achieved as f64 / report.seconds,
                "offered": tally.offered,
                "errors": tally.errors,
                "ms": tally.quantiles(),
                "per_request": report.queries.as_ref().map(|queries| queries[route as usize]),
                "verdict": report.verdict(route),
            }));
        }
        let late = rung.step.lateness.quantile(0.99).map(|late| late.as_secs_f64() * 1e3);
        lines.push(json!({"load": rung.load, "usage": rung.usage, "generator_late_p99_ms": late}));
    }
    Ok(lines.iter().map(|line| format!("{line}\n")).collect())
}
