use saas_core::schema::quoted;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, QueryBuilder, Row};

use super::super::table::{Table, TenantColumn};
use super::{ACTING, rows};
use crate::isolation::schema;
use crate::{Isolation, Options, Registry};

// By row a name leads where the connection finds it.
const FOUND: &str = "::text[]) with ordinality w(name, place)), named(place, name, oid) as (
        select place, name, to_regclass(name)::oid from wanted), ";

// In a schema per tenant a name leads into each of them. One that has no such table is behind with
// its migrations, and only what none of them has is missing.
const EVERYWHERE: &str = "::text[]) with ordinality w(name, place)), named(place, name, oid) as (
        select w.place, coalesce(quote_ident(s.name) || '.' || quote_ident(c.relname), quote_ident(w.name)), c.oid
          from wanted w
          left join (pg_class c join tenants s on s.oid = c.relnamespace)
            on c.relname = w.name and c.relkind in ('r', 'p', 'v', 'm', 'f')), ";

// Children by inheritance are partitions as far as a wall is concerned: whoever names one goes past
// the parent's policies.
const TABLES: &str = ", family(place, root, name, oid, registered) as (
        select place, name collate \"default\", name collate \"default\", oid, true from named
        union
        select f.place, f.root,
               format('%I.%I', n.nspname::text, c.relname::text) collate \"default\", c.oid, false
          from family f
          join pg_inherits i on i.inhparent = f.oid
          join pg_class c on c.oid = i.inhrelid
          join pg_namespace n on n.oid = c.relnamespace),
    member as (
        select distinct on (coalesce(oid::bigint, -place)) * from family
         order by coalesce(oid::bigint, -place), registered desc)
    select m.name, m.oid::bigint, m.registered,
           coalesce(c.relrowsecurity, false), coalesce(c.relforcerowsecurity, false),
           coalesce(pg_has_role(session_user, c.relowner, 'member'), false),
           exists (select from acting a
                    where has_any_column_privilege(a.oid, c.oid, 'select, insert, update')
                       or has_table_privilege(a.oid, c.oid, 'delete')),
           coalesce(has_table_privilege(c.oid, 'select'), false),
           (select string_agg(distinct coalesce(quote_ident(a.rolname), 'public'), ', ')
              from (select (aclexplode(c.relacl)).*
                    union all
                    select (aclexplode(k.attacl)).* from pg_attribute k where k.attrelid = c.oid) g
              left join acting a on a.oid = g.grantee
             where g.privilege_type in ('TRUNCATE', 'REFERENCES', 'TRIGGER')
               and (g.grantee = 0 or a.oid is not null)),
           t.atttypid = 'uuid'::regtype, t.attnotnull,
           exists (select from pg_index i
                    where i.indrelid = c.oid and i.indkey[0] = t.attnum
                      and i.indpred is null and i.indisvalid),
           m.root = min(m.root) over (partition by m.place)
      from member m
      left join pg_class c on c.oid = m.oid
      left join pg_attribute t
        on t.attrelid = c.oid and t.attname = 'tenant_id' and not t.attisdropped
     order by m.place, m.root, m.registered desc, m.name";

/// The registered tenants' tables, in a schema per tenant those of all schemas at once, each followed
/// by its partitions and children.
pub(in super::super) async fn tables(
    conn: &mut PgConnection,
    registry: &Registry,
    options: &Options,
) -> Result<Vec<Table>, sqlx::Error> {
    let tables = registry.tenant_tables();
    let mut query = QueryBuilder::new("with recursive ");
    if options.isolation == Isolation::Schema {
        schema::push_all(query.push("tenants as ("), &options.schema_names);
        // One that names its schema is a finding already.
        let names: Vec<_> = tables.filter(|name| !name.contains('.')).map(str::to_owned).collect();
        query.push("), wanted as (select * from unnest(").push_bind(names).push(EVERYWHERE);
    } else {
        let names: Vec<_> = tables.map(|name| quoted(name).to_string()).collect();
        query.push("wanted as (select * from unnest(").push_bind(names).push(FOUND);
    }
    query.push(ACTING).push(TABLES);
    rows(conn, query).await?.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<Table, sqlx::Error> {
    Ok(Table {
        name: row.try_get(0)?,
        oid: row.try_get(1)?,
        registered: row.try_get(2)?,
        enabled: row.try_get(3)?,
        forced: row.try_get(4)?,
        owned: row.try_get(5)?,
        reachable: row.try_get(6)?,
        readable: row.try_get(7)?,
        holders: row.try_get(8)?,
        tenant: match (row.try_get(9)?, row.try_get(10)?) {
            (None, _) => TenantColumn::Missing,
            (Some(false), _) => TenantColumn::OfAnotherType,
            (_, Some(true)) => TenantColumn::Sound,
            _ => TenantColumn::Nullable,
        },
        tenant_index: row.try_get(11)?,
        sampled: row.try_get(12)?,
    })
}
