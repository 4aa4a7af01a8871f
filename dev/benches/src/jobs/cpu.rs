//! What processors have been used for, as Linux tells it under `/proc`.

use std::fs;

use crate::Result;

/// Linux tells it in hundredths of a second.
const TICKS: f64 = 100.0;

/// Time of processors, by this process and by PostgreSQL with all its children, of which those that
/// ended count as well.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cpu {
    own: f64,
    database: f64,
}

impl Cpu {
    pub(super) fn used() -> Result<Self> {
        let postmaster = saas_testkit::required("TEST_POSTGRES_PID", "postgres");
        let children =
            fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"))?;
        let mut database = ticks(&postmaster, 4)?;
        for child in children.split_whitespace() {
            // One that has just ended counts among the ended from now on.
            database += ticks(child, 2).unwrap_or(0.0);
        }
        Ok(Self { own: ticks("self", 2)? / TICKS, database: database / TICKS })
    }

    pub(super) fn since(self, before: Self) -> Self {
        Self { own: self.own - before.own, database: self.database - before.database }
    }

    pub(super) fn seconds(self) -> f64 {
        self.own + self.database
    }
}

/// The first so many of: user time, system time, and both of children that have ended.
fn ticks(process: &str, fields: usize) -> Result<f64> {
    let line = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Behind the name, which may hold anything, the eleventh field is the first of them.
    let (_, rest) = line.rsplit_once(')').ok_or("no name in the process's line")?;
    let times = rest.split_whitespace().skip(11).take(fields);
    times.map(|time| Ok(time.parse::<f64>()?)).sum()
}
