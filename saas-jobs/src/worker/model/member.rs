//! A worker of the test's: the real claims, runs and records of one, but a step at a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use saas_core::sql::Statements;
use sqlx::Pool;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinError;
use uuid::Uuid;

use super::book::Ended;
use super::running::{Running, Started};
use super::scripted::{Begun, Scripted, Stage};
use crate::store::{ClaimRequest, Session, Turn};
use crate::worker::buffer::Held;
use crate::worker::completer::Completer;
use crate::worker::ended::Finished;
use crate::worker::lease::Epoch;
use crate::worker::source::{Ask, Source};
use crate::worker::{Shared, Worker, claimer, heart, keeper, runner};
use crate::{Backend, Error, Queue};

pub(super) const QUEUE: &str = "model";

/// How long it may give no sign of life.
pub(super) const LEASE: Duration = Duration::from_secs(12);

pub(super) struct Member<DB: Backend> {
    shared: Arc<Shared<DB, Stage<DB>>>,
    pub(super) epoch: Arc<Epoch>,
    source: Mutex<Source>,
    /// Claimed and not begun.
    pub(super) held: VecDeque<Held>,
    begun: mpsc::UnboundedReceiver<Begun<DB>>,
    /// By the order in which they began.
    pub(super) runs: BTreeMap<usize, Running<DB>>,
    finished: Vec<Finished>,
    recorder: mpsc::UnboundedSender<(Vec<Finished>, oneshot::Sender<()>)>,
    /// What the model knows of what has ended and is not recorded.
    pub(super) ended: Vec<Ended>,
    /// Leases of claims that broke off.
    pub(super) unheard: Vec<Uuid>,
    /// When it last looked at the whole of a lane.
    pub(super) scanned: usize,
}

impl<DB: Backend> Member<DB> {
    /// Begins its first epoch.
    pub(super) async fn begin(
        pool: &Pool<DB>,
        queue: &Queue<DB>,
        now: Instant,
    ) -> Result<Self, Error> {
        let (announce, begun) = mpsc::unbounded_channel();
        let stage = Stage { begun: announce, how: queue.statements };
        let worker = Worker::new(pool.clone(), queue.clone(), stage).register::<Scripted>();
        let shared = Arc::new(worker.queue(QUEUE).lease(LEASE).share()?);
        let (recorder, told) = mpsc::unbounded_channel();
        tokio::spawn(record(Arc::clone(&shared), told));
        let mut member = Self {
            epoch: epoch(),
            shared,
            source: Mutex::new(Source::new(QUEUE, now)),
            held: VecDeque::new(),
            begun,
            runs: BTreeMap::new(),
            finished: Vec::new(),
            recorder,
            ended: Vec::new(),
            unheard: Vec::new(),
            scanned: 0,
        };
        member.register().await?;
        Ok(member)
    }

    async fn register(&mut self) -> Result<(), sqlx::Error> {
        self.epoch = epoch();
        let row = heart::epoch_row(&self.shared, self.epoch.worker);
        let mut session = self.single().await?;
        DB::register(session.connection(), &row, self.how()).await?;
        session.commit().await
    }

    /// A sign of life; if it was taken for dead, it begins another epoch and is told so.
    pub(super) async fn beat(&mut self) -> Result<bool, sqlx::Error> {
        let row = heart::epoch_row(&self.shared, self.epoch.worker);
        let mut session = self.single().await?;
        let lives = DB::renew(session.connection(), &row, self.how()).await?;
        session.commit().await?;
        if !lives {
            self.epoch.lapse();
            self.register().await?;
        }
        Ok(lives)
    }

    /// The worker's next look for lanes, if it is time, and what is found.
    pub(super) async fn look(
        &mut self,
        told: bool,
        now: Instant,
    ) -> Result<Option<(i32, Vec<i32>)>, sqlx::Error> {
        let Some((queue, after)) = self.source.get_mut().unwrap().look(told, now) else {
            return Ok(None);
        };
        let mut session = self.single().await?;
        let lanes = DB::lanes(session.connection(), &queue, after, self.how()).await?;
        session.commit().await?;
        self.source.get_mut().unwrap().looked(&lanes, Duration::ZERO);
        Ok(Some((after, lanes)))
    }

