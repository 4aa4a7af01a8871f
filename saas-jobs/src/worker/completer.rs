//! Records outcomes: a group commit that clocks itself. It writes at once when idle; what ends
//! while a write is in flight goes with the next.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use super::ended::{Ended, Finished, Open};
use super::placing::put;
use super::retry::Retry;
use super::shared::Shared;
use crate::store::{Lent, Placement, Session, in_time};
use crate::{Backend, metrics};

/// The most jobs that one statement records.
const MOST: usize = 1000;

/// How long outcomes of a lease wait for the rest of it, which costs less in one go.
const LINGER: Duration = Duration::from_millis(20);

/// How long a connection is kept between two writes of a busy worker.
const KEEP: Duration = Duration::from_millis(100);

/// How long an outcome waits for a transaction that its handler left open.
const OPEN_WAIT: Duration = Duration::from_millis(50);

/// Records outcomes until every runner is gone. After `deadline` is set, it gives up at that time.
pub(super) async fn run<DB: Backend, C: Send + Sync + 'static>(
    shared: Arc<Shared<DB, C>>,
    mut finished: mpsc::UnboundedReceiver<Finished>,
    deadline: watch::Receiver<Option<Instant>>,
) {
    let mut completer = Completer::new(&shared, Some(deadline));
    let mut arrived = Vec::with_capacity(MOST);
    loop {
        let next = completer.next_due();
        let receive = finished.recv_many(&mut arrived, 4 * MOST);
        // With nothing more to write, the connection is kept only for a moment.
        let next = next.or_else(|| completer.kept.as_ref().map(|_| Instant::now() + KEEP));
        let received = match next {
            Some(due) => tokio::time::timeout_at(due.into(), receive).await,
            None => Ok(receive.await),
        };
        if received.is_err() && completer.is_idle() {
            completer.kept = None;
        }
        let ended = received == Ok(0);
        arrived.drain(..).for_each(|job| completer.absorb(job));
        if !completer.flush(ended).await || (ended && completer.is_idle()) {
            return;
        }
        if ended {
            if completer.is_late() {
                tracing::error!("transactions that handlers left open were not waited for");
                return;
            }
            tokio::time::sleep(OPEN_WAIT).await;
        }
    }
}

/// Outcomes by lease.
pub(super) struct Completer<'s, DB: Backend, C> {
    shared: &'s Shared<DB, C>,
    open: HashMap<Uuid, Open>,
    deadline: Option<watch::Receiver<Option<Instant>>>,
    /// A connection, while there is much to write.
    kept: Option<Lent<DB>>,
}

