//! What opening and sealing a cursor costs.

use chrono::Utc;
use uuid::Uuid;

use super::{Entry, Ours, TENANT};
use crate::measure::{in_turns, micros};
use crate::{Result, Size};

/// What it is to stay under, in nanoseconds.
const BAR: f64 = 5000.0;

/// Opens and seals through a whole request, for the codec has no door of its own; so the query
/// string is read as well.
pub(super) async fn run(size: Size) -> Result<()> {
    let ours = Ours::new()?;
    let row = Entry {
        id: Uuid::now_v7(),
        created_at: saas_core::truncate_to_micros(Utc::now()),
        due_on: None,
        total: 1,
        batch: 1,
    };
    let cursor = ours.cursor("sort=-created_at", &row)?;
    let query = format!("sort=-created_at&after={cursor}");
    let there_and_back = async |round| {
        let micros = micros(round, 2000, async |_| {
            let again = ours.list.request(&query, &ours.cursors, TENANT)?.cursor(&row)?;
            if again == cursor { Ok(()) } else { Err("the cursor has changed".into()) }
        });
        Ok(micros.await? * 1e3)
    };
    let turns = in_turns(size.pick(101, 31), there_and_back, async |_| Ok(BAR)).await?;
    turns.report("pagination/codec", "open_and_seal", "ns")
}
