//! The documents of `/api/v2` and of `--output json`, their conversions, and the table of exit codes and statuses.
//!
//! Both interfaces have the same documents. These own their data, so the command line renders the document of a server
//! with the code that renders the result of a local run. The documents are described in docs/json.md and docs/api.md.
//! New versions add fields and never remove any.

mod advice;
mod backup_contents;
mod backup_detail;
mod backup_list;
mod backup_report;
mod check_report;
mod deletion_report;
mod enumerations;
mod failure;
mod job;
mod job_kind;
mod job_progress;
mod l0_compaction_report;
mod page_token;
mod problem;
mod request;
mod restore_plan;
mod restore_report;
mod restore_request;
mod status_codes;
#[cfg(test)]
mod tests;
mod time;

pub use advice::{ApiTerms, KeyNames, RequestOption, Reword, Terms, describe_advice};
pub use backup_contents::{
    BackupContents, CollectionContentsDetail, PartitionContentsDetail, RowKey, SegmentContentsDetail,
};
pub use backup_detail::{BackupDetail, CollectionDetail};
pub use backup_list::{BackupList, BackupPage, BackupSummary};
pub use backup_report::{BackupPlan, BackupReport};
pub use check_report::CheckReport;
pub use deletion_report::DeletionReport;
pub use enumerations::{
    BackupFormat, BackupState, CheckState, Existing, FlushStrategy, JobState, LoadState, Phase,
    RestoreMethod, RestoreMode, TargetAction,
};
pub use failure::{Failure, FailureDocument};
pub use job::{Job, JobPage};
pub use job_kind::{JobKind, JobResult};
pub use job_progress::{Completion, JobCollection, JobPace, JobProgress};
pub use l0_compaction_report::L0CompactionReport;
pub use page_token::{decode_page_token, encode_page_token};
pub use problem::Problem;
pub use request::{NewBackup, parse_collection, parse_delete_request, parse_existing_name, parse_new_name};
pub use restore_plan::{PlannedCollectionRestore, PlannedRbac, RestorePlan};
pub use restore_report::{
    CollectionFailure, CollectionOutcome, RestoreReport, RestoredCollection, RestoredRbac,
};
pub use restore_request::NewRestore;
pub use status_codes::{DONE, FailureKind, StatusCodes, exit_code, kind_name};
pub use time::{UtcTime, duration_from_seconds};
