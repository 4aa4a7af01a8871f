use sqlx::pool::PoolConnection;
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

use super::{Sink, hash};
use crate::Result;
use crate::data::{Customer, Invoice, Line, Tenant};

/// By inserts of many rows.
pub(super) struct Insert(PoolConnection<Sqlite>);

/// So many rows of up to ten columns: SQLite binds 32,766 values at most.
const ROWS: usize = 1000;

impl Insert {
    pub(super) async fn begin(pool: &SqlitePool) -> Result<Self> {
        let mut conn = pool.acquire().await?;
        sqlx::raw_sql("pragma synchronous = off; pragma cache_size = -262144")
            .execute(&mut *conn)
            .await?;
        Ok(Self(conn))
    }

    /// Rows of one table, in one transaction.
    async fn insert<T>(
        &mut self,
        statement: &'static str,
        rows: &[T],
        mut bind: impl FnMut(sqlx::query_builder::Separated<'_, Sqlite, &'static str>, &T),
    ) -> Result<()> {
        sqlx::raw_sql("begin").execute(&mut *self.0).await?;
        for rows in rows.chunks(ROWS) {
            let mut insert = QueryBuilder::new(statement);
            insert.push_values(rows, &mut bind);
            insert.build().execute(&mut *self.0).await?;
        }
        sqlx::raw_sql("commit").execute(&mut *self.0).await?;
        Ok(())
    }
}

impl Sink for Insert {
    async fn tenants(&mut self, tenants: &[Tenant]) -> Result<()> {
        self.insert(
            "insert into tenants (id, slug, name, created_at, updated_at) ",
            tenants,
            |mut row, tenant| {
                row.push_bind(tenant.id)
                    .push_bind(tenant.slug.clone())
                    .push_bind(tenant.slug.clone())
                    .push_bind(tenant.created_at)
                    .push_bind(tenant.created_at);
            },
        )
        .await?;
        self.insert(
            "insert into api_keys (id, tenant_id, key_hash, created_at) ",
            tenants,
            |mut row, tenant| {
                row.push_bind(tenant.id)
                    .push_bind(tenant.id)
                    .push_bind(hash(&tenant.key))
                    .push_bind(tenant.created_at);
            },
        )
        .await
    }

    async fn customers(&mut self, tenants: &[Tenant], customers: &[Customer]) -> Result<()> {
        self.insert(
            "insert into customers
                 (tenant_id, id, name, email, email_key, version, created_at, updated_at) ",
            customers,
            |mut row, customer| {
                row.push_bind(tenants[customer.tenant].id)
                    .push_bind(customer.id)
                    .push_bind(customer.name.clone())
                    .push_bind(customer.email.clone())
                    .push_bind(customer.email.clone())
                    .push_bind(1)
                    .push_bind(customer.created_at)
                    .push_bind(customer.created_at);
            },
        )
        .await
    }

    async fn invoices(&mut self, tenants: &[Tenant], invoices: &[Invoice]) -> Result<()> {
        self.insert(
            "insert into invoices
                 (tenant_id, id, customer_id, currency, due_on, status, total_minor, version,
                  created_at, updated_at) ",
            invoices,
            |mut row, invoice| {
                row.push_bind(tenants[invoice.tenant].id)
                    .push_bind(invoice.id)
                    .push_bind(invoice.customer)
                    .push_bind(invoice.currency)
                    .push_bind(invoice.due_on)
                    .push_bind(invoice.status())
                    .push_bind(invoice.total_minor())
                    .push_bind(1)
                    .push_bind(invoice.created_at)
                    .push_bind(invoice.created_at);
            },
        )
        .await?;
        let lines: Vec<_> = invoices
            .iter()
            .flat_map(|invoice| (1i64..).zip(&invoice.lines).map(move |line| (invoice, line)))
            .collect();
        self.insert(
            "insert into invoice_lines
                 (tenant_id, id, invoice_id, position, description, quantity, unit_price_minor) ",
            &lines,
            |mut row, (invoice, (position, line))| {
                let Line { id, description, quantity, unit_price_minor } = *line;
                row.push_bind(tenants[invoice.tenant].id)
                    .push_bind(*id)
                    .push_bind(invoice.id)
                    .push_bind(*position)
                    .push_bind(description.clone())
                    .push_bind(*quantity)
                    .push_bind(*unit_price_minor);
            },
        )
        .await
    }

    async fn settle(mut self) -> Result<()> {
        sqlx::raw_sql("analyze; pragma wal_checkpoint(truncate)").execute(&mut *self.0).await?;
        Ok(self.0.close().await?)
    }
}
