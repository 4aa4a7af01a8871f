//! Admission: how many requests use the database at once.
//!
//! The others wait here, in the order in which they came and without a connection. Where they wait
//! for one at the pool instead, a crowd is refused after the pool's few seconds, and so is whoever
//! else waits there: jobs, their heartbeats, probes. And who comes with one key waits behind others
//! with that key before it waits behind anybody else.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use metrics::Gauge;
use saas_core::Problem;
use sqlx::Pool;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::head::Head;
use crate::tenants::Holder;
use crate::together::Together;
use crate::{Db, keys, limits};

/// A request waits at most this long at a gate, then it is told 503: its client has given up by then
/// or soon will.
const PATIENCE: Duration = Duration::from_secs(60);

/// At most so many wait at a gate. One that waits costs its connection's buffers, some 20 KiB, and a
/// file descriptor; that limit is usually the lower one.
const PLACES: usize = 20_000;

/// The gates of one process.
///
/// Inside the first, a request may still wait for something else than the database: for its body, or
/// for another request with its idempotency key. So there are ten times as many slots as
/// connections, and the second gate is inside: a request waits for nobody once it is through, and
/// the one that others wait for always gets there.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Around all that is done for the requests with one key.
    shares: Arc<Shares>,
    /// Around all that is done for a request.
    requests: Gate,
    /// Around finding out who asks; the same key is looked up once for all who wait.
    pub keys: Together<Option<Holder>>,
    /// Around what is asked.
    pub work: Gate,
}

impl Admission {
    /// A quarter of the pool's connections for finding out who asks, half of them for work. The rest
    /// is for jobs and probes, which then never wait behind a crowd.
    pub fn of<D: Db>(pool: &Pool<D>) -> Self {
        let connections = pool.options().get_max_connections() as usize;
        let gate = |name, slots| Gate::new(name, slots, PLACES);
        Self {
            shares: Arc::new(Shares::of_each(connections * 10 / 4)),
            requests: gate("requests", connections * 10),
            keys: Together::behind(gate("keys", connections / 4)),
            work: gate("work", connections / 2),
        }
    }

    /// The gate for requests with the key of this one. Without a key nothing is done that takes long.
    pub fn share(&self, head: &Head<'_>) -> Option<Gate> {
        head.bearer().map(|key| self.shares.of(keys::hash(key)))
    }

    /// Sends away every request that has not been let in by now, and those that come.
    pub fn close(&self) {
        // First the one that the others lead to.
        self.requests.close();
        self.shares.close();
    }

    /// Answers a request when it is let in, and in time.
    pub async fn admit<T>(
        &self,
        share: Option<Gate>,
        answer: impl Future<Output = T>,
    ) -> Result<T, Problem> {
        let _share = match &share {
            Some(share) => Some(share.enter().await?),
            None => None,
        };
        let answer = self.requests.pass(tokio::time::timeout(limits::REQUEST, answer)).await?;
        answer.map_err(|_| Problem::new(503).detail("it took too long; try again"))
    }
}

/// A gate for each key with which there are requests, so that nobody keeps all others out: not by a
/// crowd, and not by bodies that do not come.
#[derive(Debug)]
struct Shares {
    slots: usize,
    gates: Mutex<HashMap<Vec<u8>, Gate>>,
}

impl Shares {
    /// So many of the slots of the gate behind them.
    fn of_each(slots: usize) -> Self {
        Self { slots, gates: Mutex::default() }
    }

    fn close(&self) {
        self.gates().values().for_each(Gate::close);
    }

    fn of(&self, key: Vec<u8>) -> Gate {
        let mut gates = self.gates();
        if gates.len() == gates.capacity() {
            gates.retain(|_, gate| gate.is_used());
        }
        gates.entry(key).or_insert_with(|| Gate::new("key", self.slots, PLACES / 2)).clone()
    }

