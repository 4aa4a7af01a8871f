//! Every rule of the layer, written once and run against both shells over real connections: the
//! tower layer in axum on hyper, and the actix-web middleware.

mod actix;
mod axum;
mod client;
mod moody;
mod work;

mod bodies;
mod bounds;
mod clients;
mod kept;
mod keys;
mod leases;
mod mounts;
mod outages;
mod panics;
mod races;
mod scopes;

use std::any::Any;
use std::net::SocketAddr;
use std::sync::Arc;

use saas_core::ManualClock;
use saas_idempotency::{MemoryStore, Policy, Store};

use self::work::Work;

/// The tower layer.
pub(crate) struct Tower;

/// The actix-web middleware.
pub(crate) struct Actix;

/// A framework with our shell around [`Work`].
pub(crate) trait Shell {
    /// Serves `work` on a port of its own. In front of the shell stands what makes a scope of the
    /// headers `x-tenant`, `x-user` and `x-anonymous`.
    async fn serve(setup: Setup, work: Work) -> (SocketAddr, Box<dyn Any + Send + Sync>);

    async fn start(setup: Setup) -> Server {
        let work = Work::default();
        let (address, guard) = Self::serve(setup, work.clone()).await;
        Server { address, work, _guard: Arc::from(guard) }
    }

    async fn with(policy: Policy) -> Server {
        Self::start(Setup { policy, ..Setup::default() }).await
    }
}

/// What a server is made of.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) policy: Policy,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Option<Arc<ManualClock>>,
    pub(crate) layout: Layout,
}

/// Where the shell stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Around everything.
    Whole,
    /// Around each of two mounts, `/a` and `/b`, which have the same paths within.
    Mounts,
    /// Around everything with an optional key, and once more around `/strict` with a required one.
    Nested,
    /// Nowhere.
    Absent,
}

impl Default for Setup {
    fn default() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self { policy: Policy::default(), store, clock: None, layout: Layout::Whole }
    }
}

/// A server that runs.
#[derive(Clone)]
pub(crate) struct Server {
    address: SocketAddr,
    pub(crate) work: Work,
    _guard: Arc<dyn Any + Send + Sync>,
}

/// A clock that stands still until it is moved, shared with its owner.
#[derive(Debug, Clone)]
pub(crate) struct Hand(pub(crate) Arc<ManualClock>);

impl saas_core::Clock for Hand {
    fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.0.now()
    }
}

/// Instances of generic tests, one for each shell.
#[macro_export]
macro_rules! on_both_shells {
    ($($name:ident),* $(,)?) => {
        mod tower {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { Box::pin(super::$name::<$crate::shells::Tower>()).await; })*
        }
        mod actix {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { Box::pin(super::$name::<$crate::shells::Actix>()).await; })*
        }
    };
}
