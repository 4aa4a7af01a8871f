//! The seam: how crates that do not know each other put one statement together and run it.
//!
//! Three plain currencies cross it: sqlx's `QueryBuilder<DB>`, a borrowed connection (so any
//! transaction will do), and this crate's values. A [`Fragment`] is a piece of SQL with its values;
//! a [`Backend`] is one of sqlx's own `Postgres` and `Sqlite`.
//!
//! ```
//! use saas_core::sql::{Backend, Fragment, Statements};
//!
//! /// Works on both databases, inside any transaction.
//! async fn count<DB: Backend>(
//!     conn: &mut DB::Connection,
//!     rows: &dyn Fragment<DB>,
//! ) -> Result<usize, sqlx::Error> {
//!     let mut query = sqlx::QueryBuilder::new("select 1 from (");
//!     rows.push_to(&mut query);
//!     query.push(") rows");
//!     Ok(DB::fetch_all(conn, query, rows.statements()).await?.len())
//! }
//! ```

mod backend;
mod comparison;
mod condition;
mod fragment;
mod migrations;
#[cfg(feature = "postgres")]
mod postgres;
mod types;
mod values;

pub use backend::{Backend, Statements};
pub use comparison::{Compare, InList, IsNull, Like};
pub use condition::{And, Condition, Not, Or, Trusted};
pub use fragment::{Fragment, FromFn, Raw, fragment};
pub use migrations::Migrations;
#[cfg(feature = "postgres")]
pub use migrations::grant;
pub use values::{Binds, Reads, Record, Stores, Writes};

/// Names that macros of this crate write into user crates; not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use sqlx::QueryBuilder;
    pub use sqlx::encode::IsNull;
    pub use sqlx::error::BoxDynError;
}
