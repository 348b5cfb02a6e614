//! Durable jobs over the engine: queued, locked, watched, cancelled, and kept in SQLite.

mod job;

pub use job::{
    Job, JobFailure, JobFilter, JobKind, JobPage, JobState, Outcome, OtherPlace, Request, Submission,
};
