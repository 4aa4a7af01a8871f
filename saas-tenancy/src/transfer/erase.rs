use saas_core::TenantId;
use saas_core::schema::quoted;
use saas_core::sql::Binds;
use sqlx::QueryBuilder;
use uuid::Uuid;

use super::progress::{self, ERASE, Progress};
use super::{Tenants, Transfer, Transferred};
use crate::migrations::own;
use crate::{Error, Result, TenantBackend, TenantTx};

impl<DB: TenantBackend> Transfer<DB> {
    /// Removes every row of the tenant, children before parents, and its settings; how many rows there
    /// were, by table, counted over all calls until it is finished.
    ///
    /// A batch is a transaction, so nobody waits long for its locks, and whoever was killed in the
    /// middle calls it again. Rows of tables that are not registered stay, and are an error if they
    /// point to rows that go.
    ///
    /// The audit entries stay. They are the proof of what was done, for as long as somebody may ask, and
    /// the application's role has no right to take them away; where they must go,
    /// [`erase_audit`](super::erase_audit) removes them as the role that owns the tables.
    ///
    /// ```no_run
    /// # async fn example(transfer: saas_tenancy::transfer::Transfer<sqlx::Postgres>,
    /// #     tenant: saas_core::TenantId) -> saas_tenancy::Result<()> {
    /// for (table, rows) in transfer.erase(tenant).await?.rows {
    ///     println!("{rows} rows of {table} are gone");
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`Error::BrokenReference`] if a row is still pointed to from a table that is not registered;
    /// [`Error::Overtaken`] if somebody else erases the tenant at the same time.
    pub async fn erase(&self, tenant: TenantId) -> Result<Transferred> {
        let mut erasure = Erasure::begin(self, tenant).await?;
        for own in self.tables.iter().rev() {
            for (column, nullable) in &own.selves {
                while erasure
                    .batch(|| own.unlink(tenant, column, *nullable, self.batch), own, false)
                    .await?
                {}
            }
            while erasure.batch(|| own.delete(tenant, self.batch), own, true).await? {}
        }
        erasure.end().await
    }
}

/// An erasure that is running.
struct Erasure<'e, DB: TenantBackend> {
    transfer: &'e Transfer<DB>,
    tenant: TenantId,
    /// As the table has it.
    progress: Progress,
}

impl<'e, DB: TenantBackend> Erasure<'e, DB> {
    async fn begin(transfer: &'e Transfer<DB>, tenant: TenantId) -> Result<Self> {
        let mut tx = transfer.db.tenant(tenant).await?;
        let begun = progress::load(&mut tx, ERASE).await?;
        if begun.is_none() {
            progress::begin(&mut tx, ERASE, &Progress::default()).await?;
        }
        tx.commit().await?;
        Ok(Self { transfer, tenant, progress: begun.unwrap_or_default() })
    }

    /// Runs a statement that leaves less for the next time; whether it found anything.
    async fn batch(
        &mut self,
        statement: impl FnOnce() -> QueryBuilder<DB>,
        own: &Tenants,
        counts: bool,
    ) -> Result<bool> {
        let table = own.table.name;
        let mut tx = self.transfer.db.tenant(self.tenant).await?;
        let statements = tx.statements();
        let found = tx.execute(statement(), statements).await.map_err(Error::on(table))?;
        if found == 0 {
            return Ok(false);
        }
        let mut to = self.progress.clone();
        to.lines += 1;
        if counts {
            *to.rows.entry(table.to_owned()).or_default() += found;
        }
        progress::advance(&mut tx, ERASE, self.progress.lines, &to).await?;
        tx.commit().await?;
        self.progress = to;
        Ok(true)
    }

    async fn end(self) -> Result<Transferred> {
        let mut tx = self.transfer.db.tenant(self.tenant).await?;
        delete_settings(&mut tx).await?;
        progress::forget(&mut tx).await?;
        tx.commit().await?;
        Ok(Transferred { rows: self.progress.rows })
    }
}

impl Tenants {
    /// Some rows that point to a row of the table point to none, or to themselves.
    fn unlink<DB: TenantBackend>(
        &self,
        tenant: TenantId,
        column: &str,
        nullable: bool,
        limit: u32,
    ) -> QueryBuilder<DB> {
        let mut query = QueryBuilder::new("update ");
        query.push(quoted(self.table.name)).push(" set ").push(quoted(column));
        query.push(if nullable { " = null" } else { " = \"id\"" });
        self.push_some(&mut query, tenant, limit, |query| {
            query.push(" and ").push(quoted(column));
            query.push(if nullable { " is not null" } else { " <> \"id\"" });
        });
        query
    }

    /// Some rows go.
    fn delete<DB: TenantBackend>(&self, tenant: TenantId, limit: u32) -> QueryBuilder<DB> {
        let mut query = QueryBuilder::new("delete from ");
        query.push(quoted(self.table.name));
        self.push_some(&mut query, tenant, limit, |_| {});
        query
    }

    fn push_some<DB: TenantBackend>(
        &self,
        query: &mut QueryBuilder<DB>,
        tenant: TenantId,
        limit: u32,
        which: impl FnOnce(&mut QueryBuilder<DB>),
    ) {
        query.push(" where \"tenant_id\" = ");
        <DB as Binds<Uuid>>::push_bind(query, &tenant.uuid());
        query.push(" and \"id\" in (select \"id\" from ").push(quoted(self.table.name));
        query.push(" where \"tenant_id\" = ");
        <DB as Binds<Uuid>>::push_bind(query, &tenant.uuid());
        which(query);
        query.push(" order by \"id\" limit ").push(limit).push(")");
    }
}

async fn delete_settings<DB: TenantBackend>(tx: &mut TenantTx<DB>) -> Result<()> {
    let mut query = QueryBuilder::new("delete from ");
    query.push(own::<DB>("settings")).push(" where tenant_id = ");
    <DB as Binds<Uuid>>::push_bind(&mut query, &tx.tenant().uuid());
    let statements = tx.statements();
    tx.execute(query, statements).await?;
    Ok(())
}
