//! Who did what: entries that are written with what they tell of and never change.

mod entries;
mod entry;
mod json;
mod text;

pub use entries::{Audited, Entries};
pub use entry::AuditEntry;

pub(crate) use json::{Bounds, DEPTH, within};
pub(crate) use text::plain;
