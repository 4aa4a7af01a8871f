use sqlx::{PgConnection, QueryBuilder, Row};

use super::super::session::Session;
use super::{ACTING, rows};

// A role that was given nothing has what everybody has.
const SESSION: &str = "
    select format('%I', d.datname), current_setting('search_path'),
           (select string_agg(coalesce(quote_ident(r.rolname), 'public'), ', ' order by r.rolname nulls first)
              from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) given
              left join acting r on r.oid = given.grantee
             where given.privilege_type = 'TEMPORARY' and (given.grantee = 0 or r.oid is not null))
      from pg_database d
     where d.datname = current_database()";

pub(in super::super) async fn session(conn: &mut PgConnection) -> Result<Session, sqlx::Error> {
    let mut query = QueryBuilder::new("with ");
    query.push(ACTING).push(SESSION);
    let found = rows(conn, query).await?;
    let row = found.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(Session {
        database: row.try_get(0)?,
        search_path: row.try_get(1)?,
        temporary: row.try_get(2)?,
    })
}
