mod firing;
mod plan;
mod queue;
mod stored;
mod when;

use std::borrow::Cow;

use crate::queue::{DEFAULT_MAX_ATTEMPTS, DEFAULT_PRIORITY, DEFAULT_QUEUE, arguments, demanded};
use crate::{Error, Job, Options};

pub use self::plan::Missed;
pub(crate) use self::plan::plan;
pub use self::stored::StoredSchedule;
pub(crate) use self::when::When;

/// The longest name, in bytes.
const LONGEST: usize = 200;

/// When a job is to be enqueued, again and again.
///
/// Define it in code by [`Worker::schedule`](crate::Worker::schedule), or at run time by
/// [`Queue::schedule`](crate::Queue::schedule). It is stored with the job, so any worker of the queue
/// can fire it, also one that cannot run the job.
///
/// ```
/// use saas_jobs::{Missed, Options, Schedule};
/// # fn main() -> Result<(), saas_jobs::Error> {
/// let schedule = Schedule::cron("weekday report", "0 9 * * MON-FRI")?
///     .zone("America/New_York")?
///     .missed(Missed::Coalesce)
///     .options(Options::new().queue("reports"));
/// # Ok(())
/// # }
/// ```
///
/// # Expressions
///
/// Five fields: minute, hour, day of month, month, day of week; or six, with seconds in front. Fields
/// take `*`, lists `1,15`, ranges `MON-FRI`, and steps `*/10`; the day of the month also takes `L` for
/// the last and `15W` for the nearest weekday, the day of the week `FRI#2` for the second one and
/// `FRI#L` for the last. If both days are given, either will do; `+` before the day of the week wants
/// both. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` are known too.
///
/// # Where clocks are put forward and back
///
/// An expression that lets every hour through, like `*/15 * * * *`, counts time as it passes: it
/// fires in an hour that comes twice both times, and knows nothing of one that is skipped. Any other
/// goes by the clock on the wall, and fires once for each time it names: in an hour that comes twice
/// the first time only, and for an hour that is skipped once, right after it.
///
/// # Each run once
///
/// A run is enqueued in the transaction that notes the next, under an id made of the schedule's name
/// and the run's time: so it is there once, whoever fires it. The time is told by the id:
/// `cx.job_id().created_at()` is when the run was due, whenever it is run.
#[derive(Debug, Clone)]
pub struct Schedule {
    name: Cow<'static, str>,
    expression: Cow<'static, str>,
    zone: Cow<'static, str>,
    missed: Missed,
    options: Options,
}

impl Schedule {
    /// By a cron expression, in UTC. The name is the schedule's own in the whole database: defining
    /// it again changes it.
    ///
    /// # Errors
    ///
    /// [`Error::Schedule`] if the name is empty, longer than 200 bytes or has a NUL in it, or the
    /// expression is longer than that, cannot be read or never fires.
    pub fn cron(
        name: impl Into<Cow<'static, str>>,
        expression: impl Into<Cow<'static, str>>,
    ) -> Result<Self, Error> {
        let schedule = Self {
            name: name.into(),
            expression: expression.into(),
            zone: "UTC".into(),
            missed: Missed::default(),
            options: Options::new(),
        };
        let problem = match &*schedule.name {
            "" => "its name is empty",
            name if name.len() > LONGEST => "its name has more than 200 bytes",
            name if name.contains('\0') => "its name has a NUL in it",
            _ if schedule.expression.len() > LONGEST => "its expression has more than 200 bytes",
            _ => return schedule.checked(),
        };
        Err(Error::Schedule { name: schedule.name.into(), problem: problem.into() })
    }

    /// By the clock of a zone of the IANA database, such as `Australia/Sydney`.
    ///
    /// # Errors
    ///
    /// [`Error::Schedule`] if there is no such zone.
    pub fn zone(mut self, zone: impl Into<Cow<'static, str>>) -> Result<Self, Error> {
        self.zone = zone.into();
        self.checked()
    }

    /// What becomes of runs that no worker was there for: they are skipped if not said.
    #[must_use]
    pub fn missed(mut self, missed: Missed) -> Self {
        self.missed = missed;
        self
    }

    /// How each run is stored; what they do not say is as its kind says. A start or a delay among
    /// them is not used: when a run starts is the schedule's.
    #[must_use]
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    fn checked(self) -> Result<Self, Error> {
        match When::parse(&self.expression, &self.zone) {
            Ok(_) => Ok(self),
            Err(problem) => Err(Error::Schedule { name: self.name.into(), problem }),
        }
    }

    /// As it is stored, but for its next time.
    pub(crate) fn of<J: Job>(self, job: &J, in_code: bool) -> Result<StoredSchedule, Error> {
        let options = demanded::<J>(self.options)?;
        Ok(StoredSchedule {
            name: self.name.into(),
            expression: self.expression.into(),
            zone: self.zone.into(),
            missed: self.missed,
            kind: J::KIND.to_owned(),
            version: J::VERSION,
            args: arguments(job)?,
            queue: options.queue.unwrap_or(DEFAULT_QUEUE.into()).into(),
            priority: options.priority.unwrap_or(DEFAULT_PRIORITY),
            max_attempts: options.max_attempts.unwrap_or(DEFAULT_MAX_ATTEMPTS),
            tenant: options.tenant,
            limit: options.limit.map(Cow::into_owned),
            in_code,
            paused: false,
            next_at: None,
            last_at: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_schedule_says_what_is_wrong_when_it_is_made() {
        let problem = |schedule: Result<Schedule, Error>| schedule.unwrap_err().to_string();
        assert_eq!(
            problem(Schedule::cron("tea", "0 25 * * *")),
            "the schedule `tea` is refused: the hour in `0 25 * * *` cannot be `25`"
        );
        assert_eq!(
            problem(Schedule::cron("tea", "0 5 * * *").unwrap().zone("Atlantis")),
            "the schedule `tea` is refused: there is no time zone `Atlantis`"
        );
        for name in [String::new(), "x".repeat(201), "a\0b".to_owned()] {
            let error = Schedule::cron(name, "0 5 * * *").unwrap_err();
            assert!(error.to_string().contains("its name"), "{error}");
            assert_eq!(error.kind(), crate::ErrorKind::InvalidInput);
        }
    }
}
