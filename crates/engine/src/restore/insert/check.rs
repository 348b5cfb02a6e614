//! Finds before a restore why rows cannot be inserted: fields that do not fit, and values that the target would refuse.

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::manifest::{CollectionBackup, Manifest, Schema};
use model::name::CollectionRef;
use model::plan::restore::{CollectionPlan, RestorePlan, RestoreRequest, TargetFacts};
use model::version::Capabilities;

use super::rows::{RowBudget, RowStream};
use crate::Error;
use crate::catalog::Catalog;
use crate::insert_rows::RowEncoder;
use crate::stored_collection::StoredCollection;

/// The number of collections that are checked at the same time.
const COLLECTIONS_AT_ONCE: usize = 2;

/// What the check of rows to insert needs.
#[derive(Clone, Copy)]
pub(in crate::restore) struct InsertCheck<'a> {
    pub(in crate::restore) catalog: &'a Catalog,
    pub(in crate::restore) request: &'a RestoreRequest,
    pub(in crate::restore) manifest: &'a Manifest,
    pub(in crate::restore) facts: &'a TargetFacts,
    pub(in crate::restore) capabilities: &'a Capabilities,
}

/// The reasons why the rows of a target collection cannot be inserted.
#[derive(Debug)]
pub(in crate::restore) struct Obstacle {
    /// The name of the collection in the backup.
    pub(in crate::restore) source: CollectionRef,
    pub(in crate::restore) target: CollectionRef,
    /// The fields that do not fit, or the first row with a value that the target would refuse.
    pub(in crate::restore) problems: Vec<String>,
}

impl From<Obstacle> for Error {
    fn from(Obstacle { source, target, problems }: Obstacle) -> Self {
        Self::NotInsertable { collection: source.to_string(), target: target.to_string(), problems }
    }
}

impl Obstacle {
    pub(super) fn new(plan: &CollectionPlan, problems: Vec<String>) -> Self {
        Self { source: plan.source.clone(), target: plan.target.clone(), problems }
    }
}

impl InsertCheck<'_> {
    /// Compares the fields of each collection whose rows the plan inserts with those of its target.
    pub(in crate::restore) fn compare_fields(&self, plan: &RestorePlan) -> Vec<Obstacle> {
        let inserted = plan.collections.iter().filter(|plan| plan.inserted_partitions().next().is_some());
        let obstacles = inserted.filter_map(|plan| {
            let problems = self.encoder_of(plan)?.err()?;
            Some(Obstacle::new(plan, problems))
        });
        obstacles.collect()
    }

    /// Reads the columns that may contain values that a target would refuse or change, and returns the first such value of
    /// each collection; includes what [`Self::compare_fields`] finds.
    pub(in crate::restore) async fn check_rows(&self, plan: &RestorePlan) -> Result<Vec<Obstacle>, Error> {
        let inserted = plan.collections.iter().filter(|plan| plan.inserted_partitions().next().is_some());
        // The futures are made beforehand, so that this one is `Send`.
        let checks: Vec<_> = inserted.map(|plan| self.check_collection(plan).boxed()).collect();
        let found = stream::iter(checks).buffered(COLLECTIONS_AT_ONCE);
        found.try_filter_map(|obstacle| async move { Ok(obstacle) }).try_collect().await
    }

    async fn check_collection(&self, plan: &CollectionPlan) -> Result<Option<Obstacle>, Error> {
        let obstacle = |problems: Vec<String>| Ok(Some(Obstacle::new(plan, problems)));
        let encoder = match self.encoder_of(plan) {
            None => return Ok(None),
            Some(Err(problems)) => return obstacle(problems),
            Some(Ok(encoder)) => encoder,
        };
        let (Some(backup), Some(encoder)) = (self.backup_of(plan), encoder.for_checks()) else {
            return Ok(None);
        };
        let stored = StoredCollection::open(self.catalog, &self.request.name, backup).await?;
        let contents = stored.segments()?;
        let budget = RowBudget::new(self.request.subset.limit);
        for partition in plan.inserted_partitions() {
            let mut rows = RowStream::new(&contents, partition.id, encoder.fields(), &budget);
            while let Some(batch) = rows.next().await? {
                if let Some(problem) = encoder.check(&batch) {
                    return obstacle(vec![problem.to_string()]);
                }
            }
        }
        Ok(None)
    }

    fn backup_of(&self, plan: &CollectionPlan) -> Option<&CollectionBackup> {
        self.manifest.collections.get(plan.index)
    }

    /// Creates the encoder for the target as it is, or as the plan creates it; fails with every reason why there is none.
    fn encoder_of(&self, plan: &CollectionPlan) -> Option<Result<RowEncoder, Vec<String>>> {
        let backup = self.backup_of(plan)?;
        let target = match self.facts.schemas.get(&plan.target) {
            Some((existing, _)) => existing.clone(),
            None => Schema {
                properties: plan.properties.iter().chain(&plan.properties_after).cloned().collect(),
                ..plan.schema.as_ref().unwrap_or(&backup.schema).clone()
            },
        };
        let columns = self.request.subset.named_columns();
        let encoder = RowEncoder::new(&backup.schema, &target, self.capabilities, columns);
        Some(encoder.map_err(|problems| problems.iter().map(ToString::to_string).collect()))
    }
}
