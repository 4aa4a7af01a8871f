//! Longer texts: what is certain, and what there is to decide.

#[doc = include_str!("guide/draft.md")]
pub mod draft {}

#[doc = include_str!("guide/guarantees.md")]
pub mod guarantees {}

#[doc = include_str!("guide/scope.md")]
pub mod scope {}

#[doc = include_str!("guide/clients.md")]
pub mod clients {}

#[doc = include_str!("guide/statuses.md")]
pub mod statuses {}

#[doc = include_str!("guide/payments.md")]
pub mod payments {}

#[doc = include_str!("guide/running.md")]
pub mod running {}
