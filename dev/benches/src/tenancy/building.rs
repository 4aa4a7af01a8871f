//! What the library itself takes for a statement, before the database has a part in it.

use std::future::poll_fn;
use std::hint::black_box;
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use chrono::Utc;
use saas_core::sql::Fragment;
use saas_core::{Id, TenantId};
use saas_tenancy::{Direction, Error, Registry, TenantBackend, TenantDb, TenantTx};
use sqlx::{Postgres, QueryBuilder};

use super::Invoice;
use super::bulk::invoice;
use super::table::Key;
use crate::database::Database;
use crate::measure::{Turns, among};
use crate::{Result, Size};

/// What it is to stay under, in nanoseconds.
const BAR: f64 = 5000.0;
const CALLS: usize = 200;

pub(super) async fn run(database: &Database, size: Size, keys: &[Key]) -> Result<()> {
    let pool = database.app(1).await?;
    let db = TenantDb::connect(pool, Registry::new().register::<Invoice>()).await?;
    selects(&db, size, keys[0]).await?;
    writes(&db, size, keys[0].0).await
}

/// A select is a value and writes its text without a database.
async fn selects(db: &TenantDb<Postgres>, size: Size, (tenant, id): Key) -> Result<()> {
    let read = db.read(tenant);
    let by_id = || {
        let invoice = read.select::<Invoice>().by_id(id);
        built(tenant, &invoice)
    };
    let list = || {
        let open = read.select::<Invoice>().filter(Invoice::STATUS.eq("draft"));
        let before = open.filter(Invoice::ID.lt(id));
        built(tenant, &before.order_by(Invoice::ID, Direction::Desc).limit(20))
    };
    let [by_id, list] = among(size.pick(501, 101), async |who, _| {
        Ok(if who == 0 { nanos(by_id) } else { nanos(list) })
    })
    .await?;
    report(by_id, "read_by_id")?;
    report(list, "list_of_20_by_two_filters")
}

/// A write is built and sent in one breath: measured is the time until it waits for the answer, less
/// that of a statement that has no values and is kept as text. So what sqlx needs to encode the values
/// is counted as well.
async fn writes(db: &TenantDb<Postgres>, size: Size, tenant: TenantId) -> Result<()> {
    let mut tx = db.tenant(tenant).await?;
    let [inserts, updates, least] = among(size.pick(201, 51), async |who, round| {
        let mut all = Vec::with_capacity(CALLS);
        for call in 0..CALLS {
            all.push(match who {
                0 => {
                    let row = invoice(tenant, round * CALLS + call, Utc::now());
                    until_sent(tx.insert(&row)).await?
                }
                1 => until_sent(update(&mut tx)).await?,
                _ => until_sent(sqlx::query("select 1").execute(tx.raw())).await?,
            });
        }
        // Of each round the middle one: sending wakes the server, which now and then takes over.
        all.sort_unstable_by(f64::total_cmp);
        Ok(all[CALLS / 2])
    })
    .await?;
    tx.rollback().await?;
    let beyond = |all: Vec<f64>| all.iter().zip(&least).map(|(all, least)| all - least).collect();
    report(beyond(inserts), "insert")?;
    report(beyond(updates), "update")
}

/// Of a row that is not there, so that the server has little to do that would disturb the next one.
async fn update(tx: &mut TenantTx<Postgres>) -> saas_tenancy::Result<()> {
    let update = tx.update(Id::new()).set(Invoice::STATUS, "sent").set(Invoice::TOTAL_MINOR, 200);
    match update.await {
        Err(Error::NotFound { .. }) => Ok(()),
        done => done.map(drop),
    }
}

/// With the part that sets the tenant.
fn built(tenant: TenantId, rows: &dyn Fragment<Postgres>) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("");
    Postgres::push_read(&mut query, tenant, rows);
    query
}

fn nanos<T>(work: impl Fn() -> T) -> f64 {
    let begun = Instant::now();
    for _ in 0..CALLS {
        black_box(work());
    }
    begun.elapsed().as_secs_f64() * 1e9 / CALLS as f64
}

/// Nanoseconds until `work` waits for the first time; then lets it finish.
async fn until_sent<T, E>(work: impl Future<Output = std::result::Result<T, E>>) -> Result<f64>
where
    E: std::error::Error + Send + Sync + 'static,
{
    let mut work = pin!(work);
    let begun = Instant::now();
    let first = poll_fn(|context| Poll::Ready(work.as_mut().poll(context))).await;
    let nanos = begun.elapsed().as_secs_f64() * 1e9;
    match first {
        Poll::Ready(done) => done?,
        Poll::Pending => work.await?,
    };
    Ok(nanos)
}

fn report(nanos: Vec<f64>, metric: &str) -> Result<()> {
    let bar = vec![BAR; nanos.len()];
    Turns::new(nanos, bar).report("tenancy/building", metric, "ns")
}
