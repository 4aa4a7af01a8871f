//! Fires what is due: one worker at a time, for as long as its term lasts.

mod in_code;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::Connection;
use uuid::Uuid;

pub(super) use self::in_code::InCode;
use super::{Shared, until};
use crate::options::after;
use crate::store::Session;
use crate::store::lead::Candidate;
use crate::store::schedule::MOST_FIRED;
use crate::{Backend, Error, StoredSchedule};

/// What the leader leads.
const DUTY: &str = "schedules";

/// How long the leader may take to notice a schedule that was defined at run time.
const LOOK: Duration = Duration::from_secs(1);

/// From how many runs on a transaction ends: those who wait for the lead do not wait for long.
const MOST_RUNS: u64 = 500;

/// What the scheduler of one worker remembers.
pub(super) struct Lead {
    /// `None` for one who does not ask to lead.
    holder: Option<Uuid>,
    /// Until when it need not ask again.
    renew_at: Option<DateTime<Utc>>,
    /// Schedules that cannot be fired, of which the log was told.
    left: HashSet<String>,
}

impl Lead {
    fn new() -> Self {
        Self { holder: Some(Uuid::now_v7()), ..Self::nobodys() }
    }

    /// Fires beside whoever leads, which is harmless.
    pub(super) fn nobodys() -> Self {
        Self { holder: None, renew_at: None, left: HashSet::new() }
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
    let (mut total, mut apart) = (0, false);
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
        let fired = match fire_these(shared, lead, conn, &due, now, apart).await {
            Err(Error::Database(error)) if error.as_database_error().is_some() && !apart => {
                // One that the database refuses must not hold up the others.
                session.rollback().await?;
                apart = true;
                continue;
            }
            fired => fired?,
        };
        session.commit().await?;
        lead.renew_at = lead.holder.map(|_| after(now, term / 3));
        if fired.runs > 0 {
            shared.queue.wake();
        }
        total += fired.runs;
        let more = due.len() == MOST_FIRED || fired.runs >= MOST_RUNS;
        let last = fired.last.filter(|_| more).and_then(|last| Some((last.next_at?, &last.name)));
        let Some((at, name)) = last else { break };
        behind = (at, name.clone());
    }
    if total > 0 {
        tracing::debug!(runs = total, "fired schedules");
    }
    Ok(true)
}

/// What came of firing some.
struct Fired<'d> {
    runs: u64,
    last: Option<&'d StoredSchedule>,
}

/// Fires these schedules in one transaction, each behind a savepoint of its own if `apart`.
async fn fire_these<'d, DB: Backend, C>(
    shared: &Shared<DB, C>,
    lead: &mut Lead,
    conn: &mut DB::Connection,
    due: &'d [StoredSchedule],
    now: DateTime<Utc>,
    apart: bool,
) -> Result<Fired<'d>, Error> {
    let mut fired = Fired { runs: 0, last: None };
    for schedule in due {
        fired.last = Some(schedule);
        let runs = match apart {
            true => fire_apart(shared, conn, schedule, now).await,
            false => shared.queue.fire(conn, schedule, now).await,
        };
        match runs {
            Ok(new) => fired.runs += new,
            Err(error) if is_its_own(&error, apart) => {
                if lead.left.insert(schedule.name.clone()) {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, schedule.name, "a schedule cannot be fired here");
                }
            }
            Err(error) => return Err(error),
        }
        if fired.runs >= MOST_RUNS {
            break;
        }
    }
    Ok(fired)
}

async fn fire_apart<DB: Backend, C>(
    shared: &Shared<DB, C>,
    conn: &mut DB::Connection,
    schedule: &StoredSchedule,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let mut savepoint = conn.begin().await?;
    let fired = shared.queue.fire(&mut savepoint, schedule, now).await;
    match fired {
        Ok(_) => savepoint.commit().await?,
        Err(_) => savepoint.rollback().await?,
    }
    fired
}

/// Whether the schedule is at fault and others are not: a newer release may know what to make of it,
/// or the database refuses what it would store.
fn is_its_own(error: &Error, apart: bool) -> bool {
    match error {
        Error::Schedule { .. } => true,
        Error::Database(error) => apart && error.as_database_error().is_some(),
        _ => false,
    }
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
