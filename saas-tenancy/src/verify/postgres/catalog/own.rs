use sqlx::postgres::PgRow;
use sqlx::{PgConnection, QueryBuilder, Row};

use super::super::own::{OwnTable, Right, Stranger};
use super::super::shipped;
use super::super::table::{Table, TenantColumn};
use super::{about, rows};

// By the schema's name, since looking a name up asks for a right on the schema.
const TABLES: &str = "::text[]) with ordinality)
    select c.oid::bigint, coalesce(c.relrowsecurity, false), coalesce(c.relforcerowsecurity, false),
           coalesce(pg_has_role(session_user, c.relowner, 'member'), false),
           coalesce(quote_ident(o.rolname), '')
      from asked a
      left join (pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'saas')
        on c.relname = a.name and c.relkind in ('r', 'p')
      left join pg_roles o on o.oid = c.relowner
     order by a.place";

/// This crate's own tables, also those that are not there.
pub(in super::super) async fn own_tables(
    conn: &mut PgConnection,
) -> Result<Vec<OwnTable>, sqlx::Error> {
    let names = shipped::TABLES.map(|(name, _)| name);
    let mut query = QueryBuilder::new("with asked(name, place) as (select * from unnest(");
    query.push_bind(names.map(str::to_owned).to_vec()).push(TABLES);
    let found = rows(conn, query).await?;
    names.into_iter().zip(&found).map(|(name, row)| read_table(name, row)).collect()
}

fn read_table(name: &'static str, row: &PgRow) -> Result<OwnTable, sqlx::Error> {
    let table = Table {
        name: format!("saas.{name}"),
        oid: row.try_get(0)?,
        registered: true,
        enabled: row.try_get(1)?,
        forced: row.try_get(2)?,
        owned: row.try_get(3)?,
        reachable: true,
        readable: true,
        // Rights on it are judged one by one, and its columns and keys are the migrations'.
        holders: None,
        tenant: TenantColumn::Sound,
        tenant_index: true,
        sampled: false,
    };
    Ok(OwnTable { name, table, owner: row.try_get(4)? })
}

// Its owner has these rights for good, so taking them away would say nothing.
const RIGHTS: &str = ", item(object, owner, place, acl) as (
        select c.relname, c.relowner, null, c.relacl
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
         where n.nspname = 'saas' and c.relkind in ('r', 'p')
        union all
        select c.relname, c.relowner, k.attname, k.attacl
          from pg_class c
          join pg_namespace n on n.oid = c.relnamespace
          join pg_attribute k on k.attrelid = c.oid and k.attacl is not null
         where n.nspname = 'saas' and c.relkind in ('r', 'p')
        union all
        select null, nspowner, null, nspacl from pg_namespace where nspname = 'saas')
    select i.object::text, g.privilege_type::text, i.place::text,
           coalesce(quote_ident(a.rolname), 'public')
      from item i
     cross join aclexplode(i.acl) g
      left join acting a on a.oid = g.grantee
     where g.grantee <> i.owner and (g.grantee = 0 or a.oid is not null)
       and g.privilege_type <> 'MAINTAIN' and (i.object is not null or g.privilege_type = 'CREATE')
     order by 1, 2, 4";

/// What was granted of the tables in the schema `saas`, and of it.
pub(in super::super) async fn own_rights(
    conn: &mut PgConnection,
) -> Result<Vec<Right>, sqlx::Error> {
    let read = |row: &PgRow| {
        Ok(Right {
            table: row.try_get(0)?,
            privilege: row.try_get(1)?,
            column: row.try_get(2)?,
            holder: row.try_get(3)?,
        })
    };
    rows(conn, about(&[], RIGHTS)).await?.iter().map(read).collect()
}

// The migrations make neither triggers nor rules, and no function sets the tenant: what does, decides
// whose rows everybody sees who calls it.
const STRANGERS: &str = "
    select 'trigger ' || quote_ident(t.tgname) || ' on ' || c.oid::regclass::text,
           'drop trigger ' || quote_ident(t.tgname) || ' on ' || c.oid::regclass::text
      from pg_trigger t
      join pg_class c on c.oid = t.tgrelid
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'saas' and not t.tgisinternal and c.relname = any (select name from ours)
    union all
    select 'rule ' || quote_ident(r.rulename) || ' on ' || c.oid::regclass::text,
           'drop rule ' || quote_ident(r.rulename) || ' on ' || c.oid::regclass::text
      from pg_rewrite r
      join pg_class c on c.oid = r.ev_class
      join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'saas' and c.relkind in ('r', 'p') and c.relname = any (select name from ours)
    union all
    select 'function ' || p.oid::regprocedure::text,
           'alter routine ' || p.oid::regprocedure::text || ' reset app.tenant_id'
      from pg_proc p
     where exists (select from unnest(p.proconfig) s where s like 'app.tenant_id=%')
     order by 1";

/// What stands in the way of this crate's own tables, or sets the tenant by itself.
pub(in super::super) async fn strangers(
    conn: &mut PgConnection,
) -> Result<Vec<Stranger>, sqlx::Error> {
    let mut query = QueryBuilder::new("with ours as (select unnest(");
    let names = shipped::TABLES.map(|(name, _)| name.to_owned());
    query.push_bind(names.to_vec()).push("::text[]) as name)").push(STRANGERS);
    let read = |row: &PgRow| Ok(Stranger { object: row.try_get(0)?, remedy: row.try_get(1)? });
    rows(conn, query).await?.iter().map(read).collect()
}
