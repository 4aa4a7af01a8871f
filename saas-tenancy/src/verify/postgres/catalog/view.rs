use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::super::view::View;
use super::{about, rows};

// A view on a view reads what that one reads. A materialized view is a copy, whoever reads it.
const VIEWS: &str = ", reads(relation, base) as (
        select r.ev_class, d.refobjid
          from given g
          join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = g.oid
          join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
         where r.ev_class <> d.refobjid
        union
        select r.ev_class, x.base
          from reads x
          join pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = x.relation
          join pg_rewrite r on d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
         where r.ev_class <> d.refobjid)
    select format('%I.%I', n.nspname, c.relname), c.relkind = 'm',
           (select string_agg(distinct x.base::regclass::text, ', ') from reads x
             where x.relation = c.oid),
           coalesce((select string_agg(distinct coalesce(quote_ident(a.rolname), 'public'), ', ')
              from (select (aclexplode(c.relacl)).*
                    union all
                    select (aclexplode(k.attacl)).* from pg_attribute k where k.attrelid = c.oid) g
              left join acting a on a.oid = g.grantee
             where g.grantee = 0 or a.oid is not null), 'its readers')
      from pg_class c
      join pg_namespace n on n.oid = c.relnamespace
     where c.oid in (select relation from reads) and c.relkind in ('v', 'm')
       and (c.relkind = 'm'
            or not exists (select from pg_options_to_table(c.reloptions) o
                            where o.option_name = 'security_invoker' and o.option_value::boolean))
       and exists (select from acting a
                    where has_any_column_privilege(a.oid, c.oid, 'select, insert, update')
                       or has_table_privilege(a.oid, c.oid, 'delete'))
     order by 1";

pub(in super::super) async fn views(
    conn: &mut PgConnection,
    oids: &[i64],
) -> Result<Vec<View>, sqlx::Error> {
    let read = |row: &PgRow| {
        Ok(View {
            name: row.try_get(0)?,
            materialized: row.try_get(1)?,
            reads: row.try_get(2)?,
            holders: row.try_get(3)?,
        })
    };
    rows(conn, about(oids, VIEWS)).await?.iter().map(read).collect()
}
