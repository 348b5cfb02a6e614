//! What a backup would do, and what it did.

use engine::Advice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BackupState, Strategy, Time, seconds};
use crate::advice::{Reword, Terms, hint_of, reword_hint};
use crate::{DONE, exit_code};

/// What a backup would do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupPlan {
    /// Always true.
    pub dry_run: bool,
    /// The backup's name.
    pub name: String,
    /// How collections would be flushed.
    pub strategy: Strategy,
    /// How bytes would travel, in words.
    pub copy: String,
    /// Selected databases.
    pub databases: Vec<String>,
    /// Selected collections.
    pub collections: Vec<PlannedBackup>,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// Files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What the operator should know.
    pub warnings: Vec<String>,
}

/// What would be taken of one collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedBackup {
    /// `database.collection`.
    pub name: String,
    /// The number of partitions.
    pub partitions: usize,
    /// The number of segments.
    pub segments: usize,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// Files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl From<&model::plan::backup::PlannedCollection> for PlannedBackup {
    fn from(c: &model::plan::backup::PlannedCollection) -> Self {
        Self {
            name: c.name.to_string(),
            partitions: c.partitions,
            segments: c.segments,
            rows: c.rows,
            objects: c.objects,
            bytes: c.bytes,
        }
    }
}

impl From<&model::plan::backup::BackupPreview> for BackupPlan {
    fn from(plan: &model::plan::backup::BackupPreview) -> Self {
        let collections: Vec<_> = plan.collections.iter().map(PlannedBackup::from).collect();
        Self {
            dry_run: true,
            name: plan.name.to_string(),
            strategy: model::plan::backup::FlushStrategy::from(plan.flush).into(),
            copy: plan.copy.clone(),
            databases: plan.databases.clone(),
            rows: collections.iter().map(|c| c.rows).sum(),
            objects: collections.iter().map(|c| c.objects).sum(),
            bytes: collections.iter().map(|c| c.bytes).sum(),
            collections,
            warnings: plan.warnings.clone(),
        }
    }
}

/// What a backup did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupReport {
    /// Always false.
    pub dry_run: bool,
    /// The backup's name.
    pub name: String,
    /// What the backup is now.
    pub state: BackupState,
    /// The number of collections in it.
    pub collections: usize,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// Entries of delete logs.
    pub deletes: u64,
    /// Files.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long all took.
    pub seconds: f64,
    /// The longest flush of a collection.
    pub flush_seconds: f64,
    /// From the first copied object to the last.
    pub copy_seconds: f64,
    /// When the first collection was sealed.
    pub cut_from: Option<Time>,
    /// When the last one was.
    pub cut_to: Option<Time>,
    /// Collections that were dropped while they were read.
    pub vanished: Vec<String>,
    /// Collections that were left out because rows of them would have been missing.
    pub failed: Vec<FailedCollection>,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// What the command line ends with: 0, or 6 if something is missing.
    pub exit_code: u8,
}

/// A collection that a backup left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailedCollection {
    /// `database.collection`.
    pub name: String,
    /// Why it was left out.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The suggested next step as data: `action` names it, the other fields depend on it (see docs/json.md).
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "engine::known_advice")]
    #[schema(value_type = Object, nullable = false)]
    pub advice: Option<Advice>,
}

impl From<&engine::FailedCollection> for FailedCollection {
    fn from(failed: &engine::FailedCollection) -> Self {
        Self {
            name: failed.collection.to_string(),
            reason: failed.reason.clone(),
            hint: hint_of(failed.advice.as_ref()),
            advice: failed.advice.clone(),
        }
    }
}

impl Reword for BackupReport {
    fn reword(&mut self, terms: &dyn Terms) {
        for failed in &mut self.failed {
            reword_hint(&mut failed.hint, failed.advice.as_ref(), terms);
        }
    }
}

impl From<&engine::BackupReport> for BackupReport {
    fn from(report: &engine::BackupReport) -> Self {
        let time = |seconds: i64| Time::from_ms(seconds.saturating_mul(1000));
        Self {
            dry_run: false,
            name: report.name.clone(),
            state: BackupState::Complete,
            collections: report.collections,
            rows: report.rows,
            deletes: report.deletes,
            objects: report.objects,
            bytes: report.bytes,
            seconds: seconds(report.elapsed),
            flush_seconds: seconds(report.flush),
            copy_seconds: seconds(report.copy),
            cut_from: report.cut.and_then(|(from, _)| time(from)),
            cut_to: report.cut.and_then(|(_, to)| time(to)),
            vanished: report.vanished.iter().map(ToString::to_string).collect(),
            failed: report.failed.iter().map(FailedCollection::from).collect(),
            warnings: report.warnings.clone(),
            exit_code: report.kind().map_or(DONE, exit_code),
        }
    }
}
