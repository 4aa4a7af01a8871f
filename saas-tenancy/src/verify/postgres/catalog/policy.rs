use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::super::policy::{Command, Policy};
use super::{about, rows};

const POLICIES: &str = "
    select p.polrelid::bigint, quote_ident(p.polname), p.polcmd::text, p.polpermissive,
           array(select quote_ident(r.rolname) from pg_roles r
                  where r.oid = any (p.polroles) order by 1),
           p.polroles = '{0}' or exists (select from unnest(p.polroles) r
                                          where r <> 0 and pg_has_role(current_user, r, 'usage')),
           p.polroles = '{0}' or exists (select from acting a where a.oid = any (p.polroles)),
           pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid),
           p.polroles = '{0}' or exists (select from pg_roles r where r.rolname = current_user
                                          and r.oid = any (p.polroles)),
           'tenant_id' = any (v.names), 'crossing' = any (v.names),
           exists (select from pg_depend d join pg_operator o on o.oid = d.refobjid
                    where d.classid = 'pg_policy'::regclass and d.objid = p.oid
                      and d.refclassid = 'pg_operator'::regclass and o.oprname = '=')
      from given g
      join pg_policy p on p.polrelid = g.oid
     cross join (select array_agg(f.proname) as names
                   from pg_proc f join pg_namespace n on n.oid = f.pronamespace
                  where n.nspname = 'saas' and f.proname in ('tenant_id', 'crossing')
                    and f.pronargs = 0 and pg_function_is_visible(f.oid)) v
     order by p.polrelid, p.polname";

pub(in super::super) async fn policies(
    conn: &mut PgConnection,
    oids: &[i64],
) -> Result<Vec<Policy>, sqlx::Error> {
    rows(conn, about(oids, POLICIES)).await?.iter().map(read).collect()
}

fn read(row: &PgRow) -> Result<Policy, sqlx::Error> {
    // PostgreSQL prints a function without its schema where it would be found without: then the
    // schema is put back, so that one meaning has one text.
    let (tenant, crossing): (bool, bool) = (
        row.try_get::<Option<_>, _>(10)?.unwrap_or_default(),
        row.try_get::<Option<_>, _>(11)?.unwrap_or_default(),
    );
    // An operator of the application's own is printed as one of the server's if it is found first.
    let strange: bool = row.try_get(12)?;
    let qualified = |text: Option<String>| {
        text.map(|mut text| {
            if strange {
                text = text.replace(" = ", " operator(=) ");
            }
            if tenant {
                text = text.replace("tenant_id()", "saas.tenant_id()");
            }
            if crossing {
                text = text.replace("crossing()", "saas.crossing()");
            }
            text
        })
    };
    Ok(Policy {
        table: row.try_get(0)?,
        name: row.try_get(1)?,
        command: match row.try_get(2)? {
            "r" => Command::Select,
            "a" => Command::Insert,
            "w" => Command::Update,
            "d" => Command::Delete,
            _ => Command::All,
        },
        permissive: row.try_get(3)?,
        roles: row.try_get(4)?,
        applies: row.try_get(5)?,
        could_apply: row.try_get(6)?,
        named: row.try_get(9)?,
        using: qualified(row.try_get(7)?),
        check: qualified(row.try_get(8)?),
    })
}
