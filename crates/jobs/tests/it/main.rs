//! Tests of jobs with a simulated Milvus whose files are on the local disk.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test fails by panicking")]

extern crate milvus_backup_jobs as jobs;

mod cancel;
mod claims;
mod data_dir;
mod fixtures;
mod lists;
mod panics;
mod queue;
mod restart;
mod resubmission;
mod retention;
mod stored_formats;
mod watch;
