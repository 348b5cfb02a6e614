//! Plans of jobs: what a job will do, as data.
//!
//! A synchronous function computes a plan from a request and from facts about the source, the backup and the target.
//! A dry run prints the plan; a run executes it once.

pub mod backup;
mod expected;
mod l0_compaction;
pub mod restore;
#[cfg(test)]
mod sample;
mod segments;
mod surplus;

pub use expected::ExpectedFiles;
pub use l0_compaction::replace_l0;
pub use segments::{ListedSegments, SegmentFiles, SegmentProblem, UnsupportedSegment};
pub use surplus::{CountedFile, find_own_files};
