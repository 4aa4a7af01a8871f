//! One suite for both databases, directly and through PgBouncer; then what only PostgreSQL promises.

mod cancel;
mod conformance;
mod fixture;
mod postgres;