    /// Where to claim next; if it was told that there is something to do, of lanes only that have
    /// just found jobs.
    pub(super) fn ask(&mut self, told: bool, want: usize, now: Instant) -> Option<Ask> {
        let source = self.source.get_mut().unwrap();
        if told { source.ask_first(want, now) } else { Some(source.ask(want, now)) }
    }

    pub(super) async fn claim(&mut self, ask: Ask) -> Result<Vec<Held>, sqlx::Error> {
        claimer::claim(&self.shared, &self.epoch, &self.source, ask, &mut None).await
    }

    /// A claim whose answer does not arrive.
    pub(super) async fn break_off(&mut self, turn: Turn) -> Result<(Uuid, Vec<Uuid>), sqlx::Error> {
        let (lease, worker) = (Uuid::now_v7(), self.epoch.worker);
        let request = ClaimRequest { lease, worker, queue: QUEUE.to_owned(), from: turn };
        let mut session = Session::<DB>::short(&self.shared.pool, self.how()).await?;
        let jobs = DB::claim(session.connection(), &request, self.how()).await?;
        session.commit().await?;
        self.shared.doubt(lease);
        Ok((lease, jobs.into_iter().map(|job| job.id).collect()))
    }

    /// Starts the handler of a claimed job, and waits for its first sign.
    pub(super) async fn start(&mut self, held: Held) -> Result<Started<DB>, JoinError> {
        let shared = Arc::clone(&self.shared);
        let mut task = tokio::spawn(async move {
            let mut abandon = shared.abandon.subscribe();
            runner::execute(&shared, held, &mut abandon).await
        });
        tokio::select! {
            Some(begun) = self.begun.recv() => Ok(Started::Begun(begun, task)),
            finished = &mut task => Ok(Started::GivenBack(finished?)),
        }
    }

    /// Waits for the end of a run, which was told to end.
    pub(super) async fn finish(&mut self, mut run: Running<DB>) -> Result<(), JoinError> {
        let finished = run.end().await?;
        self.finished(finished);
        Ok(())
    }

    pub(super) fn finished(&mut self, finished: Finished) {
        self.shared.in_hand.fetch_sub(1, Ordering::Relaxed);
        self.finished.push(finished);
    }

    /// Writes what has ended.
    pub(super) async fn record(&mut self) -> Result<(), oneshot::error::RecvError> {
        let (done, recorded) = oneshot::channel();
        let _ = self.recorder.send((std::mem::take(&mut self.finished), done));
        recorded.await
    }

    pub(super) async fn promote(&self) -> Result<u64, sqlx::Error> {
        keeper::promote(&self.shared, self.shared.queue.clock.now()).await
    }

    pub(super) async fn rescue(&self) -> Result<usize, sqlx::Error> {
        keeper::rescue(&self.shared).await
    }

    /// Tells handlers that wait to begin that they shall not, and others that they are dropped.
    pub(super) fn stop(&self) {
        self.shared.stop.send_replace(true);
        self.shared.abandon.send_replace(true);
    }

    pub(super) async fn retire(&self) -> Result<(), sqlx::Error> {
        heart::retire(&self.shared, self.epoch.worker).await
    }

    fn how(&self) -> Statements {
        self.shared.queue.statements
    }

    async fn single(&self) -> Result<Session<DB>, sqlx::Error> {
        Session::single(&self.shared.pool, self.how()).await
    }
}

/// By the machine's clock it never ends: a worker that the test's clock has left behind learns so
/// only by its next sign of life.
fn epoch() -> Arc<Epoch> {
    Epoch::new(Instant::now() + Duration::from_secs(86_400))
}

/// A worker's completer, which keeps to what its leases have left from one write to the next.
async fn record<DB: Backend>(
    shared: Arc<Shared<DB, Stage<DB>>>,
    mut told: mpsc::UnboundedReceiver<(Vec<Finished>, oneshot::Sender<()>)>,
) {
    let mut completer = Completer::new(&shared, None);
    while let Some((finished, done)) = told.recv().await {
        finished.into_iter().for_each(|job| completer.absorb(job));
        completer.flush(true).await;
        let _ = done.send(());
    }
}
