//! One import job on its way, from its plan to its rows.

use model::manifest::CollectionBackup;
use model::plan::restore::{CollectionPlan, JobPlan, PartitionPlan};

use super::Run;

/// One import job on its way.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) plan: &'a CollectionPlan,
    pub(super) backup: &'a CollectionBackup,
    pub(super) partition: &'a PartitionPlan,
    pub(super) import: &'a JobPlan,
}

impl Job<'_> {
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.plan.target, self.partition.name)
    }
}
