//! From what becomes of jobs to the rows that record it.

use uuid::Uuid;

use crate::settle::Settlement;
use crate::store::{CANCELLED, DEAD, Moved, Placement, stored};
use crate::text::kept;

/// One job's rows. What leaves a lease that stays must be marked there.
pub(super) fn put(rows: &mut Placement, lease: Uuid, id: Uuid, end: &Settlement, staying: bool) {
    let error = match end {
        Settlement::Done => {
            rows.done.push((lease, id));
            return;
        }
        Settlement::Ready { attempt, error } => {
            rows.ready.push(Moved { lease, id, attempt: stored(*attempt), what: () });
            error.as_ref().map(|error| (attempt, error))
        }
        Settlement::Later { attempt, run_at, error } => {
            rows.later.push(Moved { lease, id, attempt: stored(*attempt), what: *run_at });
            error.as_ref().map(|error| (attempt, error))
        }
        Settlement::Dead { attempt, reason, error } => {
            let what = (DEAD, kept(reason));
            rows.dead.push(Moved { lease, id, attempt: stored(*attempt), what });
            error.as_ref().map(|error| (attempt, error))
        }
        Settlement::Cancelled { attempt, reason } => {
            let what = (CANCELLED, kept(reason));
            rows.dead.push(Moved { lease, id, attempt: stored(*attempt), what });
            None
        }
    };
    if let Some((attempt, error)) = error {
        rows.errors.push(Moved { lease, id, attempt: stored(*attempt), what: kept(error) });
    }
    if staying {
        rows.moved.push((lease, id));
    }
}
