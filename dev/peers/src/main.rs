//! sea-orm's cursor over the table of the pagination bench, as its documentation shows it.
//!
//! On standard input first the URL of the database, then a question a line:
//!
//! - `page LIMIT CALLS [CREATED_AT_IN_MICROS ID]`: the page after that row, or the first, so often;
//! - `whole LIMIT PAGES`: so many pages from the first on.
//!
//! Each is answered by a line on standard output: the microseconds of one call, or of the whole walk,
//! and the id of the last row. A page's last row is one too many and is not counted.

use std::error::Error;
use std::io::{Lines, StdinLock};
use std::time::Instant;

use chrono::{DateTime, Utc};
use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{
    ConnectOptions, Database, DatabaseTransaction, DbErr, EntityTrait, QueryFilter,
    TransactionTrait,
};
use uuid::Uuid;

mod entry {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "entries")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub created_at: ChronoDateTimeUtc,
        pub due_on: Option<ChronoDate>,
        pub total: i64,
        pub batch: i64,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

const TENANT: Uuid = Uuid::from_u128(1);

type Key = (DateTime<Utc>, Uuid);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut lines = std::io::stdin().lines();
    let mut options = ConnectOptions::new(lines.next().ok_or("no URL")??);
    // One connection that is neither pinged nor logged, as ours.
    options.max_connections(1).min_connections(1).test_before_acquire(false).sqlx_logging(false);
    let db = Database::connect(options).await?;
    // In one transaction: it would give the connection back to its pool after every statement, and
    // the pool tries each that it gets back. Ours is measured on a connection that it keeps.
    answer(&db.begin().await?, lines).await
}

async fn answer(
    db: &DatabaseTransaction,
    lines: Lines<StdinLock<'static>>,
) -> Result<(), Box<dyn Error>> {
    for line in lines {
        let line = line?;
        let words: Vec<_> = line.split_whitespace().collect();
        let begun = Instant::now();
        let (last, calls) = match words[..] {
            ["page", limit, calls, ref key @ ..] => {
                let (limit, calls) = (limit.parse()?, calls.parse()?);
                (many(db, key_of(key)?, limit, calls).await?, calls)
            }
            ["whole", limit, pages] => (whole(db, limit.parse()?, pages.parse()?).await?, 1),
            _ => return Err(format!("no such question: {line}").into()),
        };
        let micros = begun.elapsed().as_secs_f64() * 1e6 / f64::from(calls);
        println!("{micros} {}", last.ok_or("no row")?);
    }
    Ok(())
}

fn key_of(words: &[&str]) -> Result<Option<Key>, Box<dyn Error>> {
    let [created_at, id] = words else { return Ok(None) };
    let created_at = DateTime::from_timestamp_micros(created_at.parse()?).ok_or("no such time")?;
    Ok(Some((created_at, id.parse()?)))
}

async fn many(
    db: &DatabaseTransaction,
    after: Option<Key>,
    limit: u64,
    calls: u32,
) -> Result<Option<Uuid>, DbErr> {
    let mut last = None;
    for _ in 0..calls {
        let mut page = page(db, after, limit).await?;
        page.pop();
        last = page.pop().map(|row| row.id);
    }
    Ok(last)
}

async fn whole(db: &DatabaseTransaction, limit: u64, pages: usize) -> Result<Option<Uuid>, DbErr> {
    let mut last = None;
    for _ in 0..pages {
        let page = page(db, last, limit).await?;
        last = page.last().map(|row| (row.created_at, row.id));
    }
    Ok(last.map(|(_, id)| id))
}

async fn page(
    db: &DatabaseTransaction,
    after: Option<Key>,
    limit: u64,
) -> Result<Vec<entry::Model>, DbErr> {
    let mut cursor = entry::Entity::find()
        .filter(Expr::col("tenant_id").eq(TENANT))
        .cursor_by((entry::Column::CreatedAt, entry::Column::Id));
    cursor.desc().first(limit);
    if let Some(after) = after {
        cursor.after(after);
    }
    cursor.all(db).await
}
