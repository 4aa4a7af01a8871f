//! How many bytes a record takes in each store, of a million done ones, against what is in it.

use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use saas_idempotency::{MemoryStore, Outcome, RedisStore, Reply, Store, migrate, testing};
use sqlx::{Sqlite, SqlitePool};

use crate::database::Database;
use crate::measure::Turns;
use crate::{Result, Size};

/// Tenant, digest, fingerprint, token, two moments, attempt and status; the reply comes to that.
const FIXED: usize = 16 + 32 + 33 + 16 + 2 * 8 + 4 + 2;

pub(super) async fn run(database: &Database, size: Size) -> Result<()> {
    let records = size.pick(1_000_000, 100_000);
    let reply = Reply::json(201, &"x".repeat(100))?
        .header("location", "/invoices/0197a1b2-0000-7000-8000-000000000001");
    let fixed = (FIXED + reply.encode().len()) as f64;
    let told = |store: &str, bytes: f64| {
        Turns::new(vec![bytes / f64::from(records)], vec![fixed]).report(
            "idempotency/bytes_per_record",
            store,
            &format!("B of {records}"),
        )
    };
    told("postgres", postgres(database, records, &reply).await?)?;
    told("sqlite", sqlite(records, &reply).await?)?;
    told("memory", memory(records, &reply).await?)?;
    match std::env::var("TEST_REDIS_URL") {
        Ok(url) => told("redis", redis(&url, records, &reply).await?),
        Err(_) => {
            eprintln!("idempotency: no Redis, so its memory is not measured");
            Ok(())
        }
    }
}

const POSTGRES: &str = "
    insert into saas.idempotency_keys
        (tenant_id, key, fingerprint, token, attempt, lease_until, expires_at, status, reply)
    select md5((n % 1000)::text)::uuid, sha256(n::text::bytea), '\\x01' || sha256(n::text::bytea),
        gen_random_uuid(), 1, now() + n * interval '1 ms', now() + n * interval '1 ms', 201, $1
    from generate_series(1, $2) n";

async fn postgres(database: &Database, records: i32, reply: &Reply) -> Result<f64> {
    database.set_up("truncate saas.idempotency_keys").await?;
    let fill = sqlx::query(POSTGRES).bind(reply.encode()).bind(records);
    fill.execute(&database.owner).await?;
    let size = "select pg_total_relation_size('saas.idempotency_keys')::float8";
    Ok(sqlx::query_scalar(size).fetch_one(&database.owner).await?)
}

const SQLITE: &str = "
    with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < ?2)
    insert into saas_idempotency_keys
        (tenant_id, key, fingerprint, token, attempt, lease_until, expires_at, status, reply)
    select randomblob(16), randomblob(32), randomblob(33), randomblob(16), 1,
        1760000000000000 + n * 1000, 1760000000000000 + n * 1000, 201, ?1
    from numbers";

async fn sqlite(records: i32, reply: &Reply) -> Result<f64> {
    let file = saas_testkit::sqlite().await;
    let pool: &SqlitePool = &file.pool;
    migrate::<Sqlite>(&mut *pool.acquire().await?).await?;
    sqlx::query(SQLITE).bind(reply.encode()).bind(records).execute(pool).await?;
    sqlx::raw_sql("pragma wal_checkpoint(truncate)").execute(pool).await?;
    Ok(std::fs::metadata(&file.path)?.len() as f64)
}

async fn memory(records: i32, reply: &Reply) -> Result<f64> {
    let before = resident()?;
    let store = MemoryStore::new().max_records(usize::MAX).max_bytes(usize::MAX);
    fill(&store, records, reply).await?;
    let after = resident()?;
    if store.len() == usize::try_from(records)? { Ok(after - before) } else { Err("lost".into()) }
}

async fn redis(url: &str, records: i32, reply: &Reply) -> Result<f64> {
    // Filling it keeps it busy for longer than an application would wait.
    let patient = AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(60)));
    let client = redis::Client::open(url)?;
    let mut conn = client.get_multiplexed_async_connection_with_config(&patient).await?;
    let before = used(&mut conn).await?;
    fill(&RedisStore::new(conn.clone()).prefix("bench"), records, reply).await?;
    let after = used(&mut conn).await?;
    redis::cmd("FLUSHDB").exec_async(&mut conn).await?;
    Ok(after - before)
}

async fn fill(store: &impl Store, records: i32, reply: &Reply) -> Result<()> {
    let outcome = &Outcome::Reply(reply.clone());
    stream::iter(0..records)
        .map(|_| async move { store.record(&testing::attempt(), outcome).await.map(drop) })
        .buffer_unordered(64)
        .try_collect::<()>()
        .await?;
    Ok(())
}

/// What the server's allocator counts, in bytes.
async fn used(conn: &mut MultiplexedConnection) -> Result<f64> {
    let info: String = redis::cmd("INFO").arg("memory").query_async(conn).await?;
    let line = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(line.ok_or("Redis does not tell its memory")?.trim().parse()?)
}

/// What this process has of the machine's memory, in bytes.
fn resident() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
    Ok(kilobytes.parse::<f64>()? * 1024.0)
}
