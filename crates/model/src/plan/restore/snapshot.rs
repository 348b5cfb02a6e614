//! The plan of restoring snapshots: Milvus creates whole collections, so many options have no effect or are refused.

use super::options::demands;
use super::{
    ExistingTargetPolicy, PartitionMethod, PartitionPlan, PlanError, RestoreMode, RestoreRequest, RowRange,
    SkipParams, TargetFacts,
};
use crate::manifest::{BackupFormat, CollectionBackup, Manifest, SnapshotBundle};

/// Fails if a request cannot be served from snapshots; returns warnings about the options that have no effect.
///
/// Does nothing for a backup in another format.
pub(super) fn check_request(manifest: &Manifest, request: &RestoreRequest) -> Result<Vec<String>, PlanError> {
    if manifest.format != BackupFormat::Snapshot {
        return Ok(Vec::new());
    }
    let options = &request.options;
    let refused = demands([
        (options.existing == ExistingTargetPolicy::Use, "the import into existing collections"),
        (options.meta_only, "the restore without data"),
        (options.mode == RestoreMode::Insert, "the restore by inserts"),
        (!request.subset.is_everything(), "the restore of a part of a collection"),
        (options.truncate_by_ts, "the truncation at checkpoints"),
        (!request.ezk_mapping.is_empty(), "a mapping of encryption zones"),
        (request.max_shards.is_some_and(|most| most > 0), "a largest number of shards"),
        (!request.overrides.is_empty(), "another number of shards or description"),
    ]);
    if !refused.is_empty() {
        return Err(PlanError::SnapshotOptions(refused));
    }
    let ignored = demands([
        (!options.indexes, "the restore without indexes"),
        (options.auto_index, "AUTOINDEX"),
        (options.drop_indexes, "the drop of existing indexes"),
        (request.skip != SkipParams::default(), "parameters to skip"),
    ]);
    Ok(if ignored.is_empty() {
        Vec::new()
    } else {
        vec![format!("without effect on a backup in snapshot format: {}", ignored.join(", "))]
    })
}

/// Returns the bundle of a collection in a backup of snapshot format; `None` in another format.
pub(super) fn bundle_of(
    manifest: &Manifest,
    backup: &CollectionBackup,
) -> Result<Option<SnapshotBundle>, PlanError> {
    if manifest.format != BackupFormat::Snapshot {
        return Ok(None);
    }
    let bundle = backup.snapshot.as_ref().ok_or_else(|| PlanError::NoSnapshot(backup.name.clone()))?;
    bundle.checked_metadata_path().map_err(|error| PlanError::SnapshotPath(backup.name.clone(), error))?;
    Ok(Some(bundle.clone()))
}

/// Plans the partitions, with the recorded rows. A partition without recorded rows is not compared.
pub(super) fn plan_partitions(backup: &CollectionBackup, facts: &TargetFacts) -> Vec<PartitionPlan> {
    let plan = |(id, name): (_, &String)| {
        let rows = facts.recorded_rows.get(&id).copied().unwrap_or_default();
        PartitionPlan {
            id,
            name: name.clone(),
            rows: RowRange { min: rows, max: rows },
            method: PartitionMethod::default(),
            files: (0, 0),
        }
    };
    backup.partitions.iter().map(|partition| plan((partition.id, &partition.name))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{CollectionOverride, RestoreOptions, RestorePlan};
    use super::*;
    use crate::ids::PartitionId;
    use crate::plan::sample::{self, name};

    fn manifest() -> Manifest {
        let bundle = SnapshotBundle {
            metadata_path: "bundle/snapshots/1/metadata/2.json".to_owned(),
            total_files: 3,
            total_bytes: 4,
        };
        let partitions = vec![sample::partition(2, "_default", vec![]), sample::partition(5, "old", vec![])];
        let backup = CollectionBackup { snapshot: Some(bundle), ..sample::collection("books", partitions) };
        Manifest { format: BackupFormat::Snapshot, ..sample::manifest(vec![backup]) }
    }

    fn plan(manifest: &Manifest, request: &RestoreRequest) -> Result<RestorePlan, PlanError> {
        let pairs = [(name("books"), name("copy.books"))];
        let facts = TargetFacts { recorded_rows: [(PartitionId(2), 7)].into(), ..sample::facts() };
        RestorePlan::new(manifest, &[], &pairs, request, &facts).map_err(|mut problems| problems.remove(0))
    }

    #[test]
    fn a_collection_is_planned_with_its_bundle_and_the_recorded_rows() {
        let plan = plan(&manifest(), &sample::request()).unwrap();
        let books = &plan.collections[0];
        assert_eq!(books.bundle.as_ref().map(|bundle| bundle.total_files), Some(3));
        assert_eq!(books.partitions.iter().map(|p| p.rows.max).collect::<Vec<_>>(), [7, 0]);
        assert!(books.jobs.is_empty() && plan.warnings.is_empty());
    }

    #[test]
    fn options_that_a_snapshot_cannot_serve_are_refused_by_name() {
        let options = RestoreOptions { meta_only: true, ..RestoreOptions::default() };
        let overrides =
            [(name("copy.books"), CollectionOverride { shards: Some(2), ..CollectionOverride::default() })];
        let request =
            RestoreRequest { options, max_shards: Some(3), overrides: overrides.into(), ..sample::request() };
        assert_eq!(
            plan(&manifest(), &request).unwrap_err().to_string(),
            "a backup in snapshot format does not support the restore without data, a largest number of shards, another \
             number of shards or description: Milvus restores each collection as it was"
        );
        let existing = RestoreOptions { existing: ExistingTargetPolicy::Use, ..RestoreOptions::default() };
        let request = RestoreRequest { options: existing, ..sample::request() };
        assert!(matches!(check_request(&manifest(), &request), Err(PlanError::SnapshotOptions(_))));
        let options = RestoreOptions { indexes: false, ..RestoreOptions::default() };
        let warnings = plan(&manifest(), &RestoreRequest { options, ..sample::request() }).unwrap().warnings;
        assert_eq!(warnings, ["without effect on a backup in snapshot format: the restore without indexes"]);
    }

    #[test]
    fn a_collection_without_a_usable_bundle_is_refused() {
        let mut broken = manifest();
        broken.collections[0].snapshot = None;
        let error = plan(&broken, &sample::request()).unwrap_err();
        assert_eq!(error, PlanError::NoSnapshot(name("books")));
        let bundle = SnapshotBundle { metadata_path: "../x.json".to_owned(), ..SnapshotBundle::default() };
        broken.collections[0].snapshot = Some(bundle);
        let error = plan(&broken, &sample::request()).unwrap_err();
        assert!(matches!(error, PlanError::SnapshotPath(..)), "{error}");
    }
}
