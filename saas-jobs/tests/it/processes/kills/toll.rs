//! What was killed, and how long it took until others did its work.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use chrono::{DateTime, TimeDelta, Utc};
use saas_core::schema::Dialect;
use saas_core::sql::Reads;
use saas_jobs::{Backend, JobId};
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::{Ground, Load};
use crate::processes::ledger::Entry;

type Moment = DateTime<Utc>;

pub(super) struct Toll {
    /// The process of the worker that was spared.
    spared: u32,
    /// When workers were killed, and the jobs they held.
    pub(super) kills: Vec<(Moment, HashSet<JobId>)>,
    /// From the kill of a server until it answered again.
    pub(super) outages: Vec<Range<Moment>>,
}

impl Toll {
    pub(super) fn new(spared: u32) -> Self {
        Self { spared, kills: Vec::new(), outages: Vec::new() }
    }

    /// The longest time from the kill of a worker until a job that it held began again. While no
    /// database answers, nobody can be asked to.
    pub(super) fn longest_rescue(&self, begun: &[Entry]) -> TimeDelta {
        let mut begins = HashMap::<JobId, Vec<Moment>>::new();
        for entry in begun {
            begins.entry(entry.job).or_default().push(entry.at);
        }
        let mut longest = TimeDelta::zero();
        for (index, (killed, held)) in self.kills.iter().enumerate() {
            for job in held {
                // What was done in time, though the lease was still there, does not begin again.
                let Some(begins) = begins.get(job) else { continue };
                let Some(begin) = begins.iter().filter(|at| *at > killed).min() else { continue };
                // Its next holder may have been killed before beginning it.
                let later = &self.kills[index + 1..];
                if !later.iter().any(|(at, held)| at < begin && held.contains(job)) {
                    longest = longest.max(*begin - *killed - self.outage(*killed..*begin));
                }
            }
        }
        longest
    }

    /// How long there was no database in this time.
    fn outage(&self, time: Range<Moment>) -> TimeDelta {
        let within = |outage: &Range<Moment>| {
            let (from, until) = (outage.start.max(time.start), outage.end.min(time.end));
            (until - from).max(TimeDelta::zero())
        };
        self.outages.iter().map(within).sum()
    }

    /// The longest time from the return of a server until the worker that was spared began a job.
    pub(super) fn longest_return(&self, begun: &[Entry]) -> TimeDelta {
        let own = begun.iter().filter(|entry| entry.process == self.spared);
        let own: Vec<_> = own.map(|entry| entry.at).collect();
        let return_of = |outage: &Range<Moment>| {
            let next = own.iter().filter(|at| **at > outage.end).min();
            *next.expect("the worker that was spared has come back") - outage.end
        };
        self.outages.iter().map(return_of).max().unwrap_or(TimeDelta::zero())
    }

    #[allow(clippy::print_stderr)] // Who soaks wants to see figures.
    pub(super) fn report(&self, load: &Load, jobs: usize, begun: &[Entry]) {
        let millis = TimeDelta::num_milliseconds;
        eprintln!(
            "{} workers and {} servers killed; {jobs} jobs, each with one effect, begun {} times; \
            {} not known to have been committed; at most {} ms from a worker's kill until a job it \
            held began again, {} ms from a server's return until the spared worker began a job",
            self.kills.len(),
            self.outages.len(),
            begun.len(),
            load.unknown.len(),
            millis(&self.longest_rescue(begun)),
            millis(&self.longest_return(begun)),
        );
    }
}

/// What the worker of this name holds, by the database.
pub(super) async fn held_by<DB: Backend>(ground: &Ground<'_, DB>, name: &str) -> HashSet<JobId> {
    let mut query = QueryBuilder::<DB>::new(match DB::DIALECT {
        Dialect::Postgres => {
            "select unnest(ids) from saas.jobs_lease join saas.jobs_worker using (worker_id)
            where name = "
        }
        // Differs: ids are packed in a blob.
        Dialect::Sqlite => {
            "with recursive place(n) as (select 0 union all select n + 1 from place where n < 511)
            select substr(ids, 16 * n + 1, 16)
            from saas_jobs_lease join saas_jobs_worker using (worker_id) cross join place
            where 16 * n < length(ids) and name = "
        }
    });
    DB::push_bind(&mut query, &name.to_owned());
    let mut tx = ground.site.pool.begin().await.unwrap();
    let rows = DB::fetch_all(&mut tx, query, ground.site.how).await.unwrap();
    let id = |row| JobId::from_uuid(<DB as Reads<(Uuid,)>>::read(row).unwrap().0);
    rows.iter().map(id).collect()
}
