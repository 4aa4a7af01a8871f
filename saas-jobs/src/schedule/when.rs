//! At which moments an expression fires: pure policy of (expression, zone, moment).

use chrono::{DateTime, Datelike, NaiveDateTime, SubsecRound, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};

/// The fields of an expression of six; one of five has no seconds.
const FIELDS: [&str; 6] = ["second", "minute", "hour", "day of month", "month", "day of week"];

/// The years within which moments are looked for.
const YEARS: std::ops::Range<i32> = 1970..4990;

/// An expression in a zone.
#[derive(Debug, Clone)]
pub(crate) struct When {
    cron: Cron,
    zone: Tz,
    /// Whether it lets every hour through, and so counts time as it passes.
    hourly: bool,
}

impl When {
    /// Reads both, or says what is wrong.
    pub(crate) fn parse(expression: &str, zone: &str) -> Result<Self, String> {
        let zone = zone.parse().map_err(|_| format!("there is no time zone `{zone}`"))?;
        let cron = read(expression)?;
        let hourly = (0..24).all(|hour| matches!(cron.pattern.hour_match(hour), Ok(true)));
        let when = Self { cron, zone, hourly };
        // Any start will do: leap years and weekdays repeat within four centuries.
        match when.next(DateTime::UNIX_EPOCH) {
            Some(_) => Ok(when),
            None => Err(format!("`{expression}` never comes: there is no such day")),
        }
    }

    /// The first moment later than `after`.
    ///
    /// An expression that lets every hour through counts time as it passes: an hour that comes twice
    /// has its moments twice, one that is skipped has none. Any other goes by the clock on the wall:
    /// of an hour that comes twice the first counts, and what falls into one that is skipped comes
    /// once, at the first moment after it.
    pub(crate) fn next(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if !YEARS.contains(&after.year()) {
            return None;
        }
        let after = after.trunc_subsecs(0);
        let local = after.with_timezone(&self.zone);
        if self.hourly {
            return Some(self.cron.find_next_occurrence(&local, false).ok()?.to_utc());
        }
        // Times on the wall never come earlier than those before them, so the first that is later
        // will do. Those of an hour's second coming are behind: they counted when it came first.
        let mut wall = local.naive_local();
        loop {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            let moment = self.moment(wall);
            if moment > after {
                return Some(moment);
            }
        }
    }

    /// When the clock on the wall first shows this, or something later if it skips it.
    fn moment(&self, wall: NaiveDateTime) -> DateTime<Utc> {
        if let Some(moment) = self.zone.from_local_datetime(&wall).earliest() {
            return moment.to_utc();
        }
        // No zone is further from UTC than this.
        let (mut before, mut behind) =
            (wall.and_utc() - TimeDelta::hours(26), wall.and_utc() + TimeDelta::hours(26));
        while behind - before > TimeDelta::seconds(1) {
            let middle = before + TimeDelta::seconds((behind - before).num_seconds() / 2);
            if middle.with_timezone(&self.zone).naive_local() > wall {
                behind = middle;
            } else {
                before = middle;
            }
        }
        behind
    }
}

fn read(expression: &str) -> Result<Cron, String> {
    let parser = CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
    let fields: Vec<_> = expression.split_whitespace().collect();
    if fields.len() == 1 && expression.trim().starts_with('@') {
        return parser.parse(expression).map_err(|_| format!("there is no `{expression}`"));
    }
    if !(5..=6).contains(&fields.len()) {
        let count = fields.len();
        return Err(format!("`{expression}` has {count} fields, not five, or six with seconds"));
    }
    let problem = match parser.parse(expression) {
        Ok(cron) => return Ok(cron),
        Err(problem) => problem,
    };
    // Each by itself, to tell which it is.
    for (index, field) in fields.iter().enumerate() {
        let mut alone = vec!["*"; fields.len()];
        alone[index] = field;
        if parser.parse(&alone.join(" ")).is_err() {
            let name = FIELDS[FIELDS.len() - fields.len() + index];
            return Err(format!("the {name} in `{expression}` cannot be `{field}`"));
        }
    }
    Err(format!("`{expression}` cannot be read: {problem}"))
}

#[cfg(test)]
pub(crate) mod tests;
