//! What processes use, as Linux tells it under `/proc`.

use std::fs;

use crate::Result;

/// Linux tells it in hundredths of a second.
const TICKS: f64 = 100.0;

/// Seconds of processors that were used so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cpu {
    pub(crate) service: f64,
    /// With all its children, of which those that ended count as well.
    pub(crate) database: f64,
    pub(crate) generator: f64,
}

impl Cpu {
    pub(crate) fn used(service: u32, database: Option<u32>) -> Result<Self> {
        Ok(Self {
            service: ticks(&service.to_string(), 2)?,
            database: database.map_or(Ok(0.0), family)?,
            generator: ticks("self", 2)?,
        })
    }
}

/// Bytes of memory that a process holds.
pub(crate) fn memory(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    Ok(kib.ok_or("no VmRSS")? * 1024)
}

fn family(parent: u32) -> Result<f64> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))?;
    // One that has just ended counts among the ended from now on.
    let children = children.split_whitespace().map(|child| ticks(child, 2).unwrap_or(0.0));
    Ok(ticks(&parent.to_string(), 4)? + children.sum::<f64>())
}

/// The first so many of: user time, system time, and both of children that have ended.
fn ticks(process: &str, fields: usize) -> Result<f64> {
    let line = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Behind the name, which may hold anything, the eleventh field is the first of them.
    let (_, rest) = line.rsplit_once(')').ok_or("no name in the process's line")?;
    let times = rest.split_whitespace().skip(11).take(fields);
    let ticks = times.map(str::parse::<f64>).sum::<Result<f64, _>>()?;
    Ok(ticks / TICKS)
}
