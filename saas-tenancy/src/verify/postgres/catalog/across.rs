use sqlx::{PgConnection, Row};

use super::super::across::AcrossRole;
use super::{about, rows};

// That a membership itself says whether it inherits is read so that servers without the column do
// not stumble over it.
// A policy for everybody counts: what it requires is judged with the other policies.
const ROLE: &str = ", asked as (select name, (select oid from pg_roles where rolname = name) as oid
                    from unnest(";

const FACTS: &str = "::text[]) name)
    select quote_ident(a.name), a.oid is not null,
           coalesce(pg_has_role(session_user, a.oid, 'member'), false),
           array(select quote_ident(r.rolname)
                   from pg_auth_members m
                   join pg_roles r on r.oid = m.roleid
                   join pg_roles s on s.oid = m.member and s.rolname = session_user and not s.rolsuper
                  where pg_has_role(s.oid, a.oid, 'usage') and pg_has_role(m.roleid, a.oid, 'usage')
                    and coalesce((to_jsonb(m) ->> 'inherit_option')::boolean, true)
                  order by 1),
           current_setting('server_version_num')::int >= 160000,
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
        inherited: row.try_get(3)?,
        inherits_by_grant: row.try_get(4)?,
        granted: row.try_get(5)?,
        blind: row.try_get(6)?,
        writable: row.try_get(7)?,
    })
}
