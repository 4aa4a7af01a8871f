//! What a tenant has otherwise than the program's defaults.

mod change;
mod finite;
mod setting;
mod values;

pub use setting::{Flag, Setting, Typed};
pub use values::Settings;
