//! The table that is paged through, the same in both databases.

use super::TENANT;
use crate::database::Database;
use crate::{Result, Size};

/// How many rows there are, and where what is measured lies among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    /// Where a deep page begins.
    pub(super) depth: u32,
}

impl Rows {
    pub(super) fn of(size: Size) -> Self {
        Self { depth: size.pick(1_000_000, 100_000) }
    }

    pub(super) fn all(self) -> u32 {
        self.depth + self.depth / 10
    }

    /// How many have no due date.
    pub(super) fn nulls(self) -> u32 {
        self.all() / 22
    }

    /// How many have one, more than `depth`.
    pub(super) fn values(self) -> u32 {
        self.all() - self.nulls()
    }
}

/// Every sort has its index. Times tie by three, totals by a thousandth of the rows, and a batch is
/// a fifth of them.
const INDEXES: &str = "
    create index entries_by_time on entries (tenant_id, created_at, id);
    create index entries_by_date on entries (tenant_id, due_on, id);
    create index entries_mixed on entries (tenant_id, total desc, created_at, id);
    create index entries_tied on entries (tenant_id, batch desc, created_at, id);";

pub(super) async fn postgres(rows: Rows) -> Result<Database> {
    let all = rows.all();
    eprintln!("pagination: {all} rows of one tenant in PostgreSQL");
    let database = Database::fresh().await;
    database
        .set_up(format!(
            "create table entries (
                tenant_id uuid not null, id uuid not null, created_at timestamptz not null,
                due_on date, total bigint not null, batch bigint not null,
                primary key (tenant_id, id)
            );
            insert into entries
            select '{TENANT}', md5(n::text)::uuid, timestamptz '2026-01-01' + n / 3 * interval '1 second',
                case when n % 22 > 0 then date '2026-01-01' + n % 400 end, n % 1000, n % 5
            from generate_series(1, {all}) n;
            {INDEXES}
            grant select on entries to \"{}\";",
            database.role
        ))
        .await?;
    database.set_up("vacuum analyze entries").await?;
    Ok(database)
}

/// The script for SQLite, which keeps what sqlx binds: identifiers as blobs, times as text.
pub(super) fn sqlite(rows: Rows) -> String {
    let all = rows.all();
    eprintln!("pagination: {all} rows of one tenant in a SQLite file");
    let tenant = TENANT.simple();
    format!(
        "create table entries (
            tenant_id blob not null, id blob not null, created_at text not null, due_on text,
            total integer not null, batch integer not null, primary key (tenant_id, id)
        );
        with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < {all})
        insert into entries
        select x'{tenant}', randomblob(16),
            strftime('%Y-%m-%dT%H:%M:%S+00:00', 1767225600 + n / 3, 'unixepoch'),
            case when n % 22 > 0 then date('2026-01-01', (n % 400) || ' days') end, n % 1000, n % 5
        from numbers;
        {INDEXES}"
    )
}
