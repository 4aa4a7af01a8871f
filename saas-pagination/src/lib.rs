#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod cursor;
mod error;
mod filter;
mod key;
mod links;
mod list;
mod page;
mod plan;
mod query;
mod request;
mod scope;
mod seek;
mod statement;
mod value;

pub use cursor::{CursorError, Cursors};
pub use error::{Error, ErrorKind, Invalid};
pub use filter::{FilterColumn, Operator};
pub use key::{Key, KeyColumn, Nulls};
pub use list::List;
pub use page::{Page, PageInfo};
pub use plan::Plan;
pub use request::Request;
pub use scope::Scope;
pub use value::{Scalar, Value};
