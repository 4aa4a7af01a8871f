//! Who did what: entries that are written with what they tell of and never change.

mod entries;
mod entry;
mod text;

pub use entries::{Audited, Entries};
pub use entry::Entry;

pub(crate) use text::{plain, within};
