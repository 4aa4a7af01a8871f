//! Ours with its defaults beside other job queues on PostgreSQL, each with the settings that its own
//! documentation recommends for throughput: in one run, in turns, on one server, each time in a
//! database of its own.
//!
//! The others are programs (`dev/peers`), asked by lines. One that is not there or fails is left out.

mod ours;
mod round;

use self::ours::Ours;
use self::round::{METRICS, Round, Sample};
use crate::database::Database;
use crate::measure::Turns;
use crate::peer::Peer;
use crate::{Result, Size};

struct Rival {
    /// As its registry has it: `graphile_worker` is the port to Rust.
    name: &'static str,
    /// Where `dev/bench` says the program is.
    variable: &'static str,
    /// Whether fewer jobs must do.
    slow: bool,
    /// Whether a job that has begun is not recorded yet.
    unfinished: &'static str,
}

const RIVALS: [Rival; 7] = [
    Rival {
        name: "graphile_worker",
        variable: "BENCH_PEER_GRAPHILE_WORKER_RS",
        slow: false,
        unfinished: "select exists (select from graphile_worker._private_jobs)",
    },
    Rival {
        name: "graphile-worker",
        variable: "BENCH_PEER_GRAPHILE_WORKER_JS",
        slow: false,
        unfinished: "select exists (select from graphile_worker._private_jobs)",
    },
    Rival {
        name: "pg-boss",
        variable: "BENCH_PEER_PG_BOSS",
        slow: false,
        unfinished: "select exists (select from pgboss.job where state < 'completed' and name = 'nothing')",
    },
    Rival {
        name: "awa",
        variable: "BENCH_PEER_AWA",
        slow: false,
        unfinished: "
            select (select count(*) from awa.ready_entries)
                > (select coalesce(sum(completed_count), 0) from awa.receipt_completion_batches)",
    },
    Rival {
        name: "apalis-postgres",
        variable: "BENCH_PEER_APALIS",
        slow: false,
        unfinished: "select exists (select from apalis.jobs where status <> 'Done')",
    },
    Rival {
        name: "procrastinate",
        variable: "BENCH_PEER_PROCRASTINATE",
        slow: true,
        unfinished: "select exists (select from procrastinate_jobs where status in ('todo', 'doing'))",
    },
    Rival {
        name: "underway",
        variable: "BENCH_PEER_UNDERWAY",
        slow: true,
        unfinished: "select exists (select from underway.task where state in ('pending', 'in_progress'))",
    },
];

pub(crate) async fn run(size: Size) -> Result<()> {
    let round = Round {
        jobs: size.pick(200_000, 20_000),
        alone: size.pick(5_000, 1_000),
        late: size.pick(300, 60),
    };
    let slow = Round { jobs: size.pick(5_000, 1_000), ..round };
    let (mut ours, mut theirs) = (Vec::new(), RIVALS.map(|rival| (rival, Some(Vec::new()))));
    for turn in 0..size.pick(3, 1) {
        eprintln!("peers: round {}", turn + 1);
        ours.push(round.of("ours", ours::UNFINISHED, Ours::open).await?);
        for (rival, samples) in &mut theirs {
            let round = if rival.slow { slow } else { round };
            let Some(so_far) = samples else { continue };
            match of(rival, round).await {
                Ok(Some(sample)) => so_far.push(sample),
                Ok(None) => *samples = None,
                Err(error) => {
                    eprintln!("{} is left out, for it failed: {error}", rival.name);
                    *samples = None;
                }
            }
        }
    }
    for (rival, samples) in theirs {
        report(&ours, rival.name, &samples.unwrap_or_default())?;
    }
    Ok(())
}

/// Nothing if it is not there.
async fn of(rival: &Rival, round: Round) -> Result<Option<Sample>> {
    if std::env::var_os(rival.variable).is_none() {
        eprintln!("{} is left out, for {} does not say where it is", rival.name, rival.variable);
        return Ok(None);
    }
    let open = async |database: &Database| {
        // Without the parameters of sqlx, which drivers of other languages do not know.
        let url = database.owner_url();
        let url = url.split('?').next().unwrap_or_default();
        Peer::start(rival.variable, url)?.ok_or_else(|| "it is not there".into())
    };
    Ok(Some(round.of(rival.name, rival.unfinished, open).await?))
}

fn report(ours: &[Sample], name: &str, theirs: &[Sample]) -> Result<()> {
    for (n, (metric, unit)) in METRICS.into_iter().enumerate() {
        let of = |samples: &[Sample]| samples.iter().map(|sample| sample[n]).collect::<Vec<_>>();
        if !theirs.is_empty() {
            Turns::new(of(ours), of(theirs)).report(&format!("peers/{name}"), metric, unit)?;
        }
    }
    Ok(())
}
