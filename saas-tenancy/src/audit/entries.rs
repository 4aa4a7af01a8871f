use std::fmt;

use chrono::{DateTime, Utc};
use saas_core::schema::Dialect;
use saas_core::sql::{Binds, Fragment, Statements};
use saas_core::{Entity, Id, TenantId};
use serde_json::Value;
use sqlx::{ColumnIndex, Decode, FromRow, QueryBuilder, Row, Type};
use uuid::Uuid;

use crate::statement::{InTx, read_all};
use crate::{Error, Read, Result, Scope, TenantBackend, Tx};

/// An entry as the audit table holds it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Audited {
    /// Its own id; later ones are greater.
    pub id: Id<Audited>,
    /// As which tenant it was done; `None` for what was done as none, a crossing for instance.
    pub tenant_id: Option<TenantId>,
    /// Who did it.
    pub actor: String,
    /// What they did; `crossing`, `setting.set` and `setting.reset` are written by this crate.
    pub action: String,
    /// The table of the row that it was done to.
    pub entity: Option<String>,
    /// The row that it was done to.
    pub entity_id: Option<Uuid>,
    /// What is otherwise since then. Of a crossing its `reason`; of a setting its name as `setting`,
    /// and `old` and `new`, each left out where it was not set.
    pub change: Option<Value>,
    /// When.
    pub at: DateTime<Utc>,
}

/// The entries of one tenant, or in a scope that is no tenant's, nobody's: an owned value.
///
/// It is a [`Fragment`] without order and limit, with the columns of [`Audited`], so whoever pages can
/// take it as a base; ids ascend with time. `X` says where it runs, as with
/// [`Select`](crate::Select).
pub struct Entries<X = InTx> {
    tenant: Option<TenantId>,
    on: Option<(&'static str, Uuid)>,
    actor: Option<String>,
    action: Option<String>,
    statements: Statements,
    executor: X,
}

impl<DB: TenantBackend, S: Scope> Tx<DB, S> {
    /// The audit entries of this transaction's tenant. Outside of a tenant those that are nobody's:
    /// crossings, and what was written down in a global transaction.
    ///
    /// ```no_run
    /// # use saas_core::{Entity, Id};
    /// # #[derive(Entity, sqlx::FromRow)]
    /// # #[entity(table = "invoices", tenant)]
    /// # struct Invoice { id: Id<Invoice> }
    /// # async fn example(mut tx: saas_tenancy::TenantTx<sqlx::Postgres>, id: Id<Invoice>)
    /// # -> saas_tenancy::Result<()> {
    /// for entry in tx.entries().on(id).newest(20, &mut tx).await? {
    ///     println!("{} {} {}", entry.at, entry.actor, entry.action);
    /// }
    /// # Ok(()) }
    /// ```
    pub fn entries(&self) -> Entries {
        Entries::new(self.scope().tenant(), self.statements(), InTx)
    }
}

impl<DB: TenantBackend, S: Scope> Read<DB, S> {
    /// The audit entries of this tenant, or outside of tenants those that are nobody's.
    ///
    /// ```no_run
    /// # async fn example(db: saas_tenancy::TenantDb<sqlx::Postgres>, tenant: saas_core::TenantId)
    /// # -> saas_tenancy::Result<()> {
    /// let crossings = db.read_global().entries().action("crossing").newest(50).await?;
    /// let mias = db.read(tenant).entries().actor("mia@example.com").newest(50).await?;
    /// # Ok(()) }
    /// ```
    pub fn entries(&self) -> Entries<Self> {
        Entries::new(self.scope.tenant(), self.db.options().statements, self.clone())
    }
}

impl<X> Entries<X> {
    fn new(tenant: Option<TenantId>, statements: Statements, executor: X) -> Self {
        Self { tenant, on: None, actor: None, action: None, statements, executor }
    }

    /// Only what was done to this row.
    #[must_use]
    pub fn on<E: Entity>(mut self, id: Id<E>) -> Self {
        self.on = Some((E::TABLE, id.uuid()));
        self
    }

    /// Only what this actor did.
    #[must_use]
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Only where this was done.
    #[must_use]
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.action = Some(action.into());
        self
    }
}

impl Entries {
    /// The newest of them, at most this many, newest first.
    ///
    /// # Errors
    /// [`Error::ForeignTenant`] if the transaction is another tenant's; else what the database
    /// refused.
    pub async fn newest<DB: TenantBackend, S: Scope>(
        self,
        most: u32,
        tx: &mut Tx<DB, S>,
    ) -> Result<Vec<Audited>> {
        if self.tenant != tx.scope().tenant() {
            return Err(Error::ForeignTenant { table: "the audit table" });
        }
        let mut query = QueryBuilder::new("");
        Newest(&self, most).push_to(&mut query);
        read_all::<DB, Audited>(&tx.fetch_all(query).await?)
    }
}

impl<DB: TenantBackend, S: Scope> Entries<Read<DB, S>> {
    /// The newest of them, at most this many, newest first.
    ///
    /// # Errors
    /// What the database refused.
    pub async fn newest(self, most: u32) -> Result<Vec<Audited>> {
        read_all::<DB, Audited>(&self.executor.fetch_all(&Newest(&self, most)).await?)
    }
}

/// The newest entries.
struct Newest<'e, X>(&'e Entries<X>, u32);

impl<DB: TenantBackend, X: Send + Sync> Fragment<DB> for Newest<'_, X> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        self.0.push_to(query);
        query.push(" order by id desc limit ").push(self.1);
    }
}

impl<DB: TenantBackend, X: Send + Sync> Fragment<DB> for Entries<X> {
    fn push_to(&self, query: &mut QueryBuilder<DB>) {
        query.push("select id, tenant_id, actor, action, entity, entity_id, change, at from ");
        query.push(match DB::DIALECT {
            Dialect::Postgres => "saas.audit where tenant_id ",
            Dialect::Sqlite => "saas_audit where tenant_id ",
        });
        match &self.tenant {
            Some(tenant) => <DB as Binds<TenantId>>::push_bind(query.push("= "), tenant),
            None => drop(query.push("is null")),
        }
        if let Some((table, id)) = self.on {
            <DB as Binds<String>>::push_bind(query.push(" and entity = "), &table.to_owned());
            <DB as Binds<Uuid>>::push_bind(query.push(" and entity_id = "), &id);
        }
        if let Some(actor) = &self.actor {
            <DB as Binds<String>>::push_bind(query.push(" and actor = "), actor);
        }
        if let Some(action) = &self.action {
            <DB as Binds<String>>::push_bind(query.push(" and action = "), action);
        }
    }

    fn statements(&self) -> Statements {
        self.statements
    }
}

impl<X> fmt::Debug for Entries<X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl<'r, R: Row> FromRow<'r, R> for Audited
where
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
    Value: Decode<'r, R::Database> + Type<R::Database>,
    DateTime<Utc>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            tenant_id: row.try_get("tenant_id")?,
            actor: row.try_get("actor")?,
            action: row.try_get("action")?,
            entity: row.try_get("entity")?,
            entity_id: row.try_get("entity_id")?,
            change: row.try_get("change")?,
            at: row.try_get("at")?,
        })
    }
}
