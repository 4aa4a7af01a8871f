use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::super::key::{ForeignKey, Kind, Stranger, UniqueKey};
use super::{about, rows};

// A key that a partition has from its parent is judged there.
const FOREIGN: &str = ", pair as (
        select k.oid, k.conname, k.conrelid, k.confrelid,
               array_agg(quote_ident(f.attname) order by u.place) as columns,
               array_agg(quote_ident(t.attname) order by u.place) as parents,
               array_agg(t.attnum) as numbers,
               bool_or(f.attname = 'tenant_id' and t.attname = 'tenant_id') as with_tenant
          from pg_constraint k
         cross join unnest(k.conkey, k.confkey) with ordinality u(own, other, place)
          join pg_attribute f on f.attrelid = k.conrelid and f.attnum = u.own
          join pg_attribute t on t.attrelid = k.confrelid and t.attnum = u.other
         where k.contype = 'f' and k.conparentid = 0 and k.confrelid in (select oid from given)
         group by k.oid)
    select quote_ident(p.conname), p.conrelid::regclass::text, p.conrelid in (select oid from given),
           p.columns, p.confrelid::regclass::text, p.parents,
           exists (select from pg_index i
                    where i.indrelid = p.confrelid and i.indisunique and i.indimmediate
                      and i.indpred is null and i.indexprs is null
                      and (select array_agg(n order by n) from unnest(i.indkey::int2[]) n)
                          = (select array_agg(n order by n)
                               from unnest(p.numbers || (select attnum from pg_attribute
                                    where attrelid = p.confrelid and attname = 'tenant_id')) n)),
           regexp_replace(pg_get_constraintdef(p.oid), '^[^)]*\\)[^)]*\\)', ''),
           p.conrelid::bigint, p.with_tenant,
           exists (select from acting a
                    where has_any_column_privilege(a.oid, p.conrelid, 'insert, update')),
           c.relrowsecurity
               and (c.relforcerowsecurity or not pg_has_role(session_user, c.relowner, 'member'))
      from pair p
      join pg_class c on c.oid = p.conrelid
     where not p.with_tenant or p.conrelid not in (select oid from given)
     order by 2, 1";

pub(in super::super) async fn foreign_keys(
    conn: &mut PgConnection,
    oids: &[i64],
) -> Result<Vec<ForeignKey>, sqlx::Error> {
    let read = |row: &PgRow| {
        Ok(ForeignKey {
            name: row.try_get(0)?,
            child: row.try_get(1)?,
            stranger: if row.try_get(2)? { None } else { Some(stranger(row)?) },
            with_tenant: row.try_get(9)?,
            columns: row.try_get(3)?,
            parent: row.try_get(4)?,
            parent_columns: row.try_get(5)?,
            parent_has_key: row.try_get(6)?,
            suffix: row.try_get(7)?,
        })
    };
    rows(conn, about(oids, FOREIGN)).await?.iter().map(read).collect()
}

fn stranger(row: &PgRow) -> Result<Stranger, sqlx::Error> {
    Ok(Stranger { oid: row.try_get(8)?, writable: row.try_get(10)?, bound: row.try_get(11)? })
}

// An exclusion constraint keeps tenants apart only by asking that they are equal.
// Of a partition only the keys that it does not have from its parent.
const UNIQUE: &str = "
    select i.indrelid::regclass::text, i.indexrelid::regclass::text, quote_ident(k.conname),
           i.indisprimary, i.indisexclusion,
           array(select pg_get_indexdef(i.indexrelid, n, true)
                   from generate_series(1, i.indnkeyatts) n order by n),
           pg_get_expr(i.indpred, i.indrelid)
      from given g
      join pg_index i on i.indrelid = g.oid and (i.indisunique or i.indisexclusion)
      join pg_class c on c.oid = i.indexrelid and not c.relispartition
      left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u', 'x')
     where not exists (
               select from unnest((i.indkey::int2[])[0:i.indnkeyatts - 1], k.conexclop) u(n, operator)
                 join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.n
                where a.attname = 'tenant_id'
                  and (u.operator is null or u.operator = 'pg_catalog.=(uuid,uuid)'::regoperator))
     order by 1, 2";

pub(in super::super) async fn unique_keys(
    conn: &mut PgConnection,
    oids: &[i64],
) -> Result<Vec<UniqueKey>, sqlx::Error> {
    let read = |row: &PgRow| {
        Ok(UniqueKey {
            table: row.try_get(0)?,
            index: row.try_get(1)?,
            constraint: row.try_get(2)?,
            kind: match (row.try_get(3)?, row.try_get(4)?) {
                (true, _) => Kind::Primary,
                (false, true) => Kind::Exclusion,
                (false, false) => Kind::Unique,
            },
            columns: row.try_get(5)?,
            condition: row.try_get(6)?,
        })
    };
    rows(conn, about(oids, UNIQUE)).await?.iter().map(read).collect()
}
