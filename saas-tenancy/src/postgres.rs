use futures_core::future::BoxFuture;
use saas_core::TenantId;
use saas_core::schema::quoted;
use saas_core::sql::{Backend, Fragment, Statements};
use sqlx::{Postgres, QueryBuilder, Row, SqlStr};

use crate::verify::{RoleFacts, TableFacts, judge_role, judge_table};
use crate::{Finding, Registry, TenantBackend};

impl TenantBackend for Postgres {
    fn begin(tenant: Option<TenantId>) -> SqlStr {
        // Both statements travel in one message. A UUID prints as hexadecimal digits and hyphens,
        // so it cannot end the literal.
        match tenant {
            Some(tenant) => QueryBuilder::<Self>::new(format!(
                "begin; select set_config('app.tenant_id', '{tenant}', true)"
            ))
            .into_sql(),
            None => SqlStr::from_static("begin"),
        }
    }

    fn push_read(query: &mut QueryBuilder<Self>, tenant: TenantId, rows: &dyn Fragment<Self>) {
        // The inner scan starts only after the outer row exists, because it depends on it; `offset 0`
        // keeps the planner from pulling it up and losing that. Were it ever otherwise, the policy
        // would see no tenant and the statement would return no rows.
        query.push("select q.* from (select set_config('app.tenant_id', ");
        query.push_bind(tenant.to_string());
        query.push(", true) as tenant) s cross join lateral (select rows.* from (");
        rows.push_to(query);
        query.push(") rows where s.tenant is not null offset 0) q");
    }

    fn push_for_update(query: &mut QueryBuilder<Self>) {
        query.push(" for update");
    }

    fn verify<'c>(
        conn: &'c mut Self::Connection,
        registry: &'c Registry,
    ) -> BoxFuture<'c, Result<Vec<Finding>, sqlx::Error>> {
        Box::pin(async move {
            let mut findings = judge_role(&role_facts(conn).await?);
            for table in registry.tenant_tables() {
                findings.extend(judge_table(&table_facts(conn, table).await?));
            }
            Ok(findings)
        })
    }
}

const ROLE: &str = "
    select r.rolname::text, r.rolsuper, r.rolbypassrls,
           (select o.rolname::text from pg_roles o
             where (o.rolsuper or o.rolbypassrls) and o.oid <> r.oid
               and pg_has_role(r.oid, o.oid, 'member')
             order by o.rolname limit 1)
      from pg_roles r
     where r.rolname = current_user";

async fn role_facts(conn: &mut sqlx::PgConnection) -> Result<RoleFacts, sqlx::Error> {
    let row = fetch_one(conn, QueryBuilder::new(ROLE)).await?;
    Ok(RoleFacts {
        name: row.try_get(0)?,
        superuser: row.try_get(1)?,
        bypasses: row.try_get(2)?,
        can_become: row.try_get(3)?,
    })
}

// A policy of the command ALL without WITH CHECK uses USING for both, so only an expression that is
// plainly true is open; an INSERT policy has no USING, and its NULL there is not open.
const TABLE: &str = "
    select c.relrowsecurity, c.relforcerowsecurity,
           pg_has_role(current_user, c.relowner, 'usage'),
           (select count(*) from pg_policy p where p.polrelid = c.oid and (p.polroles = '{0}'
               or exists (select from unnest(p.polroles) r where pg_has_role(current_user, r, 'usage')))),
           (select count(*) from pg_policy p where p.polrelid = c.oid and p.polpermissive
               and (p.polroles = '{0}'
                    or exists (select from unnest(p.polroles) r where pg_has_role(current_user, r, 'usage')))
               and (pg_get_expr(p.polqual, p.polrelid) = 'true'
                    or pg_get_expr(p.polwithcheck, p.polrelid) = 'true')),
           exists (select from pg_index i
                     join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
                    where i.indrelid = c.oid and a.attname = 'tenant_id' and i.indpred is null)
      from pg_class c
     where c.oid = to_regclass(";

async fn table_facts(
    conn: &mut sqlx::PgConnection,
    table: &'static str,
) -> Result<TableFacts, sqlx::Error> {
    let name = quoted(table).to_string();
    let mut query = QueryBuilder::new(TABLE);
    query.push_bind(name.clone()).push(")");
    let row = Postgres::fetch_optional(conn, query, Statements::Unnamed).await?;
    let Some(row) = row else {
        return Ok(TableFacts {
            name,
            exists: false,
            enabled: false,
            forced: false,
            owned: false,
            policies: 0,
            open_policies: 0,
            tenant_index: false,
        });
    };
    Ok(TableFacts {
        name,
        exists: true,
        enabled: row.try_get(0)?,
        forced: row.try_get(1)?,
        owned: row.try_get(2)?,
        policies: row.try_get(3)?,
        open_policies: row.try_get(4)?,
        tenant_index: row.try_get(5)?,
    })
}

async fn fetch_one(
    conn: &mut sqlx::PgConnection,
    query: QueryBuilder<Postgres>,
) -> Result<sqlx::postgres::PgRow, sqlx::Error> {
    Postgres::fetch_optional(conn, query, Statements::Unnamed)
        .await?
        .ok_or(sqlx::Error::RowNotFound)
}
