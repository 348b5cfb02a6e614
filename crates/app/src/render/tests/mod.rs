//! Snapshots of every report and of every error message with its hint.

mod errors;
mod reports;
