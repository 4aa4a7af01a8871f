//! How fast a tenant is exported, and how much memory it takes for ten times as many rows: each
//! export in a process of its own, since the peak is the process's.

use std::process::Command;
use std::time::Instant;

use futures_util::TryStreamExt;
use saas_core::TenantId;
use saas_core::schema::{self, Dialect};
use saas_tenancy::transfer::Transfer;
use saas_tenancy::{Registry, TenantDb, wall};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres};

use super::Invoice;
use crate::database::Database;
use crate::measure::Turns;
use crate::{Result, Size};

const ROWS: &str = "
    insert into invoices (tenant_id, id, number, status, total_minor, note, version, created_at, updated_at)
    select md5('tenant ' || (n > :few)::text)::uuid, md5(n::text)::uuid,
        'INV-' || n, 'draft', n % 100000, case when n % 2 = 0 then 'a note on invoice ' || n end, 1,
        timestamptz '2026-01-01', timestamptz '2026-01-01'
    from generate_series(1, :few + :many) n";

/// What one export came to.
#[derive(Debug, Serialize, Deserialize)]
struct Exported {
    rows: u64,
    bytes: u64,
    seconds: f64,
    /// The most that was in memory at once, in KiB.
    peak: f64,
}

/// Says to the process of one export where its tenant is.
const CHILD: &str = "BENCH_EXPORT";

pub(super) async fn run(size: Size) -> Result<()> {
    if let Ok(child) = std::env::var(CHILD) {
        let (url, tenant) = child.split_once('|').unwrap_or_default();
        return process(url, tenant.parse()?).await;
    }
    let (few, many) = size.pick((100_000, 1_000_000), (10_000, 100_000));
    let database = Database::fresh().await;
    saas_tenancy::migrate::<Postgres>(&mut *database.owner.acquire().await?).await?;
    saas_tenancy::grant(&mut *database.owner.acquire().await?, &database.role).await?;
    database.set_up(wall::Roles::new(&database.role).create()).await?;
    database.set_up(schema::table::<Invoice>(Dialect::Postgres)).await?;
    let rows = ROWS.replace(":few", &few.to_string()).replace(":many", &many.to_string());
    database.set_up(rows).await?;
    database.set_up(wall::postgres::<Invoice>(&database.role)).await?;
    database.set_up("vacuum analyze invoices").await?;
    let tenant = "select md5('tenant ' || $1::boolean::text)::uuid";
    let mut told = Vec::new();
    for (last, rows) in [(false, few), (true, many)] {
        let (tenant,): (TenantId,) =
            sqlx::query_as(tenant).bind(last).fetch_one(&database.owner).await?;
        let run = Command::new(std::env::current_exe()?)
            .arg("export")
            .env(CHILD, format!("{}|{tenant}", database.url()))
            .output()?;
        let exported: Exported = serde_json::from_slice(&run.stdout)
            .map_err(|error| format!("{error}: {}", String::from_utf8_lossy(&run.stderr)))?;
        assert_eq!(exported.rows, rows, "every row is exported");
        eprintln!(
            "tenancy/export: {rows} rows, {} MiB of lines in {:.1} s, {:.0} rows/s, peak {:.1} MiB",
            exported.bytes >> 20,
            exported.seconds,
            rows as f64 / exported.seconds,
            exported.peak / 1024.0,
        );
        told.push(exported);
    }
    let [few, many] = &told[..] else { return Err("two exports".into()) };
    let rate = |one: &Exported| vec![one.rows as f64 / one.seconds];
    Turns::new(rate(many), rate(few)).report("tenancy/export", "rows_per_second", "rows/s")?;
    let peak = |one: &Exported| vec![one.peak / 1024.0];
    Turns::new(peak(many), peak(few)).report("tenancy/export", "peak_memory", "MiB")?;
    database.remove().await
}

/// Prints what one export came to.
async fn process(url: &str, tenant: TenantId) -> Result<()> {
    let pool = PgPool::connect(url).await?;
    let registry = Registry::new().register::<Invoice>();
    let db = TenantDb::connect(pool, registry.clone()).await?;
    let begun = Instant::now();
    let mut lines = Transfer::new(&db, &registry)?.export(tenant);
    let (mut count, mut bytes) = (0, 0);
    while let Some(line) = lines.try_next().await? {
        count += 1;
        bytes += line.len() as u64 + 1;
    }
    let seconds = begun.elapsed().as_secs_f64();
    // Without the first line and the last.
    let exported = Exported { rows: count - 2, bytes, seconds, peak: peak()? };
    Ok(serde_json::to_writer(std::io::stdout(), &exported)?)
}

/// As Linux counts it.
fn peak() -> Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}
