//! A connection to each database.

use saas_core::sql::{Backend, Reads, Statements};
use sqlx::{Connection, PgConnection, QueryBuilder, SqliteConnection};

use crate::rows::Row;

/// Runs each function on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test]
            async fn $name() {
                super::$name::<sqlx::Sqlite>(&mut crate::databases::sqlite().await).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name::<sqlx::Postgres>(&mut crate::databases::postgres().await).await;
            })*
        }
    };
}
pub(crate) use on_both;

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
