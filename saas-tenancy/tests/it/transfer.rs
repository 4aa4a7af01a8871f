//! A tenant's rows out, gone, and in again.

mod faults;
mod kills;
mod models;
mod rows;
mod samples;
