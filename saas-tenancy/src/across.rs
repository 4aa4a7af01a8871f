//! The named, logged and audited way across tenants.

mod reason;

use chrono::{DateTime, Utc};
use saas_core::Id;

use crate::audit::Audited;
use crate::{Error, Isolation, Result, TenantBackend, TenantDb, Tx};

pub use reason::Reason;

/// All tenants' rows, for reading.
///
/// A select reaches tenants' entities and global ones:
///
/// ```no_run
/// # use saas_core::{Entity, Id, TenantId};
/// # #[derive(Entity, sqlx::FromRow)]
/// # #[entity(table = "invoices", tenant)]
/// # struct Invoice { id: Id<Invoice>, tenant_id: TenantId }
/// # async fn example(db: saas_tenancy::TenantDb<sqlx::Postgres>) -> saas_tenancy::Result<()> {
/// use saas_tenancy::Reason;
///
/// let mut all = db.across_tenants(Reason::new("ops@example.com", "billing run")).await?;
/// let invoices = all.select::<Invoice>().count(&mut all).await?;
/// all.commit().await?;
/// # Ok(()) }
/// ```
///
/// Nothing is written; whoever writes does so as the tenant:
///
/// ```compile_fail,E0599
/// # use saas_core::{Entity, Id};
/// # #[derive(Entity, sqlx::FromRow)]
/// # #[entity(table = "invoices", tenant)]
/// # struct Invoice { id: Id<Invoice> }
/// async fn remove(mut all: saas_tenancy::AcrossTx<sqlx::Postgres>, id: Id<Invoice>) {
///     all.delete(id);
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Across;

/// A transaction across tenants, for reading: [`TenantDb::across_tenants`].
pub type AcrossTx<DB> = Tx<DB, Across>;

/// A crossing, as it is written down.
#[derive(Debug)]
pub struct Crossing {
    /// Of its entry.
    pub id: Id<Audited>,
    /// Who and why.
    pub reason: Reason,
    /// When.
    pub at: DateTime<Utc>,
}

impl<DB: TenantBackend> TenantDb<DB> {
    /// Opens a transaction that reads all tenants' rows, in one round trip, and writes down who did
    /// so and why: one entry in the audit table, in this very transaction, and one event of
    /// [`tracing`](https://docs.rs/tracing).
    ///
    /// [Commit](Tx::commit) it, though nothing was written: its entry is committed with it, and goes
    /// with it if it is dropped or rolled back. The event stays.
    ///
    /// On PostgreSQL the transaction steps into [`Options::across_role`](crate::Options::across_role)
    /// and is read-only from there. The role alone shows nothing: its policies ask for the entry of
    /// this transaction. On SQLite the connection is read-only until the transaction ends, and is
    /// closed if it was dropped instead of ended.
    ///
    /// While tenants move between models ([`Options::mixed_isolation`](crate::Options::mixed_isolation))
    /// only those are seen that share tables.
    ///
    /// # Errors
    /// [`Error::Unaccountable`] if actor or reason are empty, too long or no plain text;
    /// [`Error::NoCrossing`] where tenants do not share tables, or without a role to cross as; else
    /// as [`tenant`](Self::tenant).
    pub async fn across_tenants(&self, reason: Reason) -> Result<AcrossTx<DB>> {
        reason.check()?;
        if self.isolation() != Isolation::Row {
            let why = "each has tables of its own, so visit one after another";
            return Err(Error::NoCrossing { why });
        }
        let options = self.options();
        let crossing = Crossing { id: Id::new(), reason, at: options.clock.now() };
        let why = "no role was named for it by `Options::across_role`";
        let begin = DB::begin_across(&crossing, options).ok_or(Error::NoCrossing { why })?;
        let tx = Tx::begun(self.home(None).await?, begin, Across, options).await?;
        let Reason { actor, text } = &crossing.reason;
        tracing::info!(actor, reason = text, entry = %crossing.id, "crossing tenants");
        Ok(tx.followed_by(DB::AFTER_CROSSING))
    }
}
