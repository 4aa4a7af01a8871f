//! Statements that cannot be built without their scope, one file per verb.

#[macro_use]
mod awaited;

mod assign;
mod cascade;
mod columns;
mod delete;
mod delete_all;
mod entities;
mod insert;
mod join;
mod order;
mod parts;
mod path;
mod purge;
mod read;
mod restore;
mod rows;
mod run;
mod select;
mod soft_delete;
mod soft_delete_all;
mod update;
mod update_all;
mod upsert;
mod which;

#[cfg(all(test, feature = "postgres", feature = "sqlite"))]
mod tests;

pub(crate) use parts::begin;
pub(crate) use rows::all as read_all;

#[cfg(feature = "testing")]
pub(crate) use assign::MANAGED;

pub use cascade::Deletion;
pub use columns::Columns;
pub use delete::Delete;
pub use delete_all::DeleteAll;
pub use entities::{Here, Includes, Inner, JoinedTo, Only, Outer, There};
pub use order::{Direction, Nulls};
pub use purge::{Purged, Purging};
pub use restore::{Restored, Restoring};
pub use select::{InTx, Lock, Select};
pub use soft_delete::Deleting;
pub use soft_delete_all::DeletingAll;
pub use update::{Update, Updated};
pub use update_all::UpdateAll;
pub use upsert::{Upsert, Upserted};
