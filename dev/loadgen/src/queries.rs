//! What each route asks of the database: measured while nothing but that route is asked, one request
//! after the other, and no job runs.

use std::time::Instant;

use serde::Serialize;

use crate::Result;
use crate::client::Ended;
use crate::route::Route;
use crate::step::Load;
use crate::wire::Wire;

/// Per request.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Queries {
    pub(crate) queries: f64,
    pub(crate) round_trips: f64,
}

/// At first statements are prepared, and connections opened.
const WARM_UP: u32 = 30;
const COUNTED: u32 = 50;

/// In the order of [`Route::ALL`].
pub(crate) async fn measure(load: &Load, wire: &Wire) -> Result<Vec<Queries>> {
    let mut all = Vec::new();
    for route in Route::ALL {
        let mut before = wire.so_far();
        for request in 0..WARM_UP + COUNTED {
            if request == WARM_UP {
                before = wire.so_far();
            }
            let ended = load.once(route, Instant::now()).await?;
            if ended != Ended::AsExpected {
                return Err(format!("{}: {ended}", route.name()).into());
            }
        }
        let after = wire.so_far();
        let each = |before, after| (after - before) as f64 / f64::from(COUNTED);
        all.push(Queries {
            queries: each(before.0, after.0),
            round_trips: each(before.1, after.1),
        });
    }
    Ok(all)
}
