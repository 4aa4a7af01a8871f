#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod backoff;
mod context;
mod dead;
mod error;
mod id;
mod job;
mod lane;
mod limit;
mod metrics;
mod migrations;
mod options;
mod outcome;
mod policy;
mod queue;
mod retention;
mod settle;
mod status;
mod step;
// Without PostgreSQL, part of what the two databases share is used by neither.
#[cfg_attr(not(feature = "postgres"), allow(dead_code))]
mod store;
mod text;
mod unique;
mod worker;

#[cfg(feature = "testing")]
mod testing;

pub use backoff::Backoff;
pub use context::JobContext;
pub use dead::{DeadJob, DeadLetters};
pub use error::{Error, ErrorKind};
pub use id::{JobId, StoredJob};
pub use job::{BoxError, Job, JobResult, Run};
pub use limit::Limit;
#[cfg(feature = "postgres")]
pub use migrations::grant;
pub use migrations::migrate;
pub use options::Options;
pub use outcome::{Outcome, Receipt};
pub use policy::Policy;
pub use queue::Queue;
pub use retention::Retention;
pub use status::{JobState, JobStatus, LastError, QueueStats};
pub use step::{OpenStep, Step};
pub use store::{Backend, QueueConnection};
#[cfg(feature = "testing")]
pub use testing::Drained;
pub use unique::{Enqueued, Unique};
pub use worker::Worker;