    fn gates(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Gate>> {
        self.gates.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets so many through at once; the others wait in line, and when that is full they are refused.
#[derive(Debug, Clone)]
pub struct Gate {
    name: &'static str,
    slots: Arc<Semaphore>,
    places: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new(name: &'static str, slots: usize, places: usize) -> Self {
        // Shown from the beginning, so that nobody takes what is missing for what is zero.
        metrics::gauge!("admission_inside", "gate" => name).increment(0);
        metrics::gauge!("admission_waiting", "gate" => name).increment(0);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self { name, slots: semaphore(slots.max(1)), places: semaphore(places) }
    }

    /// Waits for a turn.
    pub async fn enter(&self) -> Result<Inside, Problem> {
        let slot = self.slot().await?;
        let counted = Counted::of(metrics::gauge!("admission_inside", "gate" => self.name));
        Ok(Inside { _slot: slot, _counted: counted })
    }

    /// Does `work` when its turn comes.
    pub async fn pass<T>(&self, work: impl Future<Output = T>) -> Result<T, Problem> {
        let _inside = self.enter().await?;
        Ok(work.await)
    }

    /// Whether somebody is inside, waits, or is about to.
    fn is_used(&self) -> bool {
        Arc::strong_count(&self.slots) > 1
    }

    /// Sends away who waits and who comes; who is inside stays.
    pub fn close(&self) {
        self.slots.close();
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, Problem> {
        // Nobody is overtaken: while others wait, there is none to be had this way.
        if let Ok(slot) = self.slots.clone().try_acquire_owned() {
            return Ok(slot);
        }
        let _place = self.places.try_acquire().map_err(|_| busy())?;
        let _counted = Counted::of(metrics::gauge!("admission_waiting", "gate" => self.name));
        let slot = tokio::time::timeout(PATIENCE, self.slots.clone().acquire_owned()).await;
        slot.map_err(|_| busy())?.map_err(|_| busy())
    }
}

fn busy() -> Problem {
    Problem::new(503).detail("too many requests at once; try again").header("retry-after", "5")
}

/// A turn, until it is dropped.
#[must_use]
pub struct Inside {
    _slot: OwnedSemaphorePermit,
    _counted: Counted,
}

/// One more, until it is dropped.
struct Counted(Gauge);

impl Counted {
    fn of(gauge: Gauge) -> Self {
        gauge.increment(1);
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.decrement(1);
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::task::yield_now;

    use super::*;

    fn occupied(gate: &Gate) -> tokio::task::JoinHandle<Result<(), Problem>> {
        let gate = gate.clone();
        tokio::spawn(async move { gate.pass(pending()).await })
    }

    #[tokio::test]
    async fn who_waits_comes_in_when_someone_leaves_or_is_dropped() {
        let gate = Gate::new("test", 1, 1);
        let inside = occupied(&gate);
        yield_now().await;
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.pass(async { "done" }).await }
        });
        yield_now().await;
        assert!(!waiting.is_finished());
        inside.abort();
        assert_eq!(waiting.await.unwrap().unwrap(), "done");
        assert_eq!(gate.pass(async { "next" }).await.unwrap(), "next");
    }

    #[tokio::test]
    async fn beyond_the_places_it_is_503_with_retry_after_and_who_gives_up_leaves_a_place() {
        let gate = Gate::new("test", 1, 1);
        let _inside = occupied(&gate);
        yield_now().await;
        let waiting = occupied(&gate);
        yield_now().await;
        let refused = gate.pass(async {}).await.unwrap_err();
        assert_eq!(refused.status(), 503);
        assert!(refused.headers().iter().any(|(name, _)| *name == "retry-after"));
        waiting.abort();
        assert!(waiting.await.unwrap_err().is_cancelled());
        assert_eq!(gate.places.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends() {
        let gate = Gate::new("test", 1, 1);
        let _inside = occupied(&gate);
        yield_now().await;
        assert_eq!(gate.pass(async {}).await.unwrap_err().status(), 503);
        assert_eq!(gate.places.available_permits(), 1);
    }

    #[tokio::test]
    async fn who_comes_with_one_key_leaves_room_for_another() {
        let shares = Shares::of_each(2);
        let (busy, idle) = (|| shares.of(vec![1]), || shares.of(vec![2]));
        let inside = [occupied(&busy()), occupied(&busy()), occupied(&busy())];
        yield_now().await;
        assert_eq!(idle().pass(async { "done" }).await.unwrap(), "done");
        assert_eq!(busy().slots.available_permits(), 0);
        inside.iter().for_each(|task| task.abort());
        assert_eq!(busy().pass(async { "next" }).await.unwrap(), "next");
    }

    #[tokio::test]
    async fn keys_that_nobody_uses_are_forgotten() {
        let shares = Shares::of_each(1);
        let used = shares.of(vec![]);
        for number in 0..3000_u32 {
            shares.of(number.to_be_bytes().to_vec());
        }
        assert!(shares.gates().len() < 100);
        assert!(Arc::ptr_eq(&used.slots, &shares.of(vec![]).slots));
    }

    #[tokio::test]
    async fn closing_sends_away_who_waits_behind_others_with_its_key() {
        let shares = Shares::of_each(1);
        let inside = occupied(&shares.of(vec![1]));
        yield_now().await;
        let waiting = occupied(&shares.of(vec![1]));
        yield_now().await;
        shares.close();
        assert_eq!(waiting.await.unwrap().unwrap_err().status(), 503);
        assert!(!inside.is_finished());
    }

    #[tokio::test]
    async fn closing_sends_away_who_waits() {
        let gate = Gate::new("test", 1, 1);
        let inside = occupied(&gate);
        yield_now().await;
        let waiting = occupied(&gate);
        yield_now().await;
        gate.close();
        assert_eq!(waiting.await.unwrap().unwrap_err().status(), 503);
        assert!(!inside.is_finished());
    }
}
