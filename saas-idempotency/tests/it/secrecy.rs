//! Nothing that is one client's reaches a log.

use std::fmt;
use std::sync::{Arc, Mutex};

use saas_core::TenantId;
use saas_idempotency::{MemoryStore, Policy, Scope, SealingKeys};
use tracing::field::{Field, Visit};
use tracing::span;
use tracing_subscriber::layer::{Context, SubscriberExt};

use crate::served::Served;
use crate::support::{Call, post, postgres};

/// All that was said, of every target and level.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<String>>);

impl Heard {
    fn text(&self) -> String {
        self.0.lock().unwrap().clone()
    }
}

impl Visit for Heard {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.lock().unwrap().push_str(&format!("{}={value:?}\n", field.name()));
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Heard {
    fn on_new_span(&self, span: &span::Attributes<'_>, _: &span::Id, _: Context<'_, S>) {
        span.record(&mut self.clone());
    }
    fn on_record(&self, _: &span::Id, values: &span::Record<'_>, _: Context<'_, S>) {
        values.record(&mut self.clone());
    }
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        event.record(&mut self.clone());
    }
}

/// What nobody may read in a log: keys, principals, bodies, headers, sealing keys.
const SECRETS: &[&str] = &[
    "key-8e03978e",
    "ann@example.com",
    "balance",
    "/places/4711",
    "kkkkkkkk",
    "[107, 107",
    "6b6b6b6b",
];

#[tokio::test]
async fn keys_bodies_and_principals_never_reach_a_log_or_a_debug_output() {
    let heard = Heard::default();
    let subscriber = tracing_subscriber::registry().with(heard.clone());
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::trace!("listening");

    let scope = Scope::tenant(TenantId::new()).principal("ann@example.com");
    let call = Call {
        scope: Some(scope.clone()),
        key: Some("key-8e03978e".into()),
        ..post("/", "the balance")
    };
    let with =
        |body: &str, key: &str| Call { key: Some(key.into()), body: body.into(), ..call.clone() };
    let policy = Policy::default().sealed(SealingKeys::new([b'k'; 32]));
    let blind = Policy::default().sealed(SealingKeys::new([0; 32]).older([b'k'; 32]));
    let db = postgres().await;
    let served = Served::new(db.store());
    let mut statuses = Vec::new();
    for (policy, call) in [
        (&policy, call.clone()),
        (&policy, call.clone()),
        (&blind, call.clone()),
        (&Policy::default(), call.clone()),
        (&policy, with("another balance", "key-8e03978e")),
        (&policy, with("balance", "key-8e03978e, key-8e03978e")),
        (&policy, with("fail", "key-8e03978e failing")),
        (&policy, with("large", "key-8e03978e-large")),
        (&policy, with("large", "key-8e03978e-large")),
        (&policy, Call { key: None, ..call.clone() }),
        (&policy, Call { scope: None, ..call.clone() }),
        (&Policy::default().request_cap(3), with("the balance", "key-8e03978e-capped")),
        (&Policy::default().request_cap(0), with("the balance", "key-8e03978e-odd")),
    ] {
        statuses.push(served.call(policy, &call).await.status);
    }
    assert_eq!(statuses, [201, 201, 201, 500, 422, 400, 400, 200, 409, 400, 500, 413, 500]);
    // The store goes away while the handler runs, and stays away.
    let waiting = with("wait for the balance", "key-8e03978e-waiting");
    let (first, ()) = tokio::join!(served.call(&policy, &waiting), async {
        served.ran(served.runs() + 1).await;
        db.pool.close().await;
        served.let_end(1);
    });
    assert_eq!(first.status, 201);
    assert_eq!(served.call(&policy, &call).await.status, 503);

    tracing::info!(?policy, ?scope, ?served, store = ?MemoryStore::new(), "shown");
    let heard = heard.text();
    for said in
        ["listening", "does not open", "no scope", "was not recorded", "unavailable", "shown"]
    {
        assert!(heard.contains(said), "{said} was not said");
    }
    for secret in SECRETS {
        assert!(!heard.contains(secret), "{secret} was said");
    }
}
