//! Claims jobs as slots come free.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use saas_core::sql::Statements;
use tokio::sync::watch;
use uuid::Uuid;

use super::buffer::Held;
use super::lease::{Epoch, Lease};
use super::limited::Limited;
use super::pace::{self, Polling};
use super::source::{Ask, Source};
use super::{Shared, random, until};
use crate::Backend;
use crate::store::{ClaimRequest, Lent, Session, in_time};

/// A claim slower than this may follow a plan that was made for an empty table and reads all of it.
const SLOW: Duration = Duration::from_millis(25);

/// How long it waits for the time to look for lanes.
const TOLD: Duration = Duration::from_millis(2);

/// What the claimers of one worker share.
pub(super) struct Claiming {
    sources: Vec<Mutex<Source>>,
    /// Whether there was more than could be claimed at last, which is work for two.
    busy: watch::Sender<bool>,
}

impl Claiming {
    pub(super) fn new<DB: Backend, C>(shared: &Shared<DB, C>) -> Arc<Self> {
        let source = |name: &String| Mutex::new(Source::new(name, Instant::now()));
        let sources = shared.settings.queues.iter().map(source).collect();
        Arc::new(Self { sources, busy: watch::Sender::new(false) })
    }
}

/// Claims until the worker stops. The second of two works only while there is much to do.
pub(super) async fn run<DB: Backend, C: Send + Sync + 'static>(
    shared: Arc<Shared<DB, C>>,
    mut epochs: watch::Receiver<Option<Arc<Epoch>>>,
    claiming: Arc<Claiming>,
    first: bool,
) {
    let mut stop = shared.stop.subscribe();
    let mut wakes = shared.queue.wakes();
    let mut freed = shared.freed.subscribe();
    let mut busy = claiming.busy.subscribe();
    let mut polling = Polling::new(shared.settings.poll.0, shared.settings.poll.1);
    let mut begin = 0;
    let mut limited: Vec<_> = match first {
        true => shared.settings.queues.iter().map(|name| Limited::new(name)).collect(),
        false => Vec::new(),
    };
    // Kept while there is nothing to do as well: on another connection the next claim would be planned
    // anew.
    let mut kept = None;
    // Whether lanes may have found jobs, for which it was too soon to look.
    let mut told = false;
    while !*stop.borrow() {
        if !first && !*busy.borrow_and_update() {
            kept = None;
            tokio::select! {
                _ = busy.changed() => {}
                _ = stop.changed() => {}
            }
            continue;
        }
        let epoch = epochs.borrow_and_update().clone();
        let Some(epoch) = epoch.filter(|epoch| epoch.is_current()) else {
            // Not registered, or not sure to be: wait for the heart to say so.
            tokio::select! {
                _ = epochs.changed() => {}
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
                _ = stop.changed() => {}
            }
            continue;
        };
        if first && (told || wakes.has_changed().unwrap_or(false)) {
            wakes.mark_unchanged();
            let fetched = fetch_first(&shared, &epoch, &claiming.sources, &mut kept).await;
            // An error comes again in what follows, which waits after it.
            told = fetched.unwrap_or(false);
        }
        if pace::want(shared.load()) == 0 {
            tokio::select! {
                () = shared.room.told(first) => {}
                _ = wakes.changed(), if first => told = true,
                () = tokio::time::sleep(TOLD), if told => {}
                _ = stop.changed() => {}
            }
            continue;
        }
        // Before the fetch: a wake-up that comes during it must cause another.
        wakes.mark_unchanged();
        let fetched = fetch(&shared, &epoch, &claiming.sources, begin, &mut kept).await;
        if freed.has_changed().unwrap_or(false) {
            freed.mark_unchanged();
            limited.iter_mut().for_each(Limited::freed);
        }
        let fetched = match (fetched, fetch_limited(&shared, &epoch, &mut limited).await) {
            (Ok(Fetched::Nothing), Ok(true)) => Ok(Fetched::Some),
            (Ok(fetched), Ok(_)) => Ok(fetched),
            (Err(error), _) | (_, Err(error)) => Err(error),
        };
        // The queue that was last is first next time.
        begin += 1;
        claiming.busy.send_if_modified(|busy| {
            let before = std::mem::replace(busy, matches!(fetched, Ok(Fetched::Full)));
            before != *busy
        });
        match fetched {
            Ok(Fetched::Full) => polling.reset(),
            Ok(_) if !first => {}
            Ok(fetched) => {
                if matches!(fetched, Fetched::Some) {
                    polling.reset();
                }
                tokio::select! {
                    () = tokio::time::sleep(polling.wait(random())) => {}
                    _ = wakes.changed() => polling.reset(),
                    _ = freed.changed(), if limited.iter().any(Limited::is_blocked) => {
                        limited.iter_mut().for_each(Limited::freed);
                    }
                    _ = stop.changed() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "jobs cannot be claimed; trying again");
                tokio::select! {
                    () = tokio::time::sleep(polling.wait(random())) => {}
                    () = until(&mut stop) => {}
                }
            }
        }
    }
}

enum Fetched {
    /// There may be more.
    Full,
    Some,
    Nothing,
}

