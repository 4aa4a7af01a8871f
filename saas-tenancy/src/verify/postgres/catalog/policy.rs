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
           coalesce(pg_function_is_visible(to_regprocedure('saas.tenant_id()')), false),
           coalesce(pg_function_is_visible(to_regprocedure('saas.crossing()')), false)
      from given g
      join pg_policy p on p.polrelid = g.oid
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
    let (tenant, crossing): (bool, bool) = (row.try_get(9)?, row.try_get(10)?);
    let qualified = |text: Option<String>| {
        text.map(|mut text| {
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
        using: qualified(row.try_get(7)?),
        check: qualified(row.try_get(8)?),
    })
}
