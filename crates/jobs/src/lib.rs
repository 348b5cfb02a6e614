//! Durable jobs over the engine: a queue with limits, claims, cancellation, watchers, and storage in SQLite.

mod active_job;
mod claims;
mod ending;
mod error;
mod execution;
mod failure;
mod interruption;
mod job;
mod job_table;
mod jobs;
mod kind;
mod retention;
#[cfg(test)]
mod sample;
mod shared_state;
mod store;
mod submission;
mod watch;

pub use error::JobsError;
pub use failure::JobFailure;
pub use job::{JobFilter, JobPage, JobSnapshot, JobState, OtherPlace, Submission};
pub use job_table::JobCounts;
pub use jobs::{Jobs, JobsConfig};
pub use kind::{EngineRequest, JobEffect, JobKind, JobOutcome};
pub use store::StoreError;