impl<'s, DB: Backend, C: Send + Sync + 'static> Completer<'s, DB, C> {
    pub(super) fn new(
        shared: &'s Shared<DB, C>,
        deadline: Option<watch::Receiver<Option<Instant>>>,
    ) -> Self {
        Self { shared, open: HashMap::new(), deadline, kept: None }
    }

    /// Takes in a job that ended.
    pub(super) fn absorb(&mut self, finished: Finished) {
        let Finished { lease, id, ended } = finished;
        let open = self.open.entry(lease.id).or_insert_with(|| Open {
            running: lease.size,
            results: Vec::with_capacity(lease.size),
            touched: Vec::new(),
            partly: false,
            limited: lease.limited,
            since: Instant::now(),
        });
        if open.results.is_empty() && open.touched.is_empty() {
            open.since = Instant::now();
        }
        open.running = open.running.saturating_sub(1);
        match ended {
            Ended::Settled(settlement) => open.results.push((id, settlement)),
            Ended::Touched { otherwise } => open.touched.push((id, otherwise)),
        }
    }

    /// Whether the worker's time is over.
    fn is_late(&self) -> bool {
        let deadline = self.deadline.as_ref().and_then(|deadline| *deadline.borrow());
        deadline.is_some_and(|deadline| Instant::now() > deadline)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.open.values().all(|open| open.results.is_empty() && open.touched.is_empty())
    }

    /// When something is to be written though nothing new arrives.
    fn next_due(&self) -> Option<Instant> {
        let waiting = self.open.values().filter_map(|open| match open {
            open if !open.touched.is_empty() => Some(Instant::now() + OPEN_WAIT),
            open if !open.results.is_empty() => Some(open.since + LINGER),
            _ => None,
        });
        waiting.min()
    }

    /// Writes what is due, or everything at the end. False if it gave up.
    pub(super) async fn flush(&mut self, ending: bool) -> bool {
        if !self.confirm().await {
            return false;
        }
        let due = |open: &Open| {
            open.is_over()
                || (!open.results.is_empty() && (ending || open.since.elapsed() >= LINGER))
        };
        let mut leases: Vec<_> = self
            .open
            .iter()
            .filter(|(_, open)| due(open))
            .map(|(id, open)| (*id, open.is_wholly_done()))
            .collect();
        // The whole ones first, since they are written otherwise than the rest.
        leases.sort_unstable_by_key(|(_, whole)| !whole);
        let mut leases = leases.into_iter().peekable();
        while let Some((_, whole)) = leases.peek().copied() {
            let mut batch = Vec::new();
            let (mut jobs, mut limited) = (0, false);
            while let Some(lease) = leases.next_if(|lease| lease.1 == whole && jobs < MOST) {
                if let Some(open) = self.open.get(&lease.0) {
                    jobs += open.results.len();
                    limited |= open.limited;
                }
                batch.push(lease.0);
            }
            let written = if whole { self.close(&batch).await } else { self.place(&batch).await };
            if !written {
                return false;
            }
            self.shared.unsettled.fetch_sub(jobs, Ordering::Relaxed);
            self.shared.room.tell();
            if limited {
                self.shared.freed.send_replace(());
            }
        }
        true
    }

    /// Records whole leases as done.
    async fn close(&mut self, leases: &[Uuid]) -> bool {
        let mut retry = self.retry();
        let held = loop {
            match in_time::<DB, _>(self.try_close(leases)).await {
                Ok(held) => break held,
                Err(error) if retry.after(&error).await => {}
                Err(_) => return false,
            }
        };
        for lease in leases {
            let jobs = self.open.remove(lease).map_or(0, |open| open.results.len());
            report_lost(*lease, jobs, &held);
        }
        true
    }

    async fn try_close(&mut self, leases: &[Uuid]) -> Result<Vec<Uuid>, sqlx::Error> {
        let how = self.shared.queue.statements;
        let now = self.shared.queue.clock.now();
        let mut session = Session::<DB>::short_on(&mut self.kept, &self.shared.pool, how).await?;
        let held = DB::close(session.connection(), leases, now, how).await?;
        session.commit_and_keep(&mut self.kept, &self.shared.pool).await?;
        Ok(held)
    }

    /// Records jobs of leases one by one.
    async fn place(&mut self, leases: &[Uuid]) -> bool {
        let mut retry = self.retry();
        let held = loop {
            match in_time::<DB, _>(self.try_place(leases, &retry)).await {
                Ok(held) => break held,
                Err(error) if retry.after(&error).await => {}
                Err(_) => return false,
            }
        };
        for lease in leases {
            let Some(open) = self.open.get_mut(lease) else { continue };
            report_lost(*lease, open.results.len(), &held);
            open.results.clear();
            open.partly = true;
            if open.is_over() {
                self.open.remove(lease);
            }
        }
        true
    }

    async fn try_place(
        &mut self,
        leases: &[Uuid],
        retry: &Retry,
    ) -> Result<Vec<Uuid>, sqlx::Error> {
        let how = self.shared.queue.statements;
        let now = self.shared.queue.clock.now();
        let mut session = Session::<DB>::short(&self.shared.pool, how).await?;
        let conn = session.connection();
        // An earlier try may have been heard after all.
        let recorded =
            if retry.again { DB::recorded(conn, leases, how).await? } else { Vec::new() };
        let mut rows = self.placement(leases, &recorded);
        if retry.escaped {
            rows.escape();
        }
        let held = DB::place(conn, &rows, now, how).await?;
        session.commit().await?;
        Ok(held)
    }

    /// The rows that record the outcomes of these leases.
    fn placement(&self, leases: &[Uuid], recorded: &[(Uuid, Uuid)]) -> Placement {
        let mut rows = Placement::default();
        for lease in leases {
            let Some(open) = self.open.get(lease) else { continue };
            let staying = !open.is_over();
            if staying { &mut rows.staying } else { &mut rows.closing }.push(*lease);
            for (id, settlement) in &open.results {
                if !recorded.contains(&(*lease, *id)) {
                    put(&mut rows, *lease, *id, settlement, staying);
                }
            }
        }
        rows
    }

    /// Finds out which jobs were completed by transactions of their handlers.
    async fn confirm(&mut self) -> bool {
        let touched = self.open.iter().filter(|(_, open)| !open.touched.is_empty());
        let leases: Vec<_> = touched.map(|(lease, _)| *lease).collect();
        if leases.is_empty() {
            return true;
        }
        let mut retry = self.retry();
        let (free, recorded) = loop {
            match in_time::<DB, _>(self.try_confirm(&leases)).await {
                Ok(answer) => break answer,
                Err(error) if retry.after(&error).await => {}
                Err(_) => return false,
            }
        };
        let mut completed = 0;
        for (lease, open) in &mut self.open {
            for (id, otherwise) in std::mem::take(&mut open.touched) {
                if recorded.contains(&(*lease, id)) {
                    open.partly = true;
                    completed += 1;
                } else if free.contains(lease) {
                    open.results.push((id, otherwise));
                } else {
                    open.touched.push((id, otherwise));
                }
            }
        }
        self.shared.unsettled.fetch_sub(completed, Ordering::Relaxed);
        true
    }

    /// Leases in which no handler's transaction is open, and what is recorded.
    async fn try_confirm(&mut self, leases: &[Uuid]) -> Result<Confirmed, sqlx::Error> {
        let how = self.shared.queue.statements;
        let mut session = Session::<DB>::short(&self.shared.pool, how).await?;
        let conn = session.connection();
        let mut recorded = DB::recorded(conn, leases, how).await?;
        let is_missing = |lease: &Uuid| {
            let touched = self.open.get(lease).map_or(&[][..], |open| &open.touched);
            touched.iter().any(|(id, _)| !recorded.contains(&(*lease, *id)))
        };
        let missing: Vec<_> = leases.iter().copied().filter(is_missing).collect();
        let mut free = Vec::new();
        if !missing.is_empty() {
            // First the lock, then another look: what was in its COMMIT has ended by then.
            free = DB::unlocked(conn, &missing, how).await?;
            recorded = DB::recorded(conn, leases, how).await?;
        }
        session.commit().await?;
        Ok((free, recorded))
    }

    fn retry(&self) -> Retry {
        let (wait, deadline) = (Duration::from_millis(50), self.deadline.clone());
        Retry { wait, again: false, escaped: false, deadline }
    }
}

/// Leases, and pairs of lease and job.
type Confirmed = (Vec<Uuid>, Vec<(Uuid, Uuid)>);

fn report_lost(lease: Uuid, jobs: usize, held: &[Uuid]) {
    if jobs > 0 && !held.contains(&lease) {
        metrics::lost(jobs);
        tracing::warn!(%lease, jobs, "the lease was lost; the outcomes of its jobs do not count");
    }
}
