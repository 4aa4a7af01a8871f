use chrono::{DateTime, Utc};
use saas_core::{Kind, TenantId};

use super::State;
use crate::transfer::Cell;
use crate::{Result, TenantBackend};

/// A tenant that is to be.
///
/// ```
/// use saas_core::TenantId;
/// use saas_tenancy::tenants::NewTenant;
/// let new = NewTenant::new(TenantId::new(), "acme").domain("billing.acme.com");
/// ```
#[derive(Debug, Clone)]
pub struct NewTenant {
    pub(super) id: TenantId,
    pub(super) slug: String,
    pub(super) domains: Vec<String>,
}

impl NewTenant {
    /// With this short name: a label of a host name, case being ignored.
    pub fn new(id: TenantId, slug: impl Into<String>) -> Self {
        Self { id, slug: slug.into(), domains: Vec::new() }
    }

    /// With this host name of its own, one of any number.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domains.push(domain.into());
        self
    }
}

/// A tenant as the table has it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// Its id.
    pub id: TenantId,
    /// Its short name; none once it is purged.
    pub slug: Option<String>,
    /// Where it stands.
    pub state: State,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Why, as who brought it there has said.
    pub reason: String,
    /// One more with each change of its state.
    pub version: i64,
}

/// What [`read`] reads.
pub(super) const COLUMNS: &str = "id, slug, state, since, purge_after, reason, version";

pub(super) fn read<DB: TenantBackend>(row: &DB::Row) -> Result<Record> {
    let cell = |at, kind| DB::cell(row, at, kind);
    let text = |at| Ok::<_, sqlx::Error>(cell(at, Kind::Text)?.and_then(Cell::text));
    let moment = |at| Ok::<_, sqlx::Error>(cell(at, Kind::Timestamp)?.and_then(Cell::timestamp));
    let missing = || sqlx::Error::Decode("a tenant's row is not complete".into());
    let state = State::read(&text(2)?.ok_or_else(missing)?, moment(4)?);
    Ok(Record {
        id: cell(0, Kind::Uuid)?
            .and_then(Cell::uuid)
            .map(TenantId::from_uuid)
            .ok_or_else(missing)?,
        slug: text(1)?,
        state: state.ok_or_else(missing)?,
        since: moment(3)?.ok_or_else(missing)?,
        reason: text(5)?.ok_or_else(missing)?,
        version: cell(6, Kind::BigInt)?.and_then(Cell::int).ok_or_else(missing)?,
    })
}