/// Claims from each queue in turn what is wanted.
async fn fetch<DB: Backend, C: Send + Sync + 'static>(
    shared: &Shared<DB, C>,
    epoch: &Arc<Epoch>,
    sources: &[Mutex<Source>],
    begin: usize,
    kept: &mut Option<Lent<DB>>,
) -> Result<Fetched, sqlx::Error> {
    let mut fetched = Fetched::Nothing;
    for at in 0..sources.len() {
        let source = &sources[(begin + at) % sources.len()];
        let want = pace::want(shared.load());
        if want == 0 {
            return Ok(Fetched::Full);
        }
        look(shared, source, false, kept).await?;
        let ask = lock(source).ask(want, Instant::now());
        let held = claim(shared, epoch, source, ask, kept).await?;
        fetched = match (held.is_empty(), lock(source).has_more()) {
            (_, true) => Fetched::Full,
            (false, false) if !matches!(fetched, Fetched::Full) => Fetched::Some,
            _ => fetched,
        };
        shared.buffer.push(held);
    }
    Ok(fetched)
}

/// Claims for lanes that have just found jobs, ahead of what others have in hand; whether it was too
/// soon to look for all of them.
async fn fetch_first<DB: Backend, C: Send + Sync + 'static>(
    shared: &Shared<DB, C>,
    epoch: &Arc<Epoch>,
    sources: &[Mutex<Source>],
    kept: &mut Option<Lent<DB>>,
) -> Result<bool, sqlx::Error> {
    let mut too_soon = false;
    for source in sources {
        too_soon |= lock(source).rests(true, Instant::now());
        look(shared, source, true, kept).await?;
        let want = pace::want_first(shared.load());
        let ask = match want {
            0 => None,
            want => lock(source).ask_first(want, Instant::now()),
        };
        if let Some(ask) = ask {
            let held = claim(shared, epoch, source, ask, kept).await?;
            shared.buffer.push_first(held);
        }
    }
    Ok(too_soon)
}

/// Claims from each queue what limits leave.
async fn fetch_limited<DB: Backend, C: Send + Sync + 'static>(
    shared: &Shared<DB, C>,
    epoch: &Arc<Epoch>,
    limited: &mut [Limited],
) -> Result<bool, sqlx::Error> {
    let mut some = false;
    for queue in limited {
        some |= queue.fetch(shared, epoch).await?;
    }
    Ok(some)
}

/// Looks for lanes that have found jobs, while others are served.
async fn look<DB: Backend, C>(
    shared: &Shared<DB, C>,
    source: &Mutex<Source>,
    told: bool,
    kept: &mut Option<Lent<DB>>,
) -> Result<(), sqlx::Error> {
    let (queue, after) = match lock(source).look(told, Instant::now()) {
        Some(look) => look,
        None => return Ok(()),
    };
    let how = shared.queue.statements;
    in_time::<DB, _>(async {
        let mut session = Session::short_on(kept, &shared.pool, how).await?;
        let begun = Instant::now();
        let lanes = DB::lanes(session.connection(), &queue, after, how).await?;
        lock(source).looked(&lanes, begun.elapsed());
        session.commit_and_keep(kept, &shared.pool).await
    })
    .await
}

/// Claims from one queue.
pub(super) async fn claim<DB: Backend, C: Send + Sync + 'static>(
    shared: &Shared<DB, C>,
    epoch: &Arc<Epoch>,
    source: &Mutex<Source>,
    ask: Ask,
    kept: &mut Option<Lent<DB>>,
) -> Result<Vec<Held>, sqlx::Error> {
    let how = shared.queue.statements;
    let request = ClaimRequest {
        lease: Uuid::now_v7(),
        worker: epoch.worker,
        queue: ask.queue.clone(),
        from: ask.turn.clone(),
    };
    // Held from now on: the other claimer must not want the same slots.
    let reserved = Reserved::new(shared, ask.most());
    let begun = Instant::now();
    let claimed = in_time::<DB, _>(async {
        if ask.steered {
            let mut session = Session::steered(&shared.pool).await?;
            let jobs = DB::claim(session.connection(), &request, Statements::Unnamed).await?;
            session.commit().await?;
            return Ok((jobs, false));
        }
        let mut session = Session::short_on(kept, &shared.pool, how).await?;
        let begun = Instant::now();
        let jobs = DB::claim(session.connection(), &request, how).await?;
        let slow = begun.elapsed() > SLOW;
        session.commit_and_keep(kept, &shared.pool).await?;
        Ok((jobs, slow))
    });
    // The database may have done what we did not hear of: the lease is looked for later.
    let (jobs, slow) = claimed.await.inspect_err(|_: &sqlx::Error| shared.doubt(request.lease))?;
    lock(source).answered(&ask, &jobs, slow.then_some(begun));
    reserved.keep(jobs.len());
    Ok(Lease::hold(request, epoch, jobs))
}

/// Slots that a claim is under way for.
pub(super) struct Reserved<'s, DB: Backend, C> {
    shared: &'s Shared<DB, C>,
    jobs: usize,
}

impl<'s, DB: Backend, C> Reserved<'s, DB, C> {
    pub(super) fn new(shared: &'s Shared<DB, C>, jobs: usize) -> Self {
        shared.in_hand.fetch_add(jobs, Ordering::Relaxed);
        shared.unsettled.fetch_add(jobs, Ordering::Relaxed);
        Self { shared, jobs }
    }

    /// Keeps those that were filled, and gives back the rest.
    pub(super) fn keep(mut self, filled: usize) {
        self.jobs -= filled.min(self.jobs);
    }
}

impl<DB: Backend, C> Drop for Reserved<'_, DB, C> {
    fn drop(&mut self) {
        self.shared.in_hand.fetch_sub(self.jobs, Ordering::Relaxed);
        self.shared.unsettled.fetch_sub(self.jobs, Ordering::Relaxed);
        if self.jobs > 0 {
            self.shared.room.tell();
        }
    }
}

fn lock(source: &Mutex<Source>) -> std::sync::MutexGuard<'_, Source> {
    source.lock().unwrap_or_else(PoisonError::into_inner)
}
