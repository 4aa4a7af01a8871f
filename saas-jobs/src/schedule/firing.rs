//! Enqueuing what is due.

use chrono::{DateTime, Utc};
use saas_core::TenantId;
use uuid::Uuid;

use super::{Missed, StoredSchedule, plan};
use crate::store::{NewJobs, stored};
use crate::{Backend, Error, JobId, Queue};

/// Names of schedules as UUIDs; part of the format, since two workers must agree on it.
const NAMES: Uuid = Uuid::from_u128(0x6b1f_95c6_2d0e_4b57_9c3e_4f1d_a8e2_7053);

/// The id of a run: its time in front, as in every UUID of version 7, so that it takes its place
/// among other jobs; the name, hashed, where others have random bits.
fn run_id(name: &str, at: DateTime<Utc>) -> JobId {
    const BEHIND_VERSION: u128 = (1 << 76) - 1;
    let millis = u128::from(at.timestamp_millis().max(0).unsigned_abs());
    let name = Uuid::new_v5(&NAMES, name.as_bytes()).as_u128();
    JobId::from_uuid(Uuid::from_u128(millis << 80 | 7 << 76 | name & BEHIND_VERSION))
}

impl<DB: Backend> Queue<DB> {
    /// Enqueues what a schedule owes by now and notes when it is due again, on the connection of one
    /// transaction that has locked it. Returns how many runs are new.
    ///
    /// # Errors
    ///
    /// [`Error::Schedule`], with nothing done, if the expression cannot be read by this version.
    pub(crate) async fn fire(
        &self,
        conn: &mut DB::Connection,
        schedule: &StoredSchedule,
        now: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let Some(due) = schedule.next_at else { return Ok(0) };
        let plan = plan(&schedule.when()?, schedule.missed, due, now);
        let name = &schedule.name;
        if plan.left_out && schedule.missed != Missed::Coalesce {
            tracing::warn!(schedule = name, %due, "runs that were missed are left out");
        }
        let mut runs = 0;
        if !plan.fire.is_empty() {
            let (queue, limit) = (&schedule.queue, schedule.limit.as_deref());
            let lane = self.lane(conn, queue, limit, schedule.tenant).await?;
            for at in &plan.fire {
                let new = NewJobs {
                    kind: schedule.kind.clone().into(),
                    version: schedule.version,
                    queue: queue.clone(),
                    priority: i16::from(schedule.priority),
                    max_attempts: stored(schedule.max_attempts),
                    tenant: schedule.tenant.map(TenantId::uuid),
                    lane,
                    // Each run begins a trace of its own.
                    trace: None,
                    run_at: None,
                    jobs: vec![(run_id(name, *at).uuid(), schedule.args.clone())],
                    once: true,
                };
                runs += self.put(conn, &new).await?;
            }
        }
        let last = plan.fire.last().copied().or(schedule.last_at);
        DB::advance_schedule(conn, name, last, plan.next, self.statements).await?;
        Ok(runs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_run_tells_its_time_and_never_changes() {
        let at: DateTime<Utc> = "2026-03-08T07:00:00Z".parse().unwrap();
        let id = run_id("weekday report", at);
        assert_eq!(id.created_at(), Some(at));
        assert_eq!(id.to_string(), "019ccc3e-e580-743f-bd57-25d98b0f08cf");
        assert!(id.uuid().get_variant() == uuid::Variant::RFC4122);
        assert_ne!(run_id("other", at), id);
        assert!(run_id("a", at + chrono::TimeDelta::seconds(1)) > run_id("z", at));
    }
}
