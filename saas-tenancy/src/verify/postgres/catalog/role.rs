use sqlx::{PgConnection, QueryBuilder, Row};

use super::super::role::{Role, Setting};
use super::{about, rows};

// The predefined roles that read and write the server's files or run its programs get around
// everything, like a superuser; the one that writes all data forges what is only to be added to.
const ROLE: &str = "
    select format('\"%s\"', replace(r.rolname, '\"', '\"\"')), r.rolsuper, r.rolbypassrls,
           r.rolcreaterole, r.rolreplication,
           case when s.oid <> r.oid and (s.rolsuper or s.rolbypassrls)
                then quote_ident(s.rolname) end,
           (select quote_ident(o.rolname) from pg_roles o
             where (o.rolsuper or o.rolbypassrls or o.rolname in (
                        'pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files',
                        'pg_write_all_data'))
               and o.oid <> r.oid and pg_has_role(s.oid, o.oid, 'member')
             order by o.rolname limit 1)
      from pg_roles r
      join pg_roles s on s.rolname = session_user
     where r.rolname = current_user";

pub(in super::super) async fn role(conn: &mut PgConnection) -> Result<Role, sqlx::Error> {
    let found = rows(conn, QueryBuilder::new(ROLE)).await?;
    let row = found.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(Role {
        name: row.try_get(0)?,
        superuser: row.try_get(1)?,
        bypasses: row.try_get(2)?,
        makes_roles: row.try_get(3)?,
        replicates: row.try_get(4)?,
        login: row.try_get(5)?,
        can_become: row.try_get(6)?,
    })
}

// The last line is for a setting that came with the connection.
const SETTINGS: &str = ", bad as (
        select 'row_security' as name where current_setting('row_security') = 'off'
        union all
        select 'app.tenant_id' where nullif(current_setting('app.tenant_id', true), '') is not null
        union all
        select 'session_replication_role' where current_setting('session_replication_role') <> 'origin'),
    stored as (
        select split_part(c, '=', 1) as name,
               case when s.setrole = 0 then format('alter database %I', d.datname)
                    when s.setdatabase = 0 then format('alter role %I', r.rolname)
                    else format('alter role %I in database %I', r.rolname, d.datname) end as alter
          from pg_db_role_setting s
         cross join unnest(s.setconfig) c
          left join pg_roles r on r.oid = s.setrole
          left join pg_database d on d.oid = s.setdatabase
         where (s.setrole = 0 or r.rolname = session_user)
           and (s.setdatabase = 0 or d.datname = current_database()))
    select bad.name, stored.alter || ' reset ' || bad.name, null
      from bad
      left join stored on stored.name = bad.name
     union all
    select p.parname, null,
           'revoke set on parameter ' || p.parname || ' from '
               || string_agg(distinct coalesce(quote_ident(a.rolname), 'public'), ', ')
      from pg_parameter_acl p
     cross join aclexplode(p.paracl) g
      left join acting a on a.oid = g.grantee
     where p.parname = 'session_replication_role' and g.privilege_type = 'SET'
       and (g.grantee = 0 or a.oid is not null)
     group by p.parname";

pub(in super::super) async fn settings(
    conn: &mut PgConnection,
) -> Result<Vec<Setting>, sqlx::Error> {
    let read = |row: &sqlx::postgres::PgRow| {
        let name = row.try_get(0)?;
        Ok(match (row.try_get(1)?, row.try_get(2)?) {
            (_, Some(revoke)) => Setting::Settable { name, revoke },
            (Some(reset), _) => Setting::Stored { name, reset },
            (None, None) => Setting::Brought(name),
        })
    };
    rows(conn, about(&[], SETTINGS)).await?.iter().map(read).collect()
}
