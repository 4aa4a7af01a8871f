use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::super::key::Unchecked;
use super::{about, rows};

// What an application disables of its own is its own affair; these belong to constraints.
const TRIGGERS: &str = "
    select t.tgrelid::regclass::text, array_agg(quote_ident(t.tgname) order by t.tgname)
      from given g
      join pg_trigger t on t.tgrelid = g.oid and t.tgisinternal and t.tgenabled in ('D', 'R')
     group by t.tgrelid
     order by 1";

/// The tables on which constraints are not checked.
pub(in super::super) async fn unchecked(
    conn: &mut PgConnection,
    oids: &[i64],
) -> Result<Vec<Unchecked>, sqlx::Error> {
    let read = |row: &PgRow| Ok(Unchecked { table: row.try_get(0)?, triggers: row.try_get(1)? });
    rows(conn, about(oids, TRIGGERS)).await?.iter().map(read).collect()
}
