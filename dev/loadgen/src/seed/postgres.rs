use std::fmt::Write as _;

use sqlx::pool::PoolConnection;
use sqlx::{PgPool, Postgres};

use super::{Sink, hash};
use crate::Result;
use crate::data::{Customer, Invoice, Tenant};

/// By `copy`, as a superuser, whom the policies do not bind.
pub(super) struct Copy(PoolConnection<Postgres>);

impl Copy {
    pub(super) async fn begin(pool: &PgPool) -> Result<Self> {
        let mut conn = pool.acquire().await?;
        // The rows are consistent as they are made: looking up each one's customer takes longer than
        // writing it.
        sqlx::raw_sql("set session_replication_role = replica; set synchronous_commit = off")
            .execute(&mut *conn)
            .await?;
        Ok(Self(conn))
    }

    /// Lines of text, whose columns tabs divide. No value holds one, nor a backslash.
    async fn copy(&mut self, statement: &str, text: &str) -> Result<()> {
        let mut copy = self.0.copy_in_raw(statement).await?;
        copy.send(text.as_bytes()).await?;
        copy.finish().await?;
        Ok(())
    }
}

impl Sink for Copy {
    async fn tenants(&mut self, tenants: &[Tenant]) -> Result<()> {
        let (mut rows, mut keys) = (String::new(), String::new());
        for Tenant { id, slug, key, created_at } in tenants {
            writeln!(rows, "{id}\t{slug}\t{slug}\t{created_at}\t{created_at}")?;
            write!(keys, "{id}\t{id}\t{created_at}\t\\\\x")?;
            hash(key).iter().try_for_each(|byte| write!(keys, "{byte:02x}"))?;
            keys.push('\n');
        }
        self.copy("copy tenants (id, slug, name, created_at, updated_at) from stdin", &rows)
            .await?;
        self.copy("copy api_keys (id, tenant_id, created_at, key_hash) from stdin", &keys).await
    }

    async fn customers(&mut self, tenants: &[Tenant], customers: &[Customer]) -> Result<()> {
        let mut rows = String::new();
        for Customer { tenant, id, name, email, created_at } in customers {
            let tenant = tenants[*tenant].id;
            writeln!(
                rows,
                "{tenant}\t{id}\t{name}\t{email}\t{email}\t1\t{created_at}\t{created_at}"
            )?;
        }
        self.copy(
            "copy customers
                 (tenant_id, id, name, email, email_key, version, created_at, updated_at)
             from stdin",
            &rows,
        )
        .await
    }

    async fn invoices(&mut self, tenants: &[Tenant], invoices: &[Invoice]) -> Result<()> {
        let (mut rows, mut lines) = (String::new(), String::new());
        for invoice in invoices {
            let Invoice { id, customer, currency, created_at, .. } = invoice;
            let (tenant, status) = (tenants[invoice.tenant].id, invoice.status());
            let due_on = invoice.due_on.map_or("\\N".to_owned(), |due| due.to_string());
            let total = invoice.total_minor();
            writeln!(
                rows,
                "{tenant}\t{id}\t{customer}\t{currency}\t{due_on}\t{status}\t{total}\t1\t{created_at}\t{created_at}"
            )?;
            for (line, position) in invoice.lines.iter().zip(1..) {
                writeln!(
                    lines,
                    "{tenant}\t{}\t{id}\t{position}\t{}\t{}\t{}",
                    line.id, line.description, line.quantity, line.unit_price_minor
                )?;
            }
        }
        self.copy(
            "copy invoices
                 (tenant_id, id, customer_id, currency, due_on, status, total_minor, version,
                  created_at, updated_at)
             from stdin",
            &rows,
        )
        .await?;
        self.copy(
            "copy invoice_lines
                 (tenant_id, id, invoice_id, position, description, quantity, unit_price_minor)
             from stdin",
            &lines,
        )
        .await
    }

    async fn settle(mut self) -> Result<()> {
        // What autovacuum would do in the middle of the ramp.
        for statement in ["vacuum (analyze)", "checkpoint"] {
            sqlx::raw_sql(statement).execute(&mut *self.0).await?;
        }
        Ok(self.0.close().await?)
    }
}
