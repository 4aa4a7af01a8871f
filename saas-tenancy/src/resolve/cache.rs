use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_core::future::BoxFuture;
use moka::Expiry;
use moka::future::Cache;

use super::{Directory, DirectoryError, Entry, Key};

/// A directory that remembers, bounded in size and time, also whom it did not find.
///
/// What many ask for at once is looked up once. A failure is not remembered. Names that nobody has
/// cannot push out those that are asked for often: the cache admits by frequency.
///
/// A change made elsewhere, a suspension say, is seen when the entry has run out, after five seconds
/// unless set otherwise; in this process [`forget`](Self::forget) makes it seen at once.
pub struct Cached<D> {
    directory: Arc<D>,
    entries: Cache<Key, Known>,
    /// How often everything was forgotten.
    era: AtomicU64,
    limits: Limits,
}

/// What was found, and the era in which the look-up began.
#[derive(Debug, Clone, Copy)]
struct Known {
    entry: Option<Entry>,
    era: u64,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    capacity: u64,
    found: Duration,
    missed: Duration,
}

impl<D: Directory> Cached<D> {
    /// Remembers 10,000 names, each for five seconds, one that was not found for one second.
    pub fn new(directory: D) -> Self {
        let (found, missed) = (Duration::from_secs(5), Duration::from_secs(1));
        Self::of(Arc::new(directory), Limits { capacity: 10_000, found, missed })
    }

    fn of(directory: Arc<D>, limits: Limits) -> Self {
        let entries = Cache::builder().max_capacity(limits.capacity).expire_after(limits).build();
        Self { directory, entries, era: AtomicU64::new(0), limits }
    }

    /// Remembers at most this many names.
    #[must_use]
    pub fn capacity(self, names: u64) -> Self {
        Self::of(self.directory, Limits { capacity: names, ..self.limits })
    }

    /// How long what was found counts, and how long that nothing was.
    #[must_use]
    pub fn keep(self, found: Duration, missed: Duration) -> Self {
        Self::of(self.directory, Limits { found, missed, ..self.limits })
    }

    /// Looks every name up anew: after a tenant was suspended, whatever names it goes by. What a
    /// look-up finds that began before this is not believed either.
    pub fn forget(&self) {
        self.era.fetch_add(1, Ordering::SeqCst);
    }

    async fn known(&self, key: &Key) -> Result<Known, Arc<DirectoryError>> {
        // Nothing of the directory is called for a name that is remembered.
        let look_up = async {
            let era = self.era.load(Ordering::SeqCst);
            Ok(Known { entry: self.directory.find(key).await?, era })
        };
        self.entries.try_get_with_by_ref(key, look_up).await
    }
}

impl<D: Directory> Directory for Cached<D> {
    fn find<'d>(&'d self, key: &'d Key) -> BoxFuture<'d, Result<Option<Entry>, DirectoryError>> {
        Box::pin(async move {
            let era = self.era.load(Ordering::SeqCst);
            loop {
                // Several may have waited for the one answer, or failure.
                let known = self.known(key).await;
                let known = known.map_err(|error| DirectoryError::from(Shared(error)))?;
                if known.era >= era {
                    return Ok(known.entry);
                }
                self.entries.invalidate(key).await;
            }
        })
    }
}

impl Expiry<Key, Known> for Limits {
    fn expire_after_create(&self, _: &Key, known: &Known, _: Instant) -> Option<Duration> {
        Some(if known.entry.is_some() { self.found } else { self.missed })
    }
}

/// One failure for all that waited.
#[derive(Debug)]
struct Shared(Arc<DirectoryError>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for Shared {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}

impl<D> fmt::Debug for Cached<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cached").field("limits", &self.limits).finish_non_exhaustive()
    }
}
