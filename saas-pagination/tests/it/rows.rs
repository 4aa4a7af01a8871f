//! A table with a column of every kind.

use chrono::{DateTime, NaiveDate, Utc};
use saas_core::Kind;
use saas_core::schema::Dialect;
use saas_core::sql::{Backend, Binds, Statements};
use sqlx::QueryBuilder;
use uuid::Uuid;

use crate::databases::run;

#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(crate) struct Row {
    pub(crate) id: Uuid,
    pub(crate) whole: Option<i64>,
    pub(crate) float: Option<f64>,
    pub(crate) text: Option<String>,
    pub(crate) moment: Option<DateTime<Utc>>,
    pub(crate) uuid: Option<Uuid>,
    pub(crate) flag: Option<bool>,
    pub(crate) day: Option<NaiveDate>,
    pub(crate) bytes: Option<Vec<u8>>,
}

pub(crate) const COLUMNS: [(&str, Kind); 8] = [
    ("whole", Kind::BigInt),
    ("float", Kind::Float),
    ("text", Kind::Text),
    ("moment", Kind::Timestamp),
    ("uuid", Kind::Uuid),
    ("flag", Kind::Bool),
    ("day", Kind::Date),
    ("bytes", Kind::Bytes),
];

/// Makes `table` of this connection's own, without rows.
pub(crate) async fn create<DB: Backend>(conn: &mut DB::Connection, table: &str) {
    create_with::<DB>(conn, table, "text", DB::DIALECT.type_name(Kind::Text)).await;
}

/// The same with another type for one column, or with more than the type.
pub(crate) async fn create_with<DB: Backend>(
    conn: &mut DB::Connection,
    table: &str,
    column: &str,
    declared: &str,
) {
    let id = DB::DIALECT.type_name(Kind::Uuid);
    let columns = COLUMNS.map(|(name, kind)| {
        let usual = DB::DIALECT.type_name(kind);
        format!(", {name} {}", if name == column { declared } else { usual })
    });
    run::<DB>(conn, format!("drop table if exists {table}")).await;
    let columns = columns.concat();
    run::<DB>(conn, format!("create temporary table {table} (id {id} primary key{columns})")).await;
}

/// Takes every row out. Differs: PostgreSQL would keep the dead ones for whoever looks for the others.
pub(crate) async fn empty<DB: Backend>(conn: &mut DB::Connection, table: &str) {
    let verb = match DB::DIALECT {
        Dialect::Postgres => "truncate",
        Dialect::Sqlite => "delete from",
    };
    run::<DB>(conn, format!("{verb} {table}")).await;
}

pub(crate) async fn insert<DB: Backend>(conn: &mut DB::Connection, table: &str, rows: &[Row]) {
    if rows.is_empty() {
        return;
    }
    let mut query = QueryBuilder::<DB>::new(format!("insert into {table} values "));
    for (index, row) in rows.iter().enumerate() {
        query.push(if index == 0 { "(" } else { ", (" });
        <DB as Binds<Uuid>>::push_bind(&mut query, &row.id);
        query.push(", ");
        <DB as Binds<Option<i64>>>::push_bind(&mut query, &row.whole);
        query.push(", ");
        <DB as Binds<Option<f64>>>::push_bind(&mut query, &row.float);
        query.push(", ");
        <DB as Binds<Option<String>>>::push_bind(&mut query, &row.text);
        query.push(", ");
        <DB as Binds<Option<DateTime<Utc>>>>::push_bind(&mut query, &row.moment);
        query.push(", ");
        <DB as Binds<Option<Uuid>>>::push_bind(&mut query, &row.uuid);
        query.push(", ");
        <DB as Binds<Option<bool>>>::push_bind(&mut query, &row.flag);
        query.push(", ");
        <DB as Binds<Option<NaiveDate>>>::push_bind(&mut query, &row.day);
        query.push(", ");
        <DB as Binds<Option<Vec<u8>>>>::push_bind(&mut query, &row.bytes);
        query.push(")");
    }
    DB::execute(conn, query, Statements::Unnamed).await.unwrap();
}
