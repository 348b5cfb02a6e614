//! One import job with everything that staging and importing it need.

use model::ids::{PartitionId, PartitionScope};
use model::manifest::CollectionBackup;
use model::plan::restore::{CollectionPlan, ImportJob, PartitionPlan};
use model::segment::{SegmentKind, StorageFormat};

use super::RestoreRun;
use crate::Error;

/// One import job of a collection that is being restored.
#[derive(Clone, Copy)]
pub(super) struct ImportTask<'a> {
    pub(super) run: &'a RestoreRun<'a>,
    pub(super) plan: &'a CollectionPlan,
    pub(super) backup: &'a CollectionBackup,
    pub(super) job: &'a ImportJob,
    /// The target partition; `None` if the job imports into all partitions.
    pub(super) partition: Option<&'a PartitionPlan>,
}

impl ImportTask<'_> {
    /// Returns the id in the backup of the partition whose rows the job imports.
    ///
    /// Fails for any other job: plans contain none, because Milvus 2.2 and 2.3 would import its files as rows.
    pub(super) fn partition_of_rows(&self) -> Result<PartitionId, Error> {
        match (self.job.kind, self.job.scope) {
            (SegmentKind::Rows { format: StorageFormat::V1 }, PartitionScope::One(id)) => Ok(id),
            _ => Err(Error::Task(format!("import job {} cannot be sent", self.job.key))),
        }
    }

    /// Describes the target collection and partition, for messages.
    pub(super) fn describe_target(&self) -> String {
        match self.partition {
            Some(partition) => format!("{}/{}", self.plan.target, partition.name),
            None => self.plan.target.to_string(),
        }
    }
}
