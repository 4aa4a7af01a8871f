//! Duplicates of one request within this process, one after the other.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use crate::RecordId;

/// Lets one request of each record at a time through to the database.
///
/// A duplicate that waits there for the first one's transaction holds a connection meanwhile: a few
/// dozen of them would hold all there are, and requests that have nothing to do with them would be
/// refused. Here they wait in memory, in the order in which they came. What is held is bounded by
/// the requests in flight; where nobody waits there is no line.
#[derive(Clone, Default)]
pub(crate) struct Lines(Arc<Mutex<Waiting>>);

type Waiting = HashMap<RecordId, Line>;

struct Line {
    lock: Arc<tokio::sync::Mutex<()>>,
    wanted_by: usize,
}

/// The first place in its line, until it is dropped.
pub(crate) struct Place {
    // In this order: the next one is called before the line is cleared away.
    _held: OwnedMutexGuard<()>,
    _wish: Wish,
}

/// A request that stands in a line, first or not.
struct Wish {
    lines: Lines,
    id: RecordId,
}

impl Lines {
    /// Waits to be the first; `None` where that took too long.
    pub(crate) async fn take(&self, id: RecordId, wait: Duration) -> Option<Place> {
        let (wish, lock) = self.wish(id);
        let held = tokio::time::timeout(wait, lock.lock_owned()).await.ok()?;
        Some(Place { _held: held, _wish: wish })
    }

    fn wish(&self, id: RecordId) -> (Wish, Arc<tokio::sync::Mutex<()>>) {
        let mut waiting = self.waiting();
        let line = waiting.entry(id).or_insert_with(|| Line { lock: Arc::default(), wanted_by: 0 });
        line.wanted_by += 1;
        (Wish { lines: self.clone(), id }, line.lock.clone())
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // No code that can panic runs under this lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        let mut waiting = self.lines.waiting();
        if let Some(line) = waiting.get_mut(&self.id) {
            line.wanted_by -= 1;
            if line.wanted_by == 0 {
                waiting.remove(&self.id);
            }
        }
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines(..)")
    }
}

#[cfg(test)]
mod tests {
    use saas_core::TenantId;

    use super::*;
    use crate::Scope;
    use crate::key::Key;

    const SOON: Duration = Duration::from_millis(20);
    const LATE: Duration = Duration::from_secs(20);

    fn id(key: &str) -> RecordId {
        let key = Key::parse(&[key.as_bytes()]).unwrap().unwrap();
        RecordId::new(&Scope::tenant(TenantId::from_uuid(uuid::Uuid::nil())), &key)
    }

    #[tokio::test]
    async fn one_at_a_time_is_first_and_the_next_gets_it() {
        let lines = Lines::default();
        let first = lines.take(id("a"), LATE).await.unwrap();
        assert!(lines.take(id("a"), SOON).await.is_none());
        let next = tokio::spawn({
            let lines = lines.clone();
            async move { lines.take(id("a"), LATE).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(next.await.unwrap());
    }

    #[tokio::test]
    async fn records_do_not_wait_for_each_other() {
        let lines = Lines::default();
        let _one = lines.take(id("a"), LATE).await.unwrap();
        assert!(lines.take(id("b"), Duration::ZERO).await.is_some());
    }

    #[tokio::test]
    async fn nothing_is_left_when_all_are_gone() {
        let lines = Lines::default();
        let first = lines.take(id("a"), LATE).await.unwrap();
        // One gives up by itself, one is dropped while it waits.
        assert!(lines.take(id("a"), SOON).await.is_none());
        let waiting = tokio::time::timeout(SOON, lines.take(id("a"), LATE)).await;
        assert!(waiting.is_err());
        assert_eq!(lines.waiting().len(), 1);
        drop(first);
        assert!(lines.waiting().is_empty());
    }
}
