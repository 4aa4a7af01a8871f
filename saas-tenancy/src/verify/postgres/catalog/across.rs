use sqlx::{PgConnection, Row};

use super::super::across::AcrossRole;
use super::{about, rows};

// A policy for everybody counts: what it requires is judged with the other policies.
const ROLE: &str = ", asked as (select name, (select oid from pg_roles where rolname = name) as oid
                    from unnest(";

const FACTS: &str = "::text[]) name)
    select quote_ident(a.name), a.oid is not null,
           coalesce(pg_has_role(session_user, a.oid, 'member'), false),
           coalesce(has_function_privilege(a.oid, to_regprocedure('saas.crossing()'), 'execute')
                    and has_function_privilege(
                            a.oid, to_regprocedure('saas.cross(uuid,text,text,timestamptz)'), 'execute')
                    and has_table_privilege(a.oid, to_regclass('saas.audit'), 'select'), false),
           array(select c.oid::regclass::text from given g join pg_class c on c.oid = g.oid
                  where a.oid is not null
                    and not (has_table_privilege(a.oid, c.oid, 'select')
                             and exists (select from pg_policy p
                                          where p.polrelid = c.oid and p.polcmd in ('r', '*')
                                            and (p.polroles = '{0}' or a.oid = any (p.polroles))))
                  order by 1),
           array(select c.oid::regclass::text from given g join pg_class c on c.oid = g.oid
                  where a.oid is not null
                    and (has_any_column_privilege(a.oid, c.oid, 'insert, update')
                         or has_table_privilege(a.oid, c.oid, 'delete, truncate'))
                  order by 1)
      from asked a";

/// Of the registered tables with these ids.
pub(in super::super) async fn across(
    conn: &mut PgConnection,
    role: &str,
    oids: &[i64],
) -> Result<AcrossRole, sqlx::Error> {
    let mut query = about(oids, ROLE);
    query.push_bind(vec![role.to_owned()]).push(FACTS);
    let found = rows(conn, query).await?;
    let row = found.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(AcrossRole {
        name: row.try_get(0)?,
        exists: row.try_get(1)?,
        entered: row.try_get(2)?,
        granted: row.try_get(3)?,
        blind: row.try_get(4)?,
        writable: row.try_get(5)?,
    })
}

// Its owner has these rights for good, so taking them away would say nothing.
const AUDIT: &str = "
    select string_agg(distinct coalesce(quote_ident(a.rolname), 'public'), ', ')
      from pg_class c
     cross join lateral (select (aclexplode(c.relacl)).*
                         union all
                         select (aclexplode(k.attacl)).* from pg_attribute k
                          where k.attrelid = c.oid) g
      left join acting a on a.oid = g.grantee
     where c.oid = to_regclass('saas.audit')
       and g.privilege_type in ('UPDATE', 'DELETE', 'TRUNCATE')
       and g.grantee <> c.relowner and (g.grantee = 0 or a.oid is not null)";

/// Who may change entries.
pub(in super::super) async fn audit(
    conn: &mut PgConnection,
) -> Result<Option<String>, sqlx::Error> {
    let found = rows(conn, about(&[], AUDIT)).await?;
    found.first().map_or(Ok(None), |row| row.try_get(0))
}
