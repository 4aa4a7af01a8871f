//! What is asked of PostgreSQL's catalog: facts, not judgements.

mod across;
mod function;
mod key;
mod own;
mod policy;
mod reach;
mod role;
mod session;
mod table;
mod trigger;
mod view;

use saas_core::sql::{Backend, Statements};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Postgres, QueryBuilder};

pub(super) use across::across;
pub(super) use function::own_functions;
pub(super) use key::{foreign_keys, unique_keys};
pub(super) use own::{own_rights, own_tables, strangers};
pub(super) use policy::policies;
pub(super) use reach::{definers, rules};
pub(super) use role::{role, settings};
pub(super) use session::session;
pub(super) use table::tables;
pub(super) use trigger::unchecked;
pub(super) use view::views;

/// The tables in question, and every role that the connection is or can become, through any chain of
/// memberships; not the current role, which `reset role` would leave.
fn about(oids: &[i64], sql: &'static str) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("with recursive given as (select unnest(");
    query.push_bind(oids.to_vec());
    query.push("::bigint[]::oid[]) as oid), ").push(ACTING).push(sql);
    query
}

const ACTING: &str = "acting as (
    select oid, rolname from pg_roles where pg_has_role(session_user, oid, 'member'))";

async fn rows(
    conn: &mut PgConnection,
    query: QueryBuilder<Postgres>,
) -> Result<Vec<PgRow>, sqlx::Error> {
    Postgres::fetch_all(conn, query, Statements::Unnamed).await
}
