use chrono::{DateTime, Utc};
use saas_core::schema::Dialect;
use saas_core::sql::Binds;
use saas_core::{Entity, Id, TenantId};
use serde_json::Value;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::json::{Bounds, DEPTH, within};
use super::text::plain;
use crate::{Result, TenantBackend, Tx, Writing};

/// As much JSON as one entry tells.
const CHANGE: Bounds = Bounds { bytes: 64 * 1024, depth: DEPTH };

/// What somebody did, to be written down.
///
/// ```
/// # use saas_core::{Entity, Id};
/// # #[derive(Entity)]
/// # #[entity(table = "invoices", tenant)]
/// # struct Invoice { id: Id<Invoice> }
/// use saas_tenancy::AuditEntry;
/// # let id = Id::<Invoice>::new();
/// let entry = AuditEntry::new("mia@example.com", "invoice.sent")
///     .on(id)
///     .change(serde_json::json!({ "status": ["draft", "sent"] }));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    actor: String,
    action: String,
    on: Option<(&'static str, Uuid)>,
    change: Option<Value>,
}

impl AuditEntry {
    /// This actor, a user or a process, up to 200 characters, did this, up to 100.
    pub fn new(actor: impl Into<String>, action: impl Into<String>) -> Self {
        Self { actor: actor.into(), action: action.into(), on: None, change: None }
    }

    /// To this row.
    #[must_use]
    pub fn on<E: Entity>(mut self, id: Id<E>) -> Self {
        self.on = Some((E::TABLE, id.uuid()));
        self
    }

    /// To a row of a table of this crate's own.
    pub(crate) fn on_row(mut self, table: &'static str, id: Uuid) -> Self {
        self.on = Some((table, id));
        self
    }

    /// What is otherwise since then, in up to 64 KiB of JSON with its numbers written out, a hundred
    /// levels deep and without NUL characters. It outlives the row: put no secrets into it.
    #[must_use]
    pub fn change(mut self, change: Value) -> Self {
        self.change = Some(change);
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        plain("actor", &self.actor, 200)?;
        plain("action", &self.action, 100)?;
        self.change.as_ref().map_or(Ok(()), |change| within("change", change, CHANGE))
    }

    fn push_to<DB: TenantBackend>(
        &self,
        query: &mut QueryBuilder<DB>,
        tenant: Option<Uuid>,
        at: DateTime<Utc>,
    ) {
        query.push(match DB::DIALECT {
            Dialect::Postgres => "insert into saas.audit",
            Dialect::Sqlite => "insert into saas_audit",
        });
        query.push(" (tenant_id, id, actor, action, entity, entity_id, change, at) values (");
        <DB as Binds<Option<Uuid>>>::push_bind(query, &tenant);
        query.push(", ");
        <DB as Binds<Uuid>>::push_bind(query, &Id::<Self>::new().uuid());
        query.push(", ");
        <DB as Binds<String>>::push_bind(query, &self.actor);
        query.push(", ");
        <DB as Binds<String>>::push_bind(query, &self.action);
        query.push(", ");
        let entity = self.on.map(|(table, _)| table.to_owned());
        <DB as Binds<Option<String>>>::push_bind(query, &entity);
        query.push(", ");
        <DB as Binds<Option<Uuid>>>::push_bind(query, &self.on.map(|(_, id)| id));
        query.push(", ");
        <DB as Binds<Option<Value>>>::push_bind(query, &self.change);
        query.push(", ");
        <DB as Binds<DateTime<Utc>>>::push_bind(query, &at);
        query.push(")");
    }
}

impl<DB: TenantBackend, S: Writing> Tx<DB, S> {
    /// Writes down what somebody did, together with what this transaction does: both are committed,
    /// or neither.
    ///
    /// As a tenant the entry is that tenant's; in a global transaction it is nobody's. The
    /// application's role cannot change or remove it afterwards, and on SQLite triggers keep it.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant)]
    /// # struct Invoice { id: Id<Invoice>, status: String }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>, id: Id<Invoice>)
    /// # -> saas_tenancy::Result<()> {
    /// use saas_tenancy::AuditEntry;
    ///
    /// tx.update(id).set(Invoice::STATUS, "sent").await?;
    /// tx.audit(AuditEntry::new("mia@example.com", "invoice.sent").on(id)).await?;
    /// tx.commit().await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::Unaccountable`](crate::Error::Unaccountable) if actor or action are empty, too long
    /// or no plain text; [`Error::TooLarge`](crate::Error::TooLarge) or
    /// [`Error::Unstorable`](crate::Error::Unstorable) if the change is.
    pub async fn audit(&mut self, entry: AuditEntry) -> Result<()> {
        entry.check()?;
        let tenant = self.scope().tenant().map(TenantId::uuid);
        let mut query = QueryBuilder::new("");
        entry.push_to(&mut query, tenant, self.clock().now());
        let statements = self.statements();
        self.execute(query, statements).await?;
        Ok(())
    }
}
