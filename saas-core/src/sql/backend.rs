use chrono::{DateTime, NaiveDate, Utc};
use futures_core::future::BoxFuture;
use futures_core::stream::BoxStream;
use sqlx::{Database, QueryBuilder};
use uuid::Uuid;

use super::{Binds, Reads};
use crate::schema::Dialect;
use crate::{DeletionId, TenantId, Version};

/// How statements are prepared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Statements {
    /// Named and cached by the connection: one round trip once warm.
    #[default]
    Named,
    /// Unnamed: safe behind a pooler that gives each transaction another server connection.
    Unnamed,
}

/// One of the two databases: sqlx's own `Postgres` and `Sqlite`. Sealed.
///
/// Execution is concrete here, which ends the growth of bounds on `Arguments`, `Executor` and the
/// rest in generic code: a function over `DB: Backend` needs one bound per type it binds, and none
/// for the types named below.
pub trait Backend:
    Database<Connection: sqlx::Connection<Database = Self> + sqlx::migrate::Migrate>
    + sealed::Sealed
    + Binds<Uuid>
    + Binds<Option<Uuid>>
    + Binds<TenantId>
    + Binds<Option<TenantId>>
    + Binds<Version>
    + Binds<DeletionId>
    + Binds<Option<DeletionId>>
    + Binds<String>
    + Binds<Option<String>>
    + Binds<i16>
    + Binds<i32>
    + Binds<Option<i32>>
    + Binds<i64>
    + Binds<Option<i64>>
    + Binds<f64>
    + Binds<Option<f64>>
    + Binds<bool>
    + Binds<Option<bool>>
    + Binds<DateTime<Utc>>
    + Binds<Option<DateTime<Utc>>>
    + Binds<NaiveDate>
    + Binds<Option<NaiveDate>>
    + Binds<Vec<u8>>
    + Binds<Option<Vec<u8>>>
    + Binds<serde_json::Value>
    + Binds<Option<serde_json::Value>>
    + Reads<(i64,)>
    + Reads<(bool,)>
    + Reads<(String,)>
    + Reads<(Uuid,)>
    + Reads<(Option<Uuid>,)>
    + Reads<(Uuid, i64)>
{
    /// Which SQL it speaks.
    const DIALECT: Dialect;

    /// Runs a statement and returns how many rows it affected.
    fn execute(
        conn: &mut Self::Connection,
        query: QueryBuilder<Self>,
        statements: Statements,
    ) -> BoxFuture<'_, Result<u64, sqlx::Error>>;

    /// Runs a query and returns its rows.
    fn fetch_all(
        conn: &mut Self::Connection,
        query: QueryBuilder<Self>,
        statements: Statements,
    ) -> BoxFuture<'_, Result<Vec<Self::Row>, sqlx::Error>>;

    /// Runs a query and returns its first row, if any.
    fn fetch_optional(
        conn: &mut Self::Connection,
        query: QueryBuilder<Self>,
        statements: Statements,
    ) -> BoxFuture<'_, Result<Option<Self::Row>, sqlx::Error>>;

    /// Runs a query and streams its rows.
    fn fetch(
        conn: &mut Self::Connection,
        query: QueryBuilder<Self>,
        statements: Statements,
    ) -> BoxStream<'_, Result<Self::Row, sqlx::Error>>;

    /// Appends a placeholder and binds a text to it whose type the database takes from what it is
    /// compared with.
    ///
    /// Bound as a `String` it is `text` on PostgreSQL: no enum is compared with that, and a `citext`
    /// or a `char(n)` by other rules than it is sorted by. What it is compared with holds text in one
    /// of these forms; a number would take the text's bytes for its own.
    fn push_untyped(query: &mut QueryBuilder<Self>, text: &str);

    /// Whether chrono can hold every moment and date of a row, to be asked before the row is read:
    /// sqlx panics at one that it cannot, PostgreSQL's `infinity` among them.
    ///
    /// # Errors
    /// [`sqlx::Error::ColumnDecode`], which names the column.
    fn check_moments(row: &Self::Row) -> Result<(), sqlx::Error>;

    /// A moment or date as it stands in a column of a row, where the database keeps it as a text:
    /// SQLite does. `None` for NULL, and on PostgreSQL, which has types for both.
    ///
    /// # Errors
    /// What sqlx says of a column that is not there, or whose text is no UTF-8.
    fn stored_moment(row: &Self::Row, column: usize) -> Result<Option<&str>, sqlx::Error>;
}

