//! What is asked of SQLite: facts, not judgements.

use saas_core::sql::{Backend, Statements};
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::own::Stored;
use super::table::{Column, ForeignKey, Index, Table};

pub(super) async fn foreign_keys_on(conn: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let query = QueryBuilder::new("select foreign_keys from pragma_foreign_keys");
    rows(conn, query).await?.first().map_or(Ok(false), |row| row.try_get(0))
}

pub(super) async fn table(
    conn: &mut SqliteConnection,
    name: &'static str,
) -> Result<Table, sqlx::Error> {
    Ok(Table {
        name,
        columns: columns(conn, name).await?,
        indexes: indexes(conn, name).await?,
        triggers: triggers(conn, name).await?,
    })
}

async fn columns(conn: &mut SqliteConnection, name: &str) -> Result<Vec<Column>, sqlx::Error> {
    let mut query = QueryBuilder::new(
        "select c.name, not c.\"notnull\", c.pk
           from sqlite_schema m join pragma_table_info(m.name) c
          where m.type = 'table' and m.name = ",
    );
    query.push_bind(name);
    let read = |row: &SqliteRow| {
        Ok(Column { name: row.try_get(0)?, nullable: row.try_get(1)?, key: row.try_get(2)? })
    };
    rows(conn, query).await?.iter().map(read).collect()
}

async fn indexes(conn: &mut SqliteConnection, name: &str) -> Result<Vec<Index>, sqlx::Error> {
    let mut query = QueryBuilder::new(
        "select i.name, i.\"unique\", i.origin = 'c', i.partial, c.name
           from pragma_index_list(",
    );
    // The primary key is judged by the table's columns.
    query.push_bind(name).push(
        ") i join pragma_index_info(i.name) c where i.origin <> 'pk' order by i.name, c.seqno",
    );
    let mut indexes: Vec<Index> = Vec::new();
    for row in rows(conn, query).await? {
        let (name, column): (String, Option<String>) = (row.try_get(0)?, row.try_get(4)?);
        match indexes.last_mut().filter(|index| index.name == name) {
            Some(index) => index.columns.push(column),
            None => indexes.push(Index {
                name,
                unique: row.try_get(1)?,
                created: row.try_get(2)?,
                partial: row.try_get(3)?,
                columns: vec![column],
            }),
        }
    }
    Ok(indexes)
}

async fn triggers(conn: &mut SqliteConnection, name: &str) -> Result<Vec<String>, sqlx::Error> {
    let mut query =
        QueryBuilder::new("select sql from sqlite_schema where type = 'trigger' and tbl_name = ");
    query.push_bind(name);
    rows(conn, query).await?.iter().map(|row| row.try_get(0)).collect()
}

/// What has a name of this crate's, or belongs to what has.
pub(super) async fn own(conn: &mut SqliteConnection) -> Result<Vec<Stored>, sqlx::Error> {
    let query = QueryBuilder::new(
        "select type, name, tbl_name, sql from sqlite_schema
          where sql is not null and (name like 'saas\\_%' escape '\\' or tbl_name like 'saas\\_%' escape '\\')",
    );
    let read = |row: &SqliteRow| {
        Ok(Stored {
            kind: row.try_get(0)?,
            name: row.try_get(1)?,
            table: row.try_get(2)?,
            sql: row.try_get(3)?,
        })
    };
    rows(conn, query).await?.iter().map(read).collect()
}

/// The foreign keys of every table there is.
pub(super) async fn foreign_keys(
    conn: &mut SqliteConnection,
) -> Result<Vec<ForeignKey>, sqlx::Error> {
    let query = QueryBuilder::new(
        "select m.name, f.id, f.\"table\", f.\"from\", f.\"to\"
           from sqlite_schema m join pragma_foreign_key_list(m.name) f
          where m.type = 'table'
          order by m.name, f.id, f.seq",
    );
    let mut keys: Vec<(i64, ForeignKey)> = Vec::new();
    for row in rows(conn, query).await? {
        let (child, id): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
        let column = (row.try_get(3)?, row.try_get(4)?);
        match keys.last_mut().filter(|(of, key)| *of == id && key.child == child) {
            Some((_, key)) => key.columns.push(column),
            None => {
                let parent = row.try_get(2)?;
                keys.push((id, ForeignKey { child, parent, columns: vec![column] }));
            }
        }
    }
    Ok(keys.into_iter().map(|(_, key)| key).collect())
}

async fn rows(
    conn: &mut SqliteConnection,
    query: QueryBuilder<Sqlite>,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    Sqlite::fetch_all(conn, query, Statements::Unnamed).await
}
