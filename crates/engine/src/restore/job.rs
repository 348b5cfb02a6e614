//! One import job with everything that staging and importing it need.

use model::ids::{PartitionId, PartitionScope};
use model::manifest::{CollectionBackup, Segment};
use model::plan::restore::{CollectionPlan, ImportJob, PartitionPlan};
use model::segment::{SegmentKind, StorageFormat};

use tokio::sync::OnceCell;

use super::RestoreRun;
use crate::Error;
use crate::catalog::{L0Deletes, SegmentContents};

/// One import job of a collection that is being restored.
#[derive(Clone, Copy)]
pub(super) struct ImportTask<'a> {
    pub(super) run: &'a RestoreRun<'a>,
    pub(super) plan: &'a CollectionPlan,
    pub(super) backup: &'a CollectionBackup,
    pub(super) job: &'a ImportJob,
    /// The target partition; `None` if the job imports into all partitions.
    pub(super) partition: Option<&'a PartitionPlan>,
    /// The delete entries of the collection's L0 segments, once a job needs them.
    pub(super) l0: &'a OnceCell<L0Deletes>,
}

impl ImportTask<'_> {
    /// Returns the id in the backup of the partition whose rows the job imports.
    ///
    /// Fails for any other job: plans contain none, because Milvus 2.2 and 2.3 would import its files as rows.
    pub(super) fn partition_of_rows(&self) -> Result<PartitionId, Error> {
        match (self.job.kind, self.job.scope) {
            (
                SegmentKind::Rows { format: StorageFormat::V1 | StorageFormat::V2 },
                PartitionScope::One(id),
            ) => Ok(id),
            _ => Err(Error::Task(format!("import job {} cannot be sent", self.job.key))),
        }
    }

    /// Returns whether the files contain groups of columns.
    pub(super) fn has_column_groups(&self) -> bool {
        self.job.kind == SegmentKind::Rows { format: StorageFormat::V2 }
    }

    /// Returns the directory level above that of a segment in the staging directory.
    ///
    /// Where Milvus reads the directories of segments, each has one of its own.
    pub(super) fn staged_group(&self, segment: &Segment) -> Option<i64> {
        if self.job.by_segment { Some(segment.id.0) } else { segment.group_id }
    }

    /// Opens the segments of the collection in the backup; reads its L0 segments if this is the first job that does so.
    pub(super) async fn open_segments(&self) -> Result<SegmentContents<'_>, Error> {
        let (catalog, name) = (&self.run.prepared.catalog, &self.run.prepared.request.name);
        let ends = || self.run.prepared.ends.get(&self.backup.name).cloned().unwrap_or_default();
        let l0 = self.l0.get_or_try_init(|| catalog.read_l0(name, self.backup, ends())).await?;
        let opened = catalog.open_segments(name, self.backup, l0);
        opened.ok_or_else(|| Error::Task(format!("{} has no primary key", self.backup.name)))
    }

    /// Describes the target collection and partition, for messages.
    pub(super) fn describe_target(&self) -> String {
        match self.partition {
            Some(partition) => format!("{}/{}", self.plan.target, partition.name),
            None => self.plan.target.to_string(),
        }
    }
}
