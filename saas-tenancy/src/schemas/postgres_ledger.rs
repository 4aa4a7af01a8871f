//! The ledger `saas.schemas`. Every statement runs in the caller's transaction.

use chrono::{DateTime, Utc};
use saas_core::TenantId;
use saas_core::sql::{Backend, Statements};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, QueryBuilder, Row};
use uuid::Uuid;

use super::Failure;
use super::steps::Standing;

type Result<T> = std::result::Result<T, sqlx::Error>;

/// A tenant's row.
pub(super) struct Entry {
    pub(super) tenant: TenantId,
    pub(super) name: String,
    pub(super) standing: Standing,
}

/// Which rows a run takes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    /// Those below this version
    pub(super) below: i64,
    /// that have not failed since then.
    pub(super) since: DateTime<Utc>,
}

const ENTRY: &str = "select tenant_id, name, version, checksum from saas.schemas where ";

impl Entry {
    fn read(row: &PgRow) -> Result<Self> {
        let tenant: Uuid = row.try_get(0)?;
        Ok(Self {
            tenant: TenantId::from_uuid(tenant),
            name: row.try_get(1)?,
            standing: Standing { version: row.try_get(2)?, checksum: row.try_get(3)? },
        })
    }
}

impl Wanted {
    fn push_to(self, query: &mut QueryBuilder<Postgres>) {
        query.push("version < ").push_bind(self.below);
        query.push(" and not (state = 'failed' and at >= ").push_bind(self.since).push(")");
    }
}

/// The server's time, since it is the server that says when a row failed.
pub(super) async fn now(conn: &mut PgConnection) -> Result<DateTime<Utc>> {
    one(conn, QueryBuilder::new("select clock_timestamp()")).await?.try_get(0)
}

/// One schema for each history that there is among them.
pub(super) async fn histories(conn: &mut PgConnection) -> Result<Vec<Entry>> {
    let distinct = "select distinct on (version, checksum) tenant_id, name, version, checksum \
                    from saas.schemas order by version, checksum, name";
    let rows = all(conn, QueryBuilder::new(distinct)).await?;
    rows.iter().map(Entry::read).collect()
}

/// How many rows are wanted.
pub(super) async fn count(conn: &mut PgConnection, wanted: Wanted) -> Result<u64> {
    let mut query = QueryBuilder::new("select count(*) from saas.schemas where ");
    wanted.push_to(&mut query);
    let count: i64 = one(conn, query).await?.try_get(0)?;
    Ok(count.unsigned_abs())
}

/// Takes a wanted row that nobody holds, until the transaction ends; or, waiting, one that somebody
/// held and left.
pub(super) async fn claim(
    conn: &mut PgConnection,
    wanted: Wanted,
    waiting: bool,
) -> Result<Option<Entry>> {
    let mut query = QueryBuilder::new(ENTRY);
    wanted.push_to(&mut query);
    query.push(" order by version, tenant_id limit 1 for update");
    query.push(if waiting { "" } else { " skip locked" });
    let row = Postgres::fetch_optional(conn, query, Statements::Unnamed).await?;
    row.as_ref().map(Entry::read).transpose()
}

/// Writes the tenant down; whether it was not there before.
pub(super) async fn enrol(conn: &mut PgConnection, tenant: TenantId, name: &str) -> Result<bool> {
    let mut query = QueryBuilder::new("insert into saas.schemas (tenant_id, name) values (");
    query.push_bind(tenant.uuid()).push(", ").push_bind(name.to_owned());
    query.push(") on conflict (tenant_id) do nothing");
    Ok(Postgres::execute(conn, query, Statements::Unnamed).await? == 1)
}

/// Takes the tenant's row, waiting for who holds it.
pub(super) async fn lock(conn: &mut PgConnection, tenant: TenantId) -> Result<Option<Entry>> {
    let mut query = QueryBuilder::new(ENTRY);
    query.push("tenant_id = ").push_bind(tenant.uuid()).push(" for update");
    let row = Postgres::fetch_optional(conn, query, Statements::Unnamed).await?;
    row.as_ref().map(Entry::read).transpose()
}

/// Writes down how far the tenant has come.
pub(super) async fn finish(
    conn: &mut PgConnection,
    tenant: TenantId,
    reached: &Standing,
) -> Result<()> {
    let mut query = QueryBuilder::new("update saas.schemas set version = ");
    query.push_bind(reached.version).push(", checksum = ").push_bind(reached.checksum.clone());
    query.push(
        ", state = 'ready', error = null, attempts = attempts + 1, at = now() where tenant_id = ",
    );
    query.push_bind(tenant.uuid());
    Postgres::execute(conn, query, Statements::Unnamed).await.map(drop)
}

/// Writes down why the tenant came no further, unless somebody else has brought it on meanwhile.
pub(super) async fn fail(conn: &mut PgConnection, entry: &Entry, error: &str) -> Result<()> {
    let mut query = QueryBuilder::new("update saas.schemas set state = 'failed', error = ");
    query.push_bind(error.to_owned());
    query.push(", attempts = attempts + 1, at = now() where tenant_id = ");
    query.push_bind(entry.tenant.uuid()).push(" and version = ").push_bind(entry.standing.version);
    Postgres::execute(conn, query, Statements::Unnamed).await.map(drop)
}

/// Who failed since then.
pub(super) async fn failures(
    conn: &mut PgConnection,
    since: DateTime<Utc>,
) -> Result<Vec<Failure>> {
    let mut query = QueryBuilder::new(
        "select tenant_id, name, coalesce(error, '') from saas.schemas \
         where state = 'failed' and at >= ",
    );
    query.push_bind(since).push(" order by name");
    let rows = all(conn, query).await?;
    let failure = |row: &PgRow| {
        let tenant: Uuid = row.try_get(0)?;
        let tenant = TenantId::from_uuid(tenant);
        Ok(Failure { tenant, place: row.try_get(1)?, error: row.try_get(2)? })
    };
    rows.iter().map(failure).collect()
}

/// Forgets the tenant.
pub(super) async fn strike(conn: &mut PgConnection, tenant: TenantId) -> Result<()> {
    let mut query = QueryBuilder::new("delete from saas.schemas where tenant_id = ");
    query.push_bind(tenant.uuid());
    Postgres::execute(conn, query, Statements::Unnamed).await.map(drop)
}

async fn all(conn: &mut PgConnection, query: QueryBuilder<Postgres>) -> Result<Vec<PgRow>> {
    Postgres::fetch_all(conn, query, Statements::Unnamed).await
}

async fn one(conn: &mut PgConnection, query: QueryBuilder<Postgres>) -> Result<PgRow> {
    let row = Postgres::fetch_optional(conn, query, Statements::Unnamed).await?;
    row.ok_or(sqlx::Error::RowNotFound)
}
