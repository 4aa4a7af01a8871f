//! Schedules that a worker brings along.

use crate::worker::Worker;
use crate::{Backend, Error, Job, Schedule, StoredSchedule};

/// What a worker defines before it fires anything.
#[derive(Debug, Default)]
pub(in crate::worker) struct InCode {
    pub(super) schedules: Vec<StoredSchedule>,
    pub(super) prunes: bool,
    refused: Option<Error>,
}

impl InCode {
    /// Refuses to start with what cannot be stored.
    pub(in crate::worker) fn check(&mut self) -> Result<(), Error> {
        self.refused.take().map_or(Ok(()), Err)
    }

    fn add(&mut self, schedule: StoredSchedule) -> Result<(), Error> {
        if self.schedules.iter().any(|other| other.name == schedule.name) {
            let problem = "the worker has another of this name".to_owned();
            return Err(Error::Schedule { name: schedule.name, problem });
        }
        self.schedules.push(schedule);
        Ok(())
    }
}

impl<DB: Backend, C: Send + Sync + 'static> Worker<DB, C> {
    /// Has a job enqueued again and again: the schedule is stored when the worker starts, as
    /// [`Queue::schedule`](crate::Queue::schedule) stores it. Any worker of the queue may fire it,
    /// and one that knows the kind runs it.
    ///
    /// A schedule that is taken out of the code stays in the database and fires on, since another
    /// program, or another release of this one, may still mean it: delete it by
    /// [`Queue::unschedule`](crate::Queue::unschedule), or have all workers
    /// [prune](Self::prune_schedules).
    ///
    /// ```
    /// # use saas_jobs::{Backend, Error, Job, JobContext, JobResult, Missed, Outcome, Queue, Run, Schedule, Worker};
    /// # #[derive(serde::Serialize, serde::Deserialize)]
    /// # struct Report { days: u8 }
    /// # impl Job for Report { const KIND: &'static str = "report"; }
    /// # impl Run<()> for Report {
    /// #     async fn run(self, _: JobContext<'_, ()>) -> JobResult { Ok(Outcome::done()) }
    /// # }
    /// # fn worker<DB: Backend>(pool: sqlx::Pool<DB>, queue: Queue<DB>) -> Result<Worker<DB, ()>, Error> {
    /// let weekly = Schedule::cron("weekly report", "0 9 * * MON")?
    ///     .zone("Australia/Sydney")?
    ///     .missed(Missed::Coalesce);
    /// Ok(Worker::new(pool, queue, ()).register::<Report>().schedule(weekly, Report { days: 7 }))
    /// # }
    /// ```
    ///
    /// Two schedules of one name, and a job that cannot be stored, are the error that
    /// [`run_until`](Self::run_until) returns at once.
    #[must_use]
    #[allow(clippy::needless_pass_by_value)] // As every other job is given.
    pub fn schedule<J: Job>(mut self, schedule: Schedule, job: J) -> Self {
        let in_code = &mut self.settings.schedules;
        let added = schedule.of(&job, true).and_then(|schedule| in_code.add(schedule));
        if let Err(error) = added {
            in_code.refused = Some(error);
        }
        self
    }

    /// Deletes, when the worker starts, the schedules that some worker has defined in code and this
    /// one does not; those that were defined at run time stay. For programs whose workers all define
    /// the same schedules.
    #[must_use]
    pub fn prune_schedules(mut self) -> Self {
        self.settings.schedules.prunes = true;
        self
    }
}
