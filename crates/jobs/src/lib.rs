//! Durable jobs over the engine: queued, locked, watched, cancelled, and kept in SQLite.

mod again;
mod claims;
mod ending;
mod error;
mod job;
mod jobs;
mod left;
mod live;
mod retention;
mod run;
mod shared;
mod store;
mod submit;
mod table;
mod watching;

pub use again::RestoreFlags;
pub use error::JobsError;
pub use job::{
    Job, JobFailure, JobFilter, JobKind, JobPage, JobState, OtherPlace, Outcome, Request, Submission,
};
pub use jobs::{Jobs, JobsConfig};
pub use store::StoreError;
pub use table::JobCounts;
