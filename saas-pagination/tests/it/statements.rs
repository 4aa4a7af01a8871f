//! How many statements something takes, counted where sqlx logs them.

use std::fmt::Debug;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Once};

use saas_core::sql::{Backend, Raw};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// A table of one test alone, so that tests beside it do no harm.
pub(crate) struct Counted {
    pub(crate) table: &'static str,
    count: Arc<AtomicUsize>,
}

static TABLES: Mutex<Vec<(&'static str, Arc<AtomicUsize>)>> = Mutex::new(Vec::new());

impl Counted {
    pub(crate) fn new<DB: Backend>(name: &str) -> Self {
        static INSTALLED: Once = Once::new();
        INSTALLED.call_once(|| tracing::subscriber::set_global_default(Counter).unwrap());
        let table = format!("counted_{name}_on_{}", DB::NAME.to_lowercase()).leak();
        let count = Arc::default();
        TABLES.lock().unwrap().push((table, Arc::clone(&count)));
        Self { table, count }
    }

    /// All its rows.
    pub(crate) fn rows(&self) -> Raw {
        Raw(format!("select * from {}", self.table).leak())
    }

    /// How many statements on the table ran since the last call.
    pub(crate) fn take(&self) -> usize {
        self.count.swap(0, Ordering::SeqCst)
    }
}

struct Counter;

impl Subscriber for Counter {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
    }
    fn event(&self, event: &Event<'_>) {
        let mut said = Said(String::new());
        event.record(&mut said);
        for (table, count) in TABLES.lock().unwrap().iter() {
            count.fetch_add(usize::from(said.0.contains(table)), Ordering::SeqCst);
        }
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Said(String);

impl Visit for Said {
    fn record_debug(&mut self, _: &Field, value: &dyn Debug) {
        self.0.push_str(&format!("{value:?}"));
    }
}
