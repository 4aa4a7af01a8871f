use std::fmt::Write as _;

use super::{Report, Rung};
use crate::client::CONNECTIONS;
use crate::route::Route;
use crate::tally::{PATIENCE, Tally};
use crate::verdict;

/// For a README: a row a route and a row a load, and what the words mean.
pub(crate) fn summary(report: &Report) -> String {
    let mut text = String::new();
    let Report { about, base, origin, .. } = report;
    let loads: Vec<_> = report.rungs.iter().map(|rung| format!("{}x", rung.load)).collect();
    row(&mut text, format_args!("{about}. 1x is {base} requests a second: {origin}.\n"));
    row(
        &mut text,
        format_args!(
            "| route | share | queries (round trips) | p95 in ms at {} | verdict |",
            loads.join(" | ")
        ),
    );
    row(&mut text, format_args!("|---|---|---{}|---|", "|---".repeat(loads.len())));
    for route in Route::ALL {
        let queries = report.queries.as_ref().map_or("not counted".to_owned(), |queries| {
            let queries = queries[route as usize];
            format!("{} ({})", count(queries.queries), count(queries.round_trips))
        });
        let p95 = report.rungs.iter().map(|rung| {
            let p95 = rung.p95(route);
            p95.map_or("–".to_owned(), |p95| millis(p95.as_secs_f64() * 1e3))
        });
        let p95: Vec<_> = p95.collect();
        row(
            &mut text,
            format_args!(
                "| {} | {} % | {queries} | {} | {} |",
                route.name(),
                route.share(),
                p95.join(" | "),
                report.verdict(route)
            ),
        );
    }
    row(&mut text, format_args!("\n{LOADS}\n|---|---|---|---|---|---|---|---|---|---|---|"));
    for rung in &report.rungs {
        row(&mut text, format_args!("{}", load(rung, report.seconds)));
    }
    row(&mut text, format_args!("\n{}\n\n{}", verdict::definition(), notes()));
    text
}

/// Every route at every load.
pub(crate) fn details(report: &Report) -> String {
    let mut text = String::from(
        "| load | route | offered/s | achieved/s | errors | p50 ms | p95 ms | p99 ms |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for rung in &report.rungs {
        for route in Route::ALL {
            let tally = &rung.step.tallies[route as usize];
            let rate = |count: u64| count as f64 / report.seconds;
            let errors = tally.errors.iter().map(|(what, count)| format!("{what}: {count}"));
            let errors: Vec<_> = errors.collect();
            let quantiles = tally.quantiles();
            let [p50, p95, p99] = [quantiles.p50, quantiles.p95, quantiles.p99]
                .map(|quantile| quantile.map_or("–".to_owned(), millis));
            row(
                &mut text,
                format_args!(
                    "| {}x | {} | {:.1} | {:.1} | {} | {p50} | {p95} | {p99} |",
                    rung.load,
                    route.name(),
                    rate(tally.offered),
                    rate(tally.achieved),
                    errors.join(", "),
                ),
            );
        }
    }
    text
}

const LOADS: &str = "| load | offered/s | achieved/s | errors | processors: service, database, generator | memory | \
    connections at work | waiting at the gates | jobs left, oldest | drained after | generator late (p99) |";

fn load(rung: &Rung, seconds: f64) -> String {
    let Rung { load, step, usage } = rung;
    let sum = |count: fn(&Tally) -> u64| step.tallies.iter().map(count).sum::<u64>();
    let rate = |count: u64| count as f64 / seconds;
    let connections = usage.connections.map_or("–".to_owned(), |busy| busy.to_string());
    let drained = usage.drained.map_or("not".to_owned(), |after| format!("{after:.1} s"));
    let late = step.lateness.quantile(0.99).unwrap_or_default().as_secs_f64() * 1e3;
    format!(
        "| {load}x | {:.0} | {:.0} | {} | {:.2}, {:.2}, {:.2} | {:.0} MiB | {connections} | {:.0} | {}, {:.1} s | {drained} | {} ms |",
        rate(sum(|tally| tally.offered)),
        rate(sum(|tally| tally.achieved)),
        sum(Tally::failed),
        usage.service,
        usage.database,
        usage.generator,
        usage.memory_mib,
        usage.waiting,
        usage.jobs,
        usage.job_age,
        millis(late),
    )
}

fn notes() -> String {
    format!(
        "Queries are the selects, inserts, updates and deletes that PostgreSQL completed for a request, those \
         on settings included and those of its job not, counted on the wire; a round trip is one wait for the \
         server, the pool's questions whether a connection lives included. Requests come at a constant rate \
         whatever became of those before, over at most {CONNECTIONS} connections, and a latency begins when a \
         request was due, not when it was sent: how late the generator was is in it. Who has no answer after \
         {} s counts as an error that took so long; a refusal counts as an error and has no latency. Memory, \
         connections, gates and jobs are the greatest values seen, a look each second. The next load begins \
         when all is drained.",
        PATIENCE.as_secs()
    )
}

/// Writing to a text does not fail.
fn row(text: &mut String, line: std::fmt::Arguments<'_>) {
    _ = writeln!(text, "{line}");
}

fn count(count: f64) -> String {
    format!("{count:.1}").trim_end_matches(".0").to_owned()
}

fn millis(millis: f64) -> String {
    if millis < 10.0 { format!("{millis:.1}") } else { format!("{millis:.0}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::Ended;
    use crate::queries::Queries;
    use crate::step::Step;
    use crate::tally::{Latencies, Window};
    use crate::usage::Usage;

    /// Requests take 12 ms at 1x, 20 ms at 2x and 36 ms at 4x.
    fn rung(load: u32) -> Rung {
        let window = Window { begin: Duration::ZERO, end: Duration::from_secs(1) };
        let took = Duration::from_millis(4 + 8 * u64::from(load));
        let tally = |_| {
            let mut tally = Tally::new().unwrap();
            tally.count(window, Duration::ZERO, took, &Ended::AsExpected);
            tally
        };
        let tallies = Route::ALL.iter().map(tally).collect();
        let step = Step { tallies, lateness: Latencies::new().unwrap() };
        Rung { load: f64::from(load), step, usage: Usage::default() }
    }

    fn report() -> Report {
        Report {
            about: "a service".to_owned(),
            base: 10.0,
            origin: "as asked for".to_owned(),
            queries: Some(vec![Queries { queries: 3.0, round_trips: 9.02 }; Route::ALL.len()]),
            rungs: vec![rung(1), rung(2), rung(4)],
            seconds: 1.0,
        }
    }

    #[test]
    fn a_route_has_its_queries_its_latencies_and_its_verdict() {
        let row = "| send an invoice | 7 % | 3 (9) | 12 | 20 | 36 | degrades at 4x |\n";
        assert!(summary(&report()).contains(row), "{}", summary(&report()));
    }

    #[test]
    fn a_row_has_as_many_cells_as_the_head_of_its_table() {
        for table in [summary(&report()), details(&report())] {
            for table in table.split("\n\n").filter(|part| part.starts_with('|')) {
                let cells = table.lines().map(|line| line.matches('|').count());
                let cells: Vec<_> = cells.collect();
                assert!(cells.len() > 2 && cells.iter().all(|count| *count == cells[0]), "{table}");
            }
        }
    }
}
