//! The documents that leave and enter the program: those of `--output json` and those of `/api/v2`, which are the same.
//!
//! They are owned types, made of the engine's, so that what a server answered is rendered by the code that renders
//! what was done here. Described in docs/json.md and docs/api.md; fields are only ever added.

mod advice;
mod backup;
mod catalog;
mod diagnosis;
mod job;
mod page;
mod problem;
mod request;
mod restore;
mod status;
#[cfg(test)]
mod tests;
mod time;
mod word;

pub use advice::{ApiTerms, RequestOption, Reword, Terms, describe_advice};
pub use backup::{BackupPlan, BackupReport};
pub use catalog::{BackupPage, Collection, Deleted, Detail, List, Summary};
pub use diagnosis::{Checks, Failed};
pub use job::{Job, JobCollection, JobPage, JobProgress, JobResult, Pace, Part};
pub use page::{after, token_after};
pub use problem::Problem;
pub use request::{NewBackup, NewRestore, deletion, existing_name};
pub use restore::{PlannedRestore, RestoreOutcome, RestorePlan, RestoreReport, Restored, RestoredFailure};
pub use status::{DONE, Failure, Kind, Status, exit_code, kind_name};
pub use time::{Time, duration, seconds};
pub use word::{Action, BackupState, CheckState, Existing, JobKind, JobState, LoadState, Phase, Strategy};
