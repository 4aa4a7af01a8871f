//! A future that is dropped while a transaction opens, reads or commits must leave nothing behind on
//! the connection: sqlx 0.9.0 by itself leaves the next borrower in another tenant's transaction.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use saas_core::TenantId;
use saas_tenancy::{Options, TenantDb};
use saas_testkit as testkit;
use sqlx::Postgres;
use sqlx::postgres::PgPoolOptions;

use crate::fixture::{self, Customer};

/// Opens, reads, writes and commits; dropped at a random moment by the caller.
async fn work(db: &TenantDb<Postgres>, tenant: TenantId) -> Result<(), saas_tenancy::Error> {
    let mut tx = db.tenant(tenant).await?;
    let seen = tx.select::<Customer>().all(&mut tx).await?;
    assert!(seen.iter().all(|customer| customer.tenant_id == tenant), "a foreign row was read");
    tx.insert(&Customer::new(tenant, &TenantId::new().to_string())).await?;
    // Unnamed, since it also runs through PgBouncer.
    let raw = sqlx::query_scalar("select tenant_id from customers limit 50").persistent(false);
    let raw: Vec<TenantId> = raw.fetch_all(tx.raw()).await?;
    assert!(raw.iter().all(|seen| *seen == tenant), "raw SQL read a foreign row");
    tx.commit().await
}

/// The next borrower of any connection must be in no transaction and see no tenant.
async fn check_next_borrower(db: &TenantDb<Postgres>, pooled: bool) {
    let mut conn = db.pool().acquire().await.unwrap();
    // An open transaction would show as a start time before the statement's own, and its tenant.
    let mut tx = sqlx::Connection::begin(&mut *conn).await.unwrap();
    let query = sqlx::query_as::<_, (Option<String>, i64)>(
        "select nullif(current_setting('app.tenant_id', true), ''), (select count(*) from customers)",
    );
    let (tenant, rows) = query.persistent(!pooled).fetch_one(&mut *tx).await.unwrap();
    assert_eq!((tenant, rows), (None, 0), "the next borrower sits in a tenant's scope");
    tx.rollback().await.unwrap();
}

async fn abort_at_random_moments(db: TenantDb<Postgres>, pooled: bool, rounds: usize) {
    // Learn how long a whole round takes, to spread the aborts over all of it.
    let tenants: Arc<[TenantId]> = (0..4).map(|_| TenantId::new()).collect();
    for tenant in tenants.iter() {
        work(&db, *tenant).await.unwrap();
    }
    let begun = std::time::Instant::now();
    work(&db, tenants[0]).await.unwrap();
    let span = begun.elapsed().as_micros().max(500) as u64;
    let aborted = Arc::new(AtomicUsize::new(0));
    let tasks = (0..4).map(|task| {
        let (db, tenants, aborted) = (db.clone(), tenants.clone(), aborted.clone());
        tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(task);
            for round in 0..rounds / 4 {
                let tenant = tenants[random.random_range(0..tenants.len())];
                let moment = Duration::from_micros(random.random_range(0..span * 3 / 2));
                match tokio::time::timeout(moment, work(&db, tenant)).await {
                    Ok(done) => done.unwrap(),
                    Err(_) => drop(aborted.fetch_add(1, Ordering::Relaxed)),
                }
                if round % 4 == 0 {
                    check_next_borrower(&db, pooled).await;
                }
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let aborted = aborted.load(Ordering::Relaxed);
    assert!(aborted > rounds / 10, "only {aborted} of {rounds} rounds were aborted");
}

/// Openings alone, with a check of the next borrower after each: the pool has one connection.
async fn abort_openings(db: TenantDb<Postgres>, pooled: bool, rounds: u64) {
    let tenant = TenantId::new();
    let begun = std::time::Instant::now();
    db.tenant(tenant).await.unwrap().rollback().await.unwrap();
    let span = begun.elapsed().as_micros().max(300) as u64;
    let mut random = StdRng::seed_from_u64(7);
    for _ in 0..rounds {
        let moment = Duration::from_micros(random.random_range(0..span));
        let opening = tokio::time::timeout(moment, db.tenant(tenant)).await;
        drop(opening);
        check_next_borrower(&db, pooled).await;
    }
}

fn small(options: sqlx::postgres::PgConnectOptions, size: u32) -> sqlx::PgPool {
    PgPoolOptions::new().max_connections(size).connect_lazy_with(options)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_work_never_leaks_a_tenant_slow() {
    let pg = testkit::postgres("t_tenancy").await;
    fixture::prepared(&pg).await;
    let fixture = fixture::over(small(pg.app_options.clone(), 3), Options::new()).await;
    abort_at_random_moments(fixture.db.clone(), false, 2000).await;
    let fixture = fixture::over(small(pg.app_options, 1), Options::new()).await;
    abort_openings(fixture.db.clone(), false, 2000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborted_work_never_leaks_a_tenant_through_pgbouncer_slow() {
    let pg = testkit::pgbouncer("t_tenancy").await;
    fixture::prepared(&pg).await;
    let options = Options::new().pooler_safe(true);
    let fixture = fixture::over(small(pg.app_options.clone(), 3), options.clone()).await;
    abort_at_random_moments(fixture.db.clone(), true, 1000).await;
    let fixture = fixture::over(small(pg.app_options, 1), options).await;
    abort_openings(fixture.db.clone(), true, 1000).await;
}
