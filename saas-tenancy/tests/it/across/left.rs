//! What a crossing leaves on its connection: nothing, however it ends.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use saas_core::TenantId;
use saas_tenancy::{Options, Reason, TenantDb};
use saas_testkit as testkit;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqlitePoolOptions;
use sqlx::{Connection, Postgres, Row};

use super::{run, two_tenants};
use crate::audit::somebody;
use crate::fixture::{self, ACROSS, Customer};

/// Databases of one connection, directly and through PgBouncer.
async fn singles() -> [TenantDb<Postgres>; 2] {
    let one = || PgPoolOptions::new().max_connections(1);
    let direct = testkit::postgres("t_tenancy").await;
    fixture::prepared(&direct).await;
    let pooled = testkit::pgbouncer("t_tenancy").await;
    let options = Options::new().across_role(ACROSS);
    [
        fixture::over(one().connect_lazy_with(direct.app_options), options.clone()).await.db,
        fixture::over(one().connect_lazy_with(pooled.app_options), options.pooler_safe(true))
            .await
            .db,
    ]
}

/// The next borrower is the application's role, may write, has no tenant and sees nobody's rows.
async fn check_next_borrower(db: &TenantDb<Postgres>) {
    let mut conn = db.pool().acquire().await.unwrap();
    let mut tx = conn.begin().await.unwrap();
    let state = "select current_user = session_user, current_setting('transaction_read_only') = 'off',
                        nullif(current_setting('app.tenant_id', true), '') is null,
                        not exists (select from customers), pg_current_xact_id_if_assigned() is null";
    let rows = run::<Postgres>(&mut tx, state).await.unwrap();
    let state: Vec<bool> = (0..5).map(|at| rows[0].get(at)).collect();
    assert_eq!(state, [true; 5], "role, read-only, tenant, rows, transaction");
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn neither_role_nor_setting_is_left_after_commit_rollback_and_drop() {
    for db in singles().await {
        two_tenants(&db, &somebody()).await;
        for ending in 0..9 {
            let mut all = db.across_tenants(Reason::new("who", "why")).await.unwrap();
            assert!(all.select::<Customer>().exists(&mut all).await.unwrap());
            match ending % 3 {
                0 => all.commit().await.unwrap(),
                1 => all.rollback().await.unwrap(),
                _ => drop(all),
            }
            check_next_borrower(&db).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_role_nor_setting_is_left_after_an_abort_slow() {
    for db in singles().await {
        two_tenants(&db, &somebody()).await;
        let work = async || {
            let mut all = db.across_tenants(Reason::new("who", "why")).await?;
            all.select::<Customer>().exists(&mut all).await?;
            all.commit().await
        };
        work().await.unwrap();
        let begun = std::time::Instant::now();
        work().await.unwrap();
        let span = begun.elapsed().as_micros().max(500) as u64;
        let (mut random, mut aborted) = (StdRng::seed_from_u64(3), 0);
        for _ in 0..600 {
            let moment = Duration::from_micros(random.random_range(0..span * 5 / 4));
            match tokio::time::timeout(moment, work()).await {
                Ok(done) => done.unwrap(),
                Err(_) => aborted += 1,
            }
            check_next_borrower(&db).await;
        }
        assert!(aborted > 60, "only {aborted} of 600 were aborted");
    }
}

/// Drops the work when it would be polled once more: a file answers faster than a timer runs out.
async fn given_up_after<T>(polls: usize, work: impl Future<Output = T>) -> Option<T> {
    let (mut work, mut left) = (pin!(work), polls);
    poll_fn(|context| match left.checked_sub(1) {
        Some(less) => {
            left = less;
            work.as_mut().poll(context).map(Some)
        }
        None => Poll::Ready(None),
    })
    .await
}

/// Differs: on SQLite it is the connection that is read-only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_abort_the_only_connection_of_a_file_writes_again() {
    let fixture = fixture::sqlite().await;
    let options = (*fixture.db.pool().connect_options()).clone();
    let one = SqlitePoolOptions::new().max_connections(1);
    let db = TenantDb::connect(one.connect_lazy_with(options), fixture::registry()).await.unwrap();
    let mut random = StdRng::seed_from_u64(3);
    let (tenant, mut aborted) = (TenantId::new(), 0);
    for round in 0..300 {
        let work = async {
            let mut all = db.across_tenants(Reason::new("who", "why")).await?;
            all.select::<Customer>().exists(&mut all).await?;
            all.commit().await
        };
        match given_up_after(random.random_range(1..12), work).await {
            Some(done) => done.unwrap(),
            None => aborted += 1,
        }
        let mut tx = db.tenant(tenant).await.unwrap();
        tx.insert(&Customer::new(tenant, &format!("{round}@x"))).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(db.read(tenant).select::<Customer>().count().await.unwrap(), 300);
    assert!(aborted > 30, "only {aborted} of 300 were aborted");
}
