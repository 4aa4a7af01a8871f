//! Statements that cannot be built without their scope, one file per verb.

mod insert;
mod parts;
mod restore;
mod run;
mod select;
mod soft_delete;
mod update;

pub use restore::{Restored, Restoring};
pub use select::{Direction, InTx, Select};
pub use soft_delete::{Deleting, Deletion};
pub use update::{Update, Updated};
