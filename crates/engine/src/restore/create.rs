//! Creates databases, collections, partitions and indexes in the target.

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::CreateCollection;
use model::manifest::{CollectionBackup, Schema};
use model::plan::restore::{CollectionPlan, PlanError, SkipParams, TargetAction};

use super::RestoreRun;
use crate::Error;

/// The partition that Milvus creates with every collection.
const DEFAULT_PARTITION: &str = "_default";

impl RestoreRun<'_> {
    /// Creates the missing databases of the plan.
    pub(super) async fn create_databases(&self) -> Result<(), Error> {
        for database in &self.prepared.plan.databases {
            match self.milvus().create_database(database).await {
                Ok(()) => {}
                Err(error) if error.kind() == milvus::MilvusErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(Error::from(error));
                }
            }
        }
        Ok(())
    }

    /// Drops the target collection if the plan demands it; returns whether it did.
    pub(super) async fn drop_collection(&self, plan: &CollectionPlan) -> Result<bool, Error> {
        let drops = plan.action == TargetAction::DropAndCreate;
        if drops {
            self.milvus().drop_collection(&plan.target).await?;
        }
        Ok(drops)
    }

    /// Creates the target collection unless the plan uses an existing one; returns whether this restore created it.
    pub(super) async fn create_collection(
        &self,
        plan: &CollectionPlan,
        backup: &CollectionBackup,
    ) -> Result<bool, Error> {
        let target = &plan.target;
        if plan.action == TargetAction::Use {
            return Ok(false);
        }
        // Milvus accepts a second creation with the same schema, so two concurrent restores would share the collection.
        if self.milvus().has_collection(target).await? {
            return Err(PlanError::TargetsExist(vec![target.clone()]).into());
        }
        let request = CreateCollection {
            target: target.clone(),
            schema: target_schema(backup, plan, &self.prepared.request.skip),
            shards: plan.shards,
            consistency: backup.consistency,
            properties: plan.properties.clone(),
            num_partitions: backup
                .schema
                .has_partition_key()
                .then_some(i64::try_from(backup.partitions.len()).unwrap_or(i64::MAX)),
        };
        self.milvus().create_collection(&request).await?;
        Ok(true)
    }

    /// Creates the partitions of the plan; with a partition key, Milvus has created them with the collection.
    pub(super) async fn create_partitions(
        &self,
        plan: &CollectionPlan,
        backup: &CollectionBackup,
    ) -> Result<(), Error> {
        if backup.schema.has_partition_key() {
            return Ok(());
        }
        let target = &plan.target;
        let names = plan.partitions.iter().map(|p| p.name.clone()).filter(|name| name != DEFAULT_PARTITION);
        stream::iter(names.collect::<Vec<_>>())
            .map(|name| async move {
                let created = self.milvus().create_partition(target, &name).await;
                created.map_err(Error::from)
            })
            .buffer_unordered(8)
            .try_collect()
            .await
    }

    /// Drops the indexes of the target if the request demands that, then creates the indexes of the plan.
    ///
    /// An index that Milvus refuses costs no data, so it is only described in `lacks`.
    pub(super) async fn create_indexes(
        &self,
        plan: &CollectionPlan,
        lacks: &mut Vec<String>,
    ) -> Result<(), Error> {
        let target = &plan.target;
        let present = self.milvus().list_indexes(target).await?;
        if self.prepared.request.options.drop_indexes && !present.is_empty() {
            self.milvus().release(target).await?;
            for index in &present {
                self.milvus().drop_index(target, &index.index).await?;
            }
        }
        for index in &plan.indexes {
            let kept = !self.prepared.request.options.drop_indexes
                && present.iter().any(|p| p.index.field_name == index.field_name);
            if kept {
                continue;
            }
            if let Err(error) = self.milvus().create_index(target, index).await {
                lacks.push(self.warn(format!("{target} is restored without an index: {error}")));
            }
        }
        Ok(())
    }
}

/// Returns the schema with which the target is created.
///
/// Fields are sorted by id, because Milvus numbers them by their order. It creates the dynamic field itself.
fn target_schema(backup: &CollectionBackup, plan: &CollectionPlan, skip: &SkipParams) -> Schema {
    let mut schema = backup.schema.clone();
    schema.name.clone_from(&plan.target.collection);
    schema.fields.retain(|f| !f.is_dynamic);
    schema.fields.sort_by_key(|f| f.id);
    schema.description.clone_from(&plan.description);
    schema.properties = Vec::new();
    for field in &mut schema.fields {
        field.type_params.retain(|kv| !skip.field_type_params.contains(&kv.key));
        field.index_params.retain(|kv| !skip.field_index_params.contains(&kv.key));
    }
    schema
}
