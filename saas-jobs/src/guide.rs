//! Longer texts: a first job, what is certain, how to run it, test it and move to it.

#[doc = include_str!("guide/first_job.md")]
pub mod first_job {}

#[doc = include_str!("guide/transactions.md")]
pub mod transactions {}

#[doc = include_str!("guide/promises.md")]
pub mod promises {}

#[doc = include_str!("guide/production.md")]
pub mod production {}

#[doc = include_str!("guide/testing.md")]
pub mod testing {}

#[doc = include_str!("guide/moving.md")]
pub mod moving {}
