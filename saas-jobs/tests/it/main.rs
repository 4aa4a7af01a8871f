//! The queue on both databases, and on PostgreSQL behind PgBouncer.

mod conformance;
mod crash;
mod jobs;
mod reconnect;
mod site;
