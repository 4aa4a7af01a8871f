use std::fmt;
use std::sync::Arc;
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
    entries: Cache<Key, Option<Entry>>,
    limits: Limits,
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
        Self { directory, entries, limits }
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

    /// Looks the name up anew when it is next asked for.
    pub async fn forget(&self, key: &Key) {
        self.entries.invalidate(key).await;
    }

    /// Looks every name up anew: after a tenant was suspended, whatever names it goes by.
    pub fn forget_all(&self) {
        self.entries.invalidate_all();
    }
}

impl<D: Directory> Directory for Cached<D> {
    fn find<'d>(&'d self, key: &'d Key) -> BoxFuture<'d, Result<Option<Entry>, DirectoryError>> {
        Box::pin(async move {
            // Nothing of the directory is called for a name that is remembered.
            let look_up = async { self.directory.find(key).await };
            let found = self.entries.try_get_with_by_ref(key, look_up).await;
            // Several may have waited for the one answer.
            found.map_err(|error: Arc<DirectoryError>| DirectoryError::from(Shared(error)))
        })
    }
}

impl Expiry<Key, Option<Entry>> for Limits {
    fn expire_after_create(&self, _: &Key, entry: &Option<Entry>, _: Instant) -> Option<Duration> {
        Some(if entry.is_some() { self.found } else { self.missed })
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
