//! Claims jobs under limits: a transaction that holds the limit's row, so that claims of one limit
//! take turns; whoever finds it taken comes back later.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::Shared;
use super::buffer::Held;
use super::claimer::Reserved;
use super::lanes::Lanes;
use super::lease::{Epoch, Lease};
use super::pace;
use crate::Backend;
use crate::store::{ClaimRequest, LimitedLane, MOST_LANES, Session, Taken, Turn, in_time};

/// How often a worker that was told of limits looks for jobs under them while it is busy.
const LOOK: Duration = Duration::from_millis(50);

/// How often one that was told of none does.
const RARELY: Duration = Duration::from_secs(5);

/// How many lanes are tried in one go, each in a transaction.
const MOST_TRIES: usize = 100;

/// The lanes of one queue that are under limits.
pub(super) struct Limited {
    queue: String,
    lanes: Lanes,
    looked: Option<Instant>,
    /// Whether jobs waited for others to end when it looked.
    blocked: bool,
    /// Behind which lane to look.
    after: i32,
    /// Limits that nobody has told, of which the log was told.
    untold: HashSet<String>,
}

/// What one claim under a limit came to.
enum Claim {
    Jobs(Vec<Held>),
    /// The limit, or another worker, leaves nothing for this lane.
    Nothing,
    /// It leaves nothing for any lane of the same limit.
    Exhausted,
    /// Nobody has told what it is.
    Untold,
}

impl Limited {
    pub(super) fn new(queue: &str) -> Self {
        let (queue, lanes) = (queue.to_owned(), Lanes::default());
        Self { queue, lanes, looked: None, blocked: false, after: i32::MIN, untold: HashSet::new() }
    }

    /// Whether some of its jobs wait for others to end.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// Some have ended: those that waited for it may look at once.
    pub(super) fn freed(&mut self) {
        if self.blocked {
            self.looked = None;
        }
    }

    /// Claims what limits leave of what is wanted; returns whether there was anything.
    pub(super) async fn fetch<DB: Backend, C: Send + Sync + 'static>(
        &mut self,
        shared: &Shared<DB, C>,
        epoch: &Arc<Epoch>,
    ) -> Result<bool, sqlx::Error> {
        let rest = if shared.settings.limits.is_empty() { RARELY } else { LOOK };
        if self.looked.is_some_and(|looked| looked.elapsed() < rest) {
            return Ok(false);
        }
        let how = shared.queue.statements;
        let lanes = in_time::<DB, _>(async {
            let mut session = Session::<DB>::single(&shared.pool, how).await?;
            let conn = session.connection();
            let lanes = DB::limited_lanes(conn, &self.queue, self.after, how).await?;
            session.commit().await?;
            Ok(lanes)
        });
        let lanes = lanes.await?;
        self.looked = Some(Instant::now());
        self.blocked = false;
        self.after =
            lanes.last().filter(|_| lanes.len() == MOST_LANES).map_or(i32::MIN, |last| last.lane);
        self.lanes.found(lanes.iter().map(|lane| lane.lane));
        let lanes: HashMap<_, _> = lanes.iter().map(|lane| (lane.lane, lane)).collect();
        let mut exhausted = HashSet::new();
        let (mut some, mut tries) = (false, 0);
        // On and on, since lanes that get nothing leave their slots to the next.
        while tries < MOST_TRIES
            && let want @ 1.. = pace::want(shared.load())
            && let Some(pick) = self.lanes.pick(want)
        {
            let (mut claimed, mut blocked) = (Vec::new(), Vec::new());
            for lane in pick.lanes.iter().filter_map(|lane| lanes.get(lane).copied()) {
                let want = pace::want(shared.load()).min(1 << pick.each_log2);
                if exhausted.contains(&lane.name) {
                    blocked.push(lane.lane);
                    continue;
                } else if want == 0 {
                    continue;
                }
                tries += 1;
                match claim(shared, epoch, &self.queue, lane, want).await? {
                    Claim::Jobs(held) => {
                        // The limit may be why.
                        self.blocked |= held.len() < want;
                        claimed.extend(held.iter().map(|held| held.job.lane));
                        shared.buffer.push(held);
                    }
                    Claim::Nothing => {
                        blocked.push(lane.lane);
                        self.blocked = true;
                    }
                    Claim::Exhausted => {
                        blocked.push(lane.lane);
                        self.blocked = true;
                        exhausted.insert(lane.name.clone());
                    }
                    Claim::Untold => {
                        blocked.push(lane.lane);
                        exhausted.insert(lane.name.clone());
                        if self.untold.insert(lane.name.clone()) {
                            tracing::warn!(
                                limit = lane.name,
                                "jobs wait for a limit that nobody has told"
                            );
                        }
                    }
                }
            }
            some |= !claimed.is_empty();
            self.lanes.served_but(&pick, claimed.iter().copied(), &blocked);
        }
        Ok(some)
    }
}

async fn claim<DB: Backend, C: Send + Sync + 'static>(
    shared: &Shared<DB, C>,
    epoch: &Arc<Epoch>,
    queue: &str,
    lane: &LimitedLane,
    want: usize,
) -> Result<Claim, sqlx::Error> {
    let Some(limit) = &lane.limit else { return Ok(Claim::Untold) };
    let how = shared.queue.statements;
    let now = shared.queue.clock.now();
    let locked = in_time::<DB, _>(async {
        let mut session = Session::<DB>::atomic(&shared.pool).await?;
        let used = DB::lock_limit(session.connection(), lane, how).await?;
        Ok((session, used))
    });
    let (mut session, used) = locked.await?;
    let Some(used) = used else {
        session.commit().await?;
        return Ok(Claim::Nothing);
    };
    let all = limit.all.allowance(&used.all, now);
    let tenant = lane.tenant.map_or(u64::MAX, |_| limit.tenant.allowance(&used.tenant, now));
    let most = usize::try_from(all.min(tenant)).unwrap_or(usize::MAX).min(want);
    if most == 0 {
        session.commit().await?;
        return Ok(if all == 0 { Claim::Exhausted } else { Claim::Nothing });
    }
    let most_log2 = pace::limit_log2(most);
    let request = ClaimRequest {
        lease: Uuid::now_v7(),
        worker: epoch.worker,
        queue: queue.to_owned(),
        from: Turn::Lane { lane: lane.lane, most_log2, marks: Default::default() },
    };
    let reserved = Reserved::new(shared, 1 << most_log2);
    let claimed = in_time::<DB, _>(async {
        let jobs = DB::claim(session.connection(), &request, how).await?;
        if !jobs.is_empty() {
            let taken = Taken {
                lease: request.lease,
                name: &lane.name,
                tenant: lane.tenant,
                all_tokens: limit.all.after(&used.all, jobs.len(), now),
                tenant_tokens: limit.tenant.after(&used.tenant, jobs.len(), now),
                now,
            };
            DB::take_limit(session.connection(), &taken, how).await?;
        }
        session.commit().await?;
        Ok(jobs)
    });
    // The database may have done what we did not hear of: the lease is looked for later.
    let jobs = claimed.await.inspect_err(|_: &sqlx::Error| shared.doubt(request.lease))?;
    reserved.keep(jobs.len());
    Ok(Claim::Jobs(Lease::hold(request, epoch, jobs)))
}
