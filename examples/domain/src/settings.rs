//! Values that all processes of one deployment share: made by the first of them, kept in the
//! database.

use saas_core::sql::{Backend, Binds, Reads, Statements};
use sqlx::{Pool, QueryBuilder};

use crate::Db;

/// The value of a setting and whether it was made just now, by `fresh`.
pub async fn get_or_make<D: Db>(
    pool: &Pool<D>,
    name: &'static str,
    fresh: Vec<u8>,
) -> Result<(Vec<u8>, bool), sqlx::Error> {
    // In a transaction and unnamed, so that it works behind a pooler as well.
    let mut conn = pool.begin().await?;
    // Of processes that start together one makes it; the others read it.
    let mut insert = QueryBuilder::new("insert into settings (name, value) values (");
    <D as Binds<String>>::push_bind(&mut insert, &name.to_owned());
    insert.push(", ");
    <D as Binds<Vec<u8>>>::push_bind(&mut insert, &fresh);
    insert.push(") on conflict (name) do nothing");
    let made = D::execute(&mut conn, insert, Statements::Unnamed).await? == 1;
    let mut select = QueryBuilder::new("select value from settings where name = ");
    <D as Binds<String>>::push_bind(&mut select, &name.to_owned());
    let row = <D as Backend>::fetch_optional(&mut conn, select, Statements::Unnamed).await?;
    let row = row.ok_or(sqlx::Error::RowNotFound)?;
    conn.commit().await?;
    Ok((<D as Reads<(Vec<u8>,)>>::read(&row)?.0, made))
}
