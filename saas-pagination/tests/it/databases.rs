//! A connection to each database.

use saas_core::sql::{Backend, Reads, Statements};
use sqlx::{Connection, PgConnection, QueryBuilder, SqliteConnection};

use crate::rows::Row;

/// What the tests ask of a database.
pub(crate) trait Db: Backend + Reads<Row> {}
impl<DB: Backend + Reads<Row>> Db for DB {}

pub(crate) async fn sqlite() -> SqliteConnection {
    SqliteConnection::connect(":memory:").await.unwrap()
}

pub(crate) async fn postgres() -> PgConnection {
    let options = saas_testkit::postgres("t_pagination").await.app_options;
    PgConnection::connect_with(&options).await.unwrap()
}

/// Runs a statement of the test's own.
pub(crate) async fn run<DB: Backend>(conn: &mut DB::Connection, sql: impl Into<String>) {
    let query = QueryBuilder::new(sql.into());
    DB::execute(conn, query, Statements::Unnamed).await.unwrap();
}
