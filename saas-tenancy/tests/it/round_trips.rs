//! How often the database is waited for, counted by a proxy in between.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use saas_core::TenantId;
use saas_tenancy::{Options, TenantDb};
use saas_testkit as testkit;
use sqlx::Postgres;
use sqlx::postgres::PgPoolOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{self, Customer};
use crate::homes;

/// Passes on what is said, and counts how often the client speaks again after an answer.
#[derive(Clone, Default)]
struct Proxy {
    trips: Arc<AtomicUsize>,
    answered: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens at the port that it returns.
    async fn before(&self, host: String, port: u16) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let proxy = self.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let (asking, answering) = (proxy.clone(), proxy.clone());
                tokio::spawn(pass(from_client, to_server, move || asking.asked()));
                tokio::spawn(pass(from_server, to_client, move || {
                    answering.answered.store(true, Ordering::SeqCst);
                }));
            }
        });
        own
    }

    fn asked(&self) {
        if self.answered.swap(false, Ordering::SeqCst) {
            self.trips.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// How often `work`, which borrows the connection once, waits for the database. Its first time is
    /// not counted, when statements are prepared.
    async fn trips<T>(
        &self,
        db: &TenantDb<Postgres>,
        mut work: impl AsyncFnMut() -> saas_tenancy::Result<T>,
    ) -> usize {
        work().await.unwrap();
        let before = self.settled(db).await;
        work().await.unwrap();
        // sqlx pings a connection that is given back, which nobody waits for: the one of `settled`,
        // then the one of `work`.
        self.settled(db).await - before - 2
    }

    /// How often so far, when nothing is under way on the connection.
    async fn settled(&self, db: &TenantDb<Postgres>) -> usize {
        let _conn = db.pool().acquire().await.unwrap();
        self.trips.load(Ordering::SeqCst)
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut seen: impl FnMut(),
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        // Before it is passed on, since what it leads to comes back at once.
        seen();
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// One connection through a proxy. It is not pinged when it is borrowed, which would be a trip more.
async fn proxied(pg: &testkit::Postgres, options: Options) -> (Proxy, TenantDb<Postgres>) {
    let (host, port) = (pg.app_options.get_host().to_owned(), pg.app_options.get_port());
    let proxy = Proxy::default();
    let port = proxy.before(host, port).await;
    let through = pg.app_options.clone().host("127.0.0.1").port(port);
    let pool = PgPoolOptions::new()
        .max_connections(1)
        .test_before_acquire(false)
        .connect_lazy_with(through);
    let db = TenantDb::connect_with(pool, fixture::registry(), options).await.unwrap();
    (proxy, db)
}

async fn direct() -> (Proxy, TenantDb<Postgres>) {
    let pg = testkit::postgres("t_tenancy").await;
    fixture::prepared(&pg).await;
    proxied(&pg, Options::new()).await
}

#[tokio::test]
async fn a_single_read_is_one_round_trip() {
    let (proxy, db) = direct().await;
    let read = db.read(TenantId::new());
    assert_eq!(proxy.trips(&db, async || read.select::<Customer>().optional().await).await, 1);
    assert_eq!(proxy.trips(&db, async || read.select::<Customer>().limit(20).all().await).await, 1);
    assert_eq!(proxy.trips(&db, async || read.select::<Customer>().count().await).await, 1);
}

#[tokio::test]
async fn opening_committing_and_each_statement_are_one_round_trip() {
    let (proxy, db) = direct().await;
    let tenant = TenantId::new();
    let empty = proxy.trips(&db, async || db.tenant(tenant).await?.commit().await);
    assert_eq!(empty.await, 2);
    let lent = proxy.trips(&db, async || {
        let mut tx = db.tenant(tenant).await?;
        sqlx::query("select 1").execute(tx.raw()).await?;
        tx.commit().await
    });
    assert_eq!(lent.await, 3);
    let written = proxy.trips(&db, async || {
        let customer = Customer::new(tenant, &TenantId::new().to_string());
        let mut tx = db.tenant(tenant).await?;
        tx.insert(&customer).await?;
        let found = tx.select::<Customer>().by_id(customer.id).one(&mut tx).await?;
        tx.update(found.id).set(Customer::EMAIL, TenantId::new().to_string()).await?;
        tx.commit().await
    });
    assert_eq!(written.await, 5);
}

/// What was dropped is rolled back with the next message, not by one of its own.
#[tokio::test]
async fn a_dropped_transaction_costs_its_opening() {
    let (proxy, db) = direct().await;
    let tenant = TenantId::new();
    let dropped = proxy.trips(&db, async || db.tenant(tenant).await.map(drop)).await;
    assert_eq!(dropped, 1);
}

#[tokio::test]
async fn a_thousand_rows_are_inserted_in_one_round_trip() {
    let (proxy, db) = direct().await;
    let inserted = proxy.trips(&db, async || {
        let tenant = TenantId::new();
        let row = |number: usize| Customer::new(tenant, &number.to_string());
        let rows: Vec<_> = (0..1000).map(row).collect();
        let mut tx = db.tenant(tenant).await?;
        tx.insert_all(&rows).await?;
        tx.rollback().await
    });
    assert_eq!(inserted.await, 3);
}

#[tokio::test]
async fn in_pooler_safe_mode_a_single_read_is_a_transaction() {
    let pg = testkit::postgres("t_tenancy").await;
    fixture::prepared(&pg).await;
    let (proxy, db) = proxied(&pg, Options::new().pooler_safe(true)).await;
    let read = db.read(TenantId::new());
    let trips = proxy.trips(&db, async || read.select::<Customer>().optional().await).await;
    // Opened, parsed, run, committed: sqlx waits for an unnamed statement to be parsed.
    assert_eq!(trips, 4);
}

#[tokio::test]
async fn a_transaction_in_a_tenants_schema_is_opened_in_one_round_trip() {
    let pg = testkit::postgres(homes::SCHEMAS).await;
    homes::prepared(&pg).await;
    let (tenant, (proxy, db)) = (homes::provisioned().await, proxied(&pg, homes::options()).await);
    let empty = proxy.trips(&db, async || db.tenant(tenant).await?.commit().await);
    assert_eq!(empty.await, 2);
}
