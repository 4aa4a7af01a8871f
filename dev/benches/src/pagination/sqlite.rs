//! The same in a SQLite file.

use sqlx::{QueryBuilder, Sqlite};

use super::table::{self, Rows};
use super::{depth, shapes, whole};
use crate::{Result, Size};

pub(super) async fn run(rows: Rows, size: Size) -> Result<()> {
    let file = saas_testkit::sqlite().await;
    let mut conn = file.pool.acquire().await?;
    let script = QueryBuilder::<Sqlite>::new(table::sqlite(rows)).into_sql();
    sqlx::raw_sql(script).execute(&mut *conn).await?;
    depth::run::<Sqlite>(&mut conn, "pagination/sqlite", &shapes::ALL, rows, size).await?;
    whole::run::<Sqlite>(&mut conn, "pagination/sqlite/whole", size).await
}
