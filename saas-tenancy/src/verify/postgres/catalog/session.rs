use sqlx::{PgConnection, Row};

use super::super::session::Session;
use super::{about, rows};

// A role that was given nothing has what everybody has. Of schemas, those count that are searched
// before the last one in which a tenant's table is found.
const SESSION: &str = ", path(oid, place) as (
        select n.oid, s.place
          from unnest(current_schemas(false)) with ordinality s(name, place)
          join pg_namespace n on n.nspname = s.name),
    before(name, holders) as (
        select quote_ident(n.nspname),
               (select string_agg(coalesce(quote_ident(r.rolname), 'public'), ', '
                                  order by r.rolname nulls first)
                  from aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) given
                  left join acting r on r.oid = given.grantee
                 where given.privilege_type = 'CREATE' and (given.grantee = 0 or r.oid is not null))
          from path p
          join pg_namespace n on n.oid = p.oid
         where p.place < (select max(q.place) from path q
                           where exists (select from given g join pg_class c on c.oid = g.oid
                                          where c.relnamespace = q.oid))
         order by p.place)
    select format('%I', d.datname), current_setting('search_path'),
           (select string_agg(coalesce(quote_ident(r.rolname), 'public'), ', ' order by r.rolname nulls first)
              from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) given
              left join acting r on r.oid = given.grantee
             where given.privilege_type = 'TEMPORARY' and (given.grantee = 0 or r.oid is not null)),
           (select string_agg(coalesce(quote_ident(r.rolname), 'public'), ', ' order by r.rolname nulls first)
              from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) given
              left join acting r on r.oid = given.grantee
             where given.privilege_type = 'CREATE' and (given.grantee = 0 or r.oid is not null)),
           array(select name from before where holders is not null),
           array(select holders from before where holders is not null)
      from pg_database d
     where d.datname = current_database()";

pub(in super::super) async fn session(
    conn: &mut PgConnection,
    oids: &[i64],
) -> Result<Session, sqlx::Error> {
    let found = rows(conn, about(oids, SESSION)).await?;
    let row = found.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(Session {
        database: row.try_get(0)?,
        search_path: row.try_get(1)?,
        temporary: row.try_get(2)?,
        schemas: row.try_get(3)?,
        before: {
            let (names, holders): (Vec<String>, Vec<String>) = (row.try_get(4)?, row.try_get(5)?);
            names.into_iter().zip(holders).collect()
        },
    })
}
