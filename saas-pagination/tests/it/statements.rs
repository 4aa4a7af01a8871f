//! How many statements a page takes, counted where sqlx logs them.

use std::fmt::Debug;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Only statements on this table count, so that tests beside this one do no harm.
pub(crate) const COUNTED: &str = "counted_rows";

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// How many statements on [`COUNTED`] ran since the last call.
pub(crate) fn take() -> usize {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| tracing::subscriber::set_global_default(Counter).unwrap());
    COUNT.swap(0, Ordering::SeqCst)
}

struct Counter;

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }
    fn event(&self, event: &Event<'_>) {
        let mut found = Find(false);
        event.record(&mut found);
        COUNT.fetch_add(usize::from(found.0), Ordering::SeqCst);
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Find(bool);

impl Visit for Find {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        self.0 |= format!("{value:?}").contains(COUNTED);
    }
}
