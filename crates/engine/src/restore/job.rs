//! One import job with everything that staging and importing it need.

use model::manifest::CollectionBackup;
use model::plan::restore::{CollectionPlan, JobPlan, PartitionPlan};

use super::RestoreRun;

/// One import job of a collection.
#[derive(Clone, Copy)]
pub(super) struct ImportJob<'a> {
    pub(super) run: &'a RestoreRun<'a>,
    pub(super) plan: &'a CollectionPlan,
    pub(super) backup: &'a CollectionBackup,
    pub(super) partition: &'a PartitionPlan,
    pub(super) import: &'a JobPlan,
}

impl ImportJob<'_> {
    /// Describes the target collection and partition, for messages.
    pub(super) fn describe_target(&self) -> String {
        format!("{}/{}", self.plan.target, self.partition.name)
    }
}
