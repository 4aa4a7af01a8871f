//! Fires what is due: one worker at a time, for as long as its term lasts.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Shared, Worker, until};
use crate::options::after;
use crate::store::Session;
use crate::store::lead::Candidate;
use crate::store::schedule::MOST_FIRED;
use crate::{Backend, Error, Job, Schedule, StoredSchedule};

/// What the leader leads.
const DUTY: &str = "schedules";

/// How long the leader may take to notice a schedule that was defined at run time.
const LOOK: Duration = Duration::from_secs(1);

/// From how many runs on a transaction ends: those who wait for the lead do not wait for long.
const MOST_RUNS: u64 = 500;

/// What a worker defines before it fires anything.
#[derive(Debug, Default)]
pub(super) struct InCode {
    schedules: Vec<StoredSchedule>,
    prunes: bool,
    refused: Option<Error>,
}

impl InCode {
    /// Refuses to start with what cannot be stored.
    pub(super) fn check(&mut self) -> Result<(), Error> {
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

/// What the scheduler of one worker remembers.
pub(super) struct Lead {
    /// `None` for one who does not ask to lead.
    holder: Option<Uuid>,
    /// Until when it need not ask again.
    renew_at: Option<DateTime<Utc>>,
    /// Schedules that cannot be read, of which the log was told.
    unreadable: HashSet<String>,
}

impl Lead {
    fn new() -> Self {
        Self { holder: Some(Uuid::now_v7()), ..Self::nobodys() }
    }

    /// Fires beside whoever leads, which is harmless.
    pub(super) fn nobodys() -> Self {
        Self { holder: None, renew_at: None, unreadable: HashSet::new() }
    }
}

/// Fires until the worker stops.
pub(super) async fn run<DB: Backend, C: Send + Sync + 'static>(shared: Arc<Shared<DB, C>>) {
    let mut stop = shared.stop.subscribe();
    let every = (shared.settings.lease / 6).min(LOOK);
    let mut lead = Lead::new();
    let mut defined = false;
    while !*stop.borrow() {
        let turn = async {
            if !defined {
                define(&shared).await?;
                defined = true;
            }
            turn(&shared, &mut lead).await
        };
        let wait = match turn.await {
            // Something that stays due is another's, or unreadable.
            Ok(next) => next
                .and_then(|next| (next - shared.queue.clock.now()).to_std().ok())
                .map(|wait| wait + Duration::from_millis(1))
                .map_or(every, |wait| wait.min(every)),
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "schedules cannot be fired; trying again"
                );
                every
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = until(&mut stop) => {}
        }
    }
    if let Err(error) = resign(&shared, &lead).await {
        tracing::warn!(%error, "the scheduler could not resign; its term ends by itself");
    }
}

/// Stores what the worker defines.
pub(super) async fn define<DB: Backend, C>(shared: &Shared<DB, C>) -> Result<(), Error> {
    let (how, in_code) = (shared.queue.statements, &shared.settings.schedules);
    for schedule in &in_code.schedules {
        let mut session = Session::<DB>::single(&shared.pool, how).await?;
        shared.queue.put_schedule(session.connection(), schedule.clone()).await?;
        session.commit().await?;
    }
    if in_code.prunes {
        let names: Vec<_> = in_code.schedules.iter().map(|known| known.name.clone()).collect();
        let mut session = Session::<DB>::single(&shared.pool, how).await?;
        let pruned = DB::prune_schedules(session.connection(), &names, how).await?;
        session.commit().await?;
        if pruned > 0 {
            tracing::info!(pruned, "deleted schedules that are not in the code any more");
        }
    }
    Ok(())
}

/// Looks once. Returns when the next is due, if this is the leader.
async fn turn<DB: Backend, C>(
    shared: &Shared<DB, C>,
    lead: &mut Lead,
) -> Result<Option<DateTime<Utc>>, Error> {
    let now = shared.queue.clock.now();
    if lead.renew_at.is_some_and(|renew_at| now < renew_at) {
        let next = next_due(shared).await?;
        if next.is_none_or(|next| next > now) {
            return Ok(next);
        }
    }
    if fire(shared, lead).await? { Ok(next_due(shared).await?) } else { Ok(None) }
}

/// Fires what is due, up to a hundred schedules in one transaction. False if another leads.
pub(super) async fn fire<DB: Backend, C>(
    shared: &Shared<DB, C>,
    lead: &mut Lead,
) -> Result<bool, Error> {
    let (how, term) = (shared.queue.statements, shared.settings.lease);
    let mut behind = (DateTime::UNIX_EPOCH, String::new());
    let mut total = 0;
    loop {
        let now = shared.queue.clock.now();
        let mut session = Session::<DB>::atomic(&shared.pool).await?;
        let conn = session.connection();
        if let Some(holder) = lead.holder {
            let candidate = Candidate { duty: DUTY, holder, now, until: after(now, term) };
            if !DB::lead(conn, &candidate, how).await? {
                lead.renew_at = None;
                session.commit().await?;
                return Ok(false);
            }
        }
        let due = DB::due_schedules(conn, now, &behind, how).await?;
        let (mut runs, mut last) = (0, None);
        for schedule in &due {
            last = Some(schedule);
            match shared.queue.fire(conn, schedule, now).await {
                Ok(new) => runs += new,
                // A newer release may know what to make of it.
                Err(error @ Error::Schedule { .. }) => {
                    if lead.unreadable.insert(schedule.name.clone()) {
                        tracing::error!(%error, "a stored schedule is left to others");
                    }
                }
                Err(error) => return Err(error),
            }
            if runs >= MOST_RUNS {
                break;
            }
        }
        session.commit().await?;
        lead.renew_at = lead.holder.map(|_| after(now, term / 3));
        if runs > 0 {
            shared.queue.wake();
        }
        total += runs;
        let more = due.len() == MOST_FIRED || runs >= MOST_RUNS;
        let last = last.filter(|_| more).and_then(|last| Some((last.next_at?, &last.name)));
        let Some((at, name)) = last else { break };
        behind = (at, name.clone());
    }
    if total > 0 {
        tracing::debug!(runs = total, "fired schedules");
    }
    Ok(true)
}

async fn next_due<DB: Backend, C>(
    shared: &Shared<DB, C>,
) -> Result<Option<DateTime<Utc>>, sqlx::Error> {
    let how = shared.queue.statements;
    let mut session = Session::<DB>::single(&shared.pool, how).await?;
    let next = DB::next_due(session.connection(), how).await?;
    session.commit().await?;
    Ok(next)
}

/// Lets another lead at once.
async fn resign<DB: Backend, C>(shared: &Shared<DB, C>, lead: &Lead) -> Result<(), sqlx::Error> {
    let how = shared.queue.statements;
    let Some(holder) = lead.holder.filter(|_| lead.renew_at.is_some()) else { return Ok(()) };
    let mut session = Session::<DB>::single(&shared.pool, how).await?;
    DB::resign(session.connection(), holder, how).await?;
    session.commit().await
}
