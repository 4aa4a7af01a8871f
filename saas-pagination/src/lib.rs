#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod connection;
mod counting;
mod cursor;
mod error;
mod filter;
mod index;
mod key;
mod links;
mod list;
#[cfg(feature = "openapi")]
mod openapi;
mod page;
#[cfg(any(feature = "axum", feature = "actix"))]
mod page_query;
mod plan;
mod query;
mod request;
mod row;
mod run;
mod scope;
mod seek;
mod statement;
mod stream;
mod total;
mod value;
mod window;

#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "axum")]
mod axum;

pub use connection::{Connection, ConnectionInfo, ConnectionPlan, ConnectionRequest, Edge};
pub use counting::Counting;
pub use cursor::{CursorError, Cursors};
pub use error::{Error, ErrorKind, Invalid};
pub use filter::{FilterColumn, Operator};
pub use index::Indexes;
pub use key::{Key, KeyColumn, Nulls};
pub use list::List;
pub use page::{Page, PageInfo};
#[cfg(any(feature = "axum", feature = "actix"))]
pub use page_query::{PageQuery, PageResponse};
pub use plan::Plan;
pub use request::Request;
pub use scope::Scope;
pub use total::{Count, Total};
pub use value::{Scalar, Value};

// What the signatures above are written with, so that a service without the rest of the family
// names this crate only.
pub use saas_core::sql::{Backend, Fragment, Raw, Reads, Statements, fragment};
pub use saas_core::{Clock, Kind, Problem};

#[cfg(feature = "derive")]
#[doc = include_str!("derive.md")]
pub use saas_pagination_derive::List;
