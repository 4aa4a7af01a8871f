#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc = include_str!("../README.md")]

mod backoff;
mod context;
mod dead;
mod error;
pub mod guide;
mod id;
mod ids;
mod inbox;
mod info;
mod job;
mod lane;
mod layer;
mod limit;
mod message;
mod metrics;
mod migrations;
#[cfg(feature = "postgres")]
mod notify;
mod options;
mod outcome;
mod policy;
mod queue;
mod relay;
mod retention;
#[cfg(feature = "cron")]
mod schedule;
mod scope;
mod settle;
mod status;
mod step;
// Without PostgreSQL, part of what the two databases share is used by neither.
#[cfg_attr(not(feature = "postgres"), allow(dead_code))]
mod store;
mod text;
mod trace;
mod unique;
mod worker;

#[cfg(feature = "testing")]
pub mod testing;

pub use backoff::Backoff;
pub use context::JobContext;
pub use dead::{DeadJob, DeadLetters};
pub use error::{Error, ErrorKind};
pub use id::{JobId, StoredJob};
pub use info::JobInfo;
pub use job::{BoxError, Job, JobResult, Run, RunForTenant};
#[cfg(feature = "tower")]
pub use layer::{JobRequest, JobService};
pub use limit::Limit;
pub use message::{Message, Received};
#[cfg(feature = "postgres")]
pub use migrations::grant;
pub use migrations::migrate;
pub use options::Options;
pub use outcome::{Outcome, Receipt};
pub use policy::Policy;
pub use queue::Queue;
pub use relay::Publisher;
pub use retention::Retention;
#[cfg(feature = "cron")]
pub use schedule::{Missed, Schedule, StoredSchedule};
pub use status::{JobState, JobStatus, LastError, QueueStats};
pub use step::{OpenStep, Step};
pub use store::{Backend, QueueConnection};
#[cfg(feature = "testing")]
pub use testing::drain::{Drain, Drained};
pub use unique::{Enqueued, Unique};
pub use worker::Worker;
