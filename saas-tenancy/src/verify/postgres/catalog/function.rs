use sqlx::postgres::PgRow;
use sqlx::{PgConnection, QueryBuilder, Row};

use super::super::function::{ASKED, Function};
use super::rows;

// By the schema's name, since looking a name up asks for a right on the schema.
const FUNCTIONS: &str = "::text[]) with ordinality)
    select p.prosrc, l.lanname::text, p.provolatile::text, p.prosecdef,
           coalesce(p.proconfig, '{}'),
           has_function_privilege(p.oid, 'execute') and has_schema_privilege(n.oid, 'usage'),
           pg_has_role(session_user, p.proowner, 'member'),
           (select string_agg(case g.grantee when 0 then 'public' else quote_ident(session_user) end, ', ')
              from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) g
              left join pg_roles s on s.rolname = session_user
             where g.grantee <> p.proowner and g.grantee in (0, s.oid))
      from asked a
      left join pg_namespace n on n.nspname = 'saas'
      left join pg_proc p
        on p.pronamespace = n.oid and p.proname = substring(a.name from '\\.(\\w+)\\(')
       and format('saas.%s(%s)', p.proname,
                  replace(oidvectortypes(p.proargtypes), 'timestamp with time zone', 'timestamptz')) = a.name
      left join pg_language l on l.oid = p.prolang
     order by a.place";

/// This crate's own functions, in the order in which they are judged.
pub(in super::super) async fn own_functions(
    conn: &mut PgConnection,
) -> Result<Vec<Option<Function>>, sqlx::Error> {
    let mut query = QueryBuilder::new("with asked(name, place) as (select * from unnest(");
    query.push_bind(ASKED.map(|function| function.name.to_owned()).to_vec()).push(FUNCTIONS);
    rows(conn, query).await?.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<Option<Function>, sqlx::Error> {
    let Some(body) = row.try_get(0)? else { return Ok(None) };
    Ok(Some(Function {
        body,
        language: row.try_get(1)?,
        volatility: row.try_get(2)?,
        definer: row.try_get(3)?,
        settings: row.try_get(4)?,
        executable: row.try_get(5)?,
        owned: row.try_get(6)?,
        holders: row.try_get(7)?,
    }))
}
