//! Longer texts, for a decision or a change that takes an afternoon.

#[doc = include_str!("guide/isolation.md")]
pub mod isolation {}

#[doc = include_str!("guide/adopting.md")]
pub mod adopting {}

#[doc = include_str!("guide/pgbouncer.md")]
pub mod pgbouncer {}
