//! The service behind PgBouncer in transaction mode.

use std::collections::BTreeSet;

use reqwest::Url;
use saas_blackbox::{Client, Service, Target};
use tokio::task::{JoinSet, LocalSet};

pub(crate) async fn the_story_is_the_same_behind_a_pooler(target: Target) {
    let mut service = Service::install(target).await;
    let pooler = saas_testkit::required("TEST_PGBOUNCER_URL", "pgbouncer");
    let mut through = Url::parse(&pooler).expect("a database URL");
    through.set_path(Url::parse(service.setting("DATABASE_URL")).expect("a database URL").path());
    service.set("DATABASE_URL", through.as_str());
    service.set("DATABASE_POOLER", "transaction");
    service.run(&[]).await;
    let at_once = async {
        let mut tenants = JoinSet::new();
        for _ in 0..6 {
            tenants.spawn_local(story(service.api().await));
        }
        tenants.join_all().await.concat()
    };
    let jobs: BTreeSet<_> = LocalSet::new().run_until(at_once).await.into_iter().collect();
    assert_eq!(jobs.len(), 18);
    assert_eq!(service.mails(), jobs);
    assert!(service.terminate().await.success());
}

/// A tenant's invoices, sent, and nobody else's.
async fn story(api: Client) -> Vec<String> {
    let customer = api.customer().await;
    let mut jobs = Vec::new();
    for _ in 0..3 {
        let invoice = api.invoice(&customer).await;
        assert_eq!(api.read("/invoices", &invoice).await, invoice);
        jobs.push(api.send(&invoice).await);
    }
    for job in &jobs {
        api.done(job).await;
    }
    assert_eq!(api.ids("/invoices", "status=sent").await.len(), 3);
    assert_eq!(api.ids("/customers", "").await.len(), 1);
    jobs
}
