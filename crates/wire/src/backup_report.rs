//! The plan and the report of a backup.

use engine::Advice;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::advice::{Reword, Terms, hint_of, reword_hint};
use crate::time::duration_to_seconds;
use crate::{BackupFormat, BackupState, DONE, FlushStrategy, UtcTime, exit_code};

/// The plan of a backup, which changed nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupPlan {
    /// Always true.
    pub dry_run: bool,
    /// The name of the backup.
    pub name: String,
    /// The way in which collections would be flushed.
    pub strategy: FlushStrategy,
    /// The format in which the backup would store rows.
    #[serde(default = "BackupFormat::binlog")]
    pub format: BackupFormat,
    /// The way in which files would be copied, in words.
    pub copy: String,
    /// The names of the selected databases.
    pub databases: Vec<String>,
    /// The plans of the selected collections.
    pub collections: Vec<PlannedCollectionBackup>,
    /// The number of rows, including deleted ones.
    pub rows: u64,
    /// The number of files.
    pub objects: u64,
    /// The total size of the files in bytes.
    pub bytes: u64,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
}

/// The plan of one collection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlannedCollectionBackup {
    /// The name of the collection: `database.collection`.
    pub name: String,
    /// The number of partitions.
    pub partitions: usize,
    /// The number of segments.
    pub segments: usize,
    /// The number of rows, including deleted ones.
    pub rows: u64,
    /// The number of files.
    pub objects: u64,
    /// The total size of the files in bytes.
    pub bytes: u64,
}

impl From<&model::plan::backup::PlannedCollection> for PlannedCollectionBackup {
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
        let collections: Vec<_> = plan.collections.iter().map(PlannedCollectionBackup::from).collect();
        Self {
            dry_run: true,
            name: plan.name.to_string(),
            strategy: model::plan::backup::FlushStrategy::from(plan.flush).into(),
            format: BackupFormat::of_manifest(&plan.format),
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

/// The report of a backup that was executed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BackupReport {
    /// Always false.
    pub dry_run: bool,
    /// The name of the backup.
    pub name: String,
    /// The state of the backup, always `complete`.
    pub state: BackupState,
    /// The number of collections in the backup.
    pub collections: usize,
    /// The number of rows, including deleted ones.
    pub rows: u64,
    /// The number of delete entries; several may delete the same row.
    pub deletes: u64,
    /// The number of files.
    pub objects: u64,
    /// The total size of the files in bytes.
    pub bytes: u64,
    /// The duration of the whole backup in seconds.
    pub seconds: f64,
    /// The duration of the longest flush of a collection, in seconds.
    pub flush_seconds: f64,
    /// The time in which all collections were flushed, copied and verified, in seconds.
    pub copy_seconds: f64,
    /// The time at which the flush sealed the first collection, or the first channel if the whole cluster was flushed; null
    /// if nothing was flushed.
    pub cut_from: Option<UtcTime>,
    /// The time at which the flush sealed the last of them; null if nothing was flushed.
    pub cut_to: Option<UtcTime>,
    /// Whether the whole cluster was flushed at once, instead of each collection just before it was copied.
    #[serde(default)]
    pub cut_is_cluster_wide: bool,
    /// The collections that were dropped during the backup.
    pub vanished: Vec<String>,
    /// The collections that were left out because they would have lacked rows.
    pub failed: Vec<FailedCollection>,
    /// Warnings for the operator.
    pub warnings: Vec<String>,
    /// The exit code of the command: 0, or 6 if a collection was left out.
    pub exit_code: u8,
}

/// A collection that was left out of a backup because it would have lacked rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailedCollection {
    /// The name of the collection: `database.collection`.
    pub name: String,
    /// The reason why the collection was left out.
    pub reason: String,
    /// The suggested next step as text; null if there is none.
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
        let time = |seconds: i64| UtcTime::from_ms(seconds.saturating_mul(1000));
        Self {
            dry_run: false,
            name: report.name.clone(),
            state: BackupState::Complete,
            collections: report.collections,
            rows: report.rows,
            deletes: report.deletes,
            objects: report.objects,
            bytes: report.bytes,
            seconds: duration_to_seconds(report.elapsed),
            flush_seconds: duration_to_seconds(report.flush),
            copy_seconds: duration_to_seconds(report.copy),
            cut_from: report.cut.and_then(|(from, _)| time(from)),
            cut_to: report.cut.and_then(|(_, to)| time(to)),
            cut_is_cluster_wide: report.cut_is_cluster_wide,
            vanished: report.vanished.iter().map(ToString::to_string).collect(),
            failed: report.failed.iter().map(FailedCollection::from).collect(),
            warnings: report.warnings.clone(),
            exit_code: report.kind().map_or(DONE, exit_code),
        }
    }
}
