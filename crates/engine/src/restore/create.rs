//! Creates databases, collections, partitions and indexes in the target.

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::{CreateCollection, MilvusError, MilvusErrorKind};
use model::manifest::{CollectionBackup, Field, FieldSteps, KeyValue, Schema};
use model::name::CollectionRef;
use model::plan::restore::{CollectionPlan, PlanError, SkipParams, TargetAction};

use super::RestoreRun;
use crate::{Error, Event};

/// The property with which Milvus creates functions of models without asking their provider.
const FUNCTION_CHECK: &str = "disable_func_runtime_check";

/// Returns whether a property cannot be set after the creation of its collection.
fn is_needed_at_creation(key: &str) -> bool {
    key == FUNCTION_CHECK || key.starts_with("namespace.")
}

/// The partition that Milvus creates with every collection.
const DEFAULT_PARTITION: &str = "_default";

impl RestoreRun<'_> {
    /// Creates the missing databases of the plan.
    pub(super) async fn create_databases(&self) -> Result<(), Error> {
        for database in &self.prepared.plan.databases {
            match self.milvus().create_database(database).await {
                Ok(()) => {}
                Err(error) if error.kind() == MilvusErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(Error::from(error));
                }
            }
        }
        Ok(())
    }

    /// Drops the target collection if the plan demands it; returns the aliases that it had, or `None` if it does not.
    pub(super) async fn drop_collection(&self, plan: &CollectionPlan) -> Result<Option<Vec<String>>, Error> {
        if plan.action != TargetAction::DropAndCreate {
            return Ok(None);
        }
        let (milvus, target) = (self.milvus(), &plan.target);
        let mut aliases = Vec::new();
        if milvus.capabilities().keeps_aliases_of_dropped {
            aliases = match milvus.aliases(target).await {
                Ok(aliases) => aliases,
                Err(error) if error.kind() == MilvusErrorKind::CollectionNotFound => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            if !aliases.is_empty() {
                let names = aliases.join(", ");
                self.ctx.emit(Event::Note(format!(
                    "the aliases of {target} are dropped with it and put back at the end: {names}"
                )));
            }
            for alias in &aliases {
                milvus.drop_alias(&target.database, alias).await?;
            }
        }
        if let Err(error) = milvus.drop_collection(target).await {
            self.put_back_aliases(target, &aliases).await;
            return Err(error.into());
        }
        if !plan.destroyed_snapshots.is_empty() {
            let snapshots = plan.destroyed_snapshots.join(", ");
            self.warnings.record(format!("the drop of {target} has destroyed its snapshots: {snapshots}"));
        }
        Ok(Some(aliases))
    }

    /// Gives the target the aliases of the collection that it replaced; returns a warning that names those that fail.
    pub(super) async fn put_back_aliases(
        &self,
        target: &CollectionRef,
        aliases: &[String],
    ) -> Option<String> {
        let mut lost = Vec::new();
        for alias in aliases {
            if let Err(error) = self.milvus().create_alias(target, alias).await {
                lost.push(format!("{alias}: {error}"));
            }
        }
        (!lost.is_empty()).then(|| self.warn(format!("{target} lacks its alias {}", lost.join("; "))))
    }

    /// Creates the target collection unless the plan uses an existing one; returns whether this restore created it.
    ///
    /// A property that Milvus refuses costs no data, so it is only described in `lacks`.
    pub(super) async fn create_collection(
        &self,
        plan: &CollectionPlan,
        backup: &CollectionBackup,
        lacks: &mut Vec<String>,
    ) -> Result<bool, Error> {
        let target = &plan.target;
        if plan.action == TargetAction::Use {
            return Ok(false);
        }
        // Milvus accepts a second creation with the same schema, so two concurrent restores would share the collection.
        if self.milvus().has_collection(target).await? {
            return Err(PlanError::TargetsExist(vec![target.clone()]).into());
        }
        let skip = &self.prepared.request.skip;
        let schema = plan.schema.as_ref().unwrap_or(&backup.schema);
        let steps = FieldSteps::new(schema);
        let mut properties = plan.properties.clone();
        let skips_check = schema.calls_models() && self.milvus().capabilities().skips_function_check;
        if skips_check && !properties.iter().any(|property| property.key == FUNCTION_CHECK) {
            properties.push(KeyValue::new(FUNCTION_CHECK, "true"));
        }
        let request = CreateCollection {
            target: target.clone(),
            schema: target_schema(schema, plan, &steps, skip),
            shards: plan.shards,
            consistency: backup.consistency,
            properties,
            num_partitions: backup
                .schema
                .has_partition_key()
                .then_some(i64::try_from(backup.partitions.len()).unwrap_or(i64::MAX)),
        };
        if let Err(error) = self.milvus().create_collection(&request).await {
            lacks.extend(self.create_without_refused_properties(&request, error).await?);
        }
        Ok(true)
    }

    /// Adds the fields that were added in the source after its creation, and drops those that were dropped there.
    pub(super) async fn add_and_drop_fields(
        &self,
        plan: &CollectionPlan,
        backup: &CollectionBackup,
    ) -> Result<(), Error> {
        let steps = FieldSteps::new(&backup.schema);
        for field in steps.added {
            let field = without_skipped(field, &self.prepared.request.skip);
            self.milvus().add_field(&plan.target, &field).await?;
        }
        for field in &steps.dropped {
            self.milvus().drop_field(&plan.target, field).await?;
        }
        Ok(())
    }

    /// Creates a collection that Milvus refused with its properties, and sets those that can be set afterwards one by one.
    ///
    /// Returns what the collection lacks. Fails with the first error if the properties are not the reason.
    async fn create_without_refused_properties(
        &self,
        request: &CreateCollection,
        error: MilvusError,
    ) -> Result<Option<String>, Error> {
        let is_refusal = matches!(error.kind(), MilvusErrorKind::Invalid | MilvusErrorKind::Server);
        let (needed, others): (Vec<KeyValue>, Vec<KeyValue>) =
            request.properties.iter().cloned().partition(|property| is_needed_at_creation(&property.key));
        let bare = CreateCollection { properties: needed, ..request.clone() };
        if !is_refusal || others.is_empty() || self.milvus().create_collection(&bare).await.is_err() {
            return Err(error.into());
        }
        Ok(self.set_properties_one_by_one(&request.target, &others).await)
    }

    /// Creates the partitions of the plan, unless Milvus has created them with the collection.
    pub(super) async fn create_partitions(
        &self,
        plan: &CollectionPlan,
        backup: &CollectionBackup,
    ) -> Result<(), Error> {
        if backup.distributes_rows() {
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
                && present.iter().any(|p| p.index.indexes_same(index));
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
/// Milvus numbers the fields by their order, and creates the dynamic field itself.
fn target_schema(schema: &Schema, plan: &CollectionPlan, steps: &FieldSteps, skip: &SkipParams) -> Schema {
    Schema {
        name: plan.target.collection.clone(),
        description: plan.description.clone(),
        fields: steps.created.iter().map(|field| without_skipped(field.clone(), skip)).collect(),
        struct_array_fields: steps.created_structs.clone(),
        properties: Vec::new(),
        ..schema.clone()
    }
}

/// Removes the parameters of a field that the request skips.
fn without_skipped(mut field: Field, skip: &SkipParams) -> Field {
    field.type_params.retain(|kv| !skip.field_type_params.contains(&kv.key));
    field.index_params.retain(|kv| !skip.field_index_params.contains(&kv.key));
    field
}