mod sealed {
    pub trait Sealed {}
    #[cfg(feature = "postgres")]
    impl Sealed for sqlx::Postgres {}
    #[cfg(feature = "sqlite")]
    impl Sealed for sqlx::Sqlite {}
}

/// The same functions on both databases, written once: only the types differ, and sqlx's traits
/// cannot be named generically without the bounds this trait exists to end.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
macro_rules! execution {
    () => {
        fn execute(
            conn: &mut Self::Connection,
            mut query: QueryBuilder<Self>,
            statements: Statements,
        ) -> BoxFuture<'_, Result<u64, sqlx::Error>> {
            Box::pin(async move {
                let named = statements == Statements::Named;
                let done = query.build().persistent(named).execute(conn).await?;
                Ok(done.rows_affected())
            })
        }

        fn fetch_all(
            conn: &mut Self::Connection,
            mut query: QueryBuilder<Self>,
            statements: Statements,
        ) -> BoxFuture<'_, Result<Vec<Self::Row>, sqlx::Error>> {
            Box::pin(async move {
                let named = statements == Statements::Named;
                query.build().persistent(named).fetch_all(conn).await
            })
        }

        fn fetch_optional(
            conn: &mut Self::Connection,
            mut query: QueryBuilder<Self>,
            statements: Statements,
        ) -> BoxFuture<'_, Result<Option<Self::Row>, sqlx::Error>> {
            Box::pin(async move {
                let named = statements == Statements::Named;
                query.build().persistent(named).fetch_optional(conn).await
            })
        }

        fn fetch(
            conn: &mut Self::Connection,
            mut query: QueryBuilder<Self>,
            statements: Statements,
        ) -> BoxStream<'_, Result<Self::Row, sqlx::Error>> {
            // The query owns its text and values, so that the stream outlives the builder. A builder
            // never holds a failed argument: there is no error to lose here.
            let sql = query.sql();
            let arguments = query.build().take_arguments().ok().flatten().unwrap_or_default();
            let named = statements == Statements::Named;
            sqlx::query_with(sql, arguments).persistent(named).fetch(conn)
        }
    };
}

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use sqlx::Execute as _;
#[cfg(feature = "sqlite")]
use sqlx::Row as _;

#[cfg(feature = "postgres")]
use super::postgres;

#[cfg(feature = "postgres")]
impl Backend for sqlx::Postgres {
    const DIALECT: Dialect = Dialect::Postgres;
    execution!();

    fn push_untyped(query: &mut QueryBuilder<Self>, text: &str) {
        query.push_bind(postgres::Untyped(text));
    }

    fn check_moments(row: &Self::Row) -> Result<(), sqlx::Error> {
        postgres::check_moments(row)
    }

    fn stored_moment(_: &Self::Row, _: usize) -> Result<Option<&str>, sqlx::Error> {
        Ok(None)
    }
}

#[cfg(feature = "sqlite")]
impl Backend for sqlx::Sqlite {
    const DIALECT: Dialect = Dialect::Sqlite;
    execution!();

    // Differs: a value has its type with it, and is compared by the column's rules.
    fn push_untyped(query: &mut QueryBuilder<Self>, text: &str) {
        query.push_bind(text);
    }

    // Differs: what chrono cannot hold is a text that it cannot read, which is an error already.
    fn check_moments(_: &Self::Row) -> Result<(), sqlx::Error> {
        Ok(())
    }

    fn stored_moment(row: &Self::Row, column: usize) -> Result<Option<&str>, sqlx::Error> {
        // Unchecked, so that a number comes as its digits.
        row.try_get_unchecked(column)
    }
}
