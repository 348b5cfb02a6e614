//! Plans: what a job will do, as data.
//!
//! A plan is made by a synchronous function from what was seen and what was asked.
//! A dry run prints it; the run executes it, once.

pub mod backup;
mod expected;
pub mod restore;
#[cfg(test)]
mod sample;
mod segments;

pub use expected::{Expected, FileId};
pub use segments::{SegmentFiles, SegmentProblem, SegmentSeen};
