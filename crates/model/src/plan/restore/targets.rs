//! Checks of the target collections and of the backup's segments, and the databases to create.

use std::collections::{BTreeMap, BTreeSet};

use super::options::demands;
use super::target_schema::find_differences;
use super::{
    CollectionPlan, ExistingTargetPolicy, ImporterFacts, PlanError, RestoreMode, RestoreRequest,
    TargetAction, TargetFacts,
};
use crate::manifest::{CollectionBackup, Manifest, Segment};
use crate::name::{CollectionRef, DEFAULT_DATABASE};
use crate::plan::backup::segments;
use crate::segment::{SegmentKind, StorageFormat};

/// Returns the problem of targets that exist, or do not exist, contrary to the request.
pub(super) fn existence_problems(
    pairs: &[(CollectionRef, CollectionRef)],
    existing: ExistingTargetPolicy,
    facts: &TargetFacts,
) -> Vec<PlanError> {
    let (present, missing): (Vec<_>, Vec<_>) =
        pairs.iter().map(|(_, target)| target.clone()).partition(|target| facts.existing.contains(target));
    match existing {
        ExistingTargetPolicy::Refuse if !present.is_empty() => vec![PlanError::TargetsExist(present)],
        ExistingTargetPolicy::Use if !missing.is_empty() => vec![PlanError::TargetsMissing(missing)],
        _ => Vec::new(),
    }
}

/// Returns the problems of a request for a part of each collection.
pub(super) fn subset_problems(
    manifest: &Manifest,
    pairs: &[(CollectionRef, CollectionRef)],
    request: &RestoreRequest,
) -> Vec<PlanError> {
    let selected =
        manifest.collections.iter().filter(|backup| pairs.iter().any(|(name, _)| *name == backup.name));
    let known: BTreeSet<&str> =
        selected.flat_map(|backup| &backup.partitions).map(|partition| partition.name.as_str()).collect();
    let unknown = request.subset.partitions.iter().filter(|name| !known.contains(name.as_str()));
    let unknown: Vec<String> = unknown.cloned().collect();
    let mut problems = Vec::new();
    if !unknown.is_empty() {
        problems.push(PlanError::UnknownPartitions(unknown));
    }
    match request.mode() {
        RestoreMode::Import if request.subset.selects_values() => {
            problems.push(PlanError::ImportOptions(vec!["the restore of some rows or fields"]));
        }
        RestoreMode::Insert => {
            let refused = demands([
                (request.options.truncate_by_ts, "the truncation at checkpoints"),
                (!request.ezk_mapping.is_empty(), "a mapping of encryption zones"),
            ]);
            if !refused.is_empty() {
                problems.push(PlanError::InsertOptions(refused));
            }
        }
        RestoreMode::Auto | RestoreMode::Import => {}
    }
    problems
}

/// Returns the problem of an existing target that is used and has another schema than the backup.
pub(super) fn schema_problem(
    backup: &CollectionBackup,
    target: &CollectionRef,
    facts: &TargetFacts,
) -> Option<PlanError> {
    let (schema, num_partitions) = facts.schemas.get(target)?;
    let differences = find_differences(backup, schema, *num_partitions);
    (!differences.is_empty()).then(|| PlanError::SchemaDiffers { target: target.clone(), differences })
}

/// Returns whether a target is created, replaced or used.
pub(super) fn target_action(
    target: &CollectionRef,
    existing: ExistingTargetPolicy,
    facts: &TargetFacts,
) -> TargetAction {
    match existing {
        ExistingTargetPolicy::Use => TargetAction::Use,
        ExistingTargetPolicy::Drop if facts.existing.contains(target) => TargetAction::DropAndCreate,
        ExistingTargetPolicy::Drop | ExistingTargetPolicy::Refuse => TargetAction::Create,
    }
}

/// Returns the problem of targets that will be dropped and are not among the confirmed ones; without confirmed ones all
/// may be dropped.
pub(super) fn unconfirmed_drops(
    plans: &[CollectionPlan],
    confirmed: Option<&BTreeSet<CollectionRef>>,
) -> Option<PlanError> {
    let confirmed = confirmed?;
    let others: Vec<CollectionRef> =
        super::dropped_targets(plans).filter(|target| !confirmed.contains(*target)).cloned().collect();
    (!others.is_empty()).then_some(PlanError::DropsUnconfirmed(others))
}

/// Removes aliases that belong to another collection of the target or of the plan, and adds a warning for each.
pub(super) fn remove_taken_aliases(
    plans: &mut [CollectionPlan],
    taken: &BTreeMap<CollectionRef, CollectionRef>,
    warnings: &mut Vec<String>,
) {
    // the aliases of dropped collections become free
    let dropped: BTreeSet<CollectionRef> = super::dropped_targets(plans).cloned().collect();
    let mut given = BTreeSet::new();
    for CollectionPlan { source, target, aliases, .. } in plans {
        aliases.retain(|alias| {
            let name = CollectionRef::new(target.database.as_str(), alias.as_str());
            let holder = taken.get(&name).filter(|holder| *holder != target && !dropped.contains(*holder));
            let free = holder.is_none() && given.insert(name);
            if !free {
                warnings.push(format!(
                    "alias {alias} of {source} is not created: the target already uses this name"
                ));
            }
            free
        });
    }
}

/// Returns the problems of segments that the target cannot import: each storage version and each missing column once.
///
/// Segments without files are accepted: a backup that 0.4 made with `--meta_only` has only such segments.
pub(super) fn segment_problems(backup: &CollectionBackup, importer: &ImporterFacts) -> Vec<PlanError> {
    let mut problems = Vec::new();
    let (mut versions, mut fields) = (BTreeSet::new(), BTreeSet::new());
    for (_, segment) in segments(backup).filter(|(_, segment)| segment.objects() > 0) {
        match segment.kind {
            // The entries of L0 segments are folded into the delta logs of the segments whose rows they delete.
            SegmentKind::Rows { format: StorageFormat::V1 } if !importer.fills_missing_columns => {
                for field in find_missing_columns(backup, segment).filter(|field| fields.insert(*field)) {
                    let name = backup.name.clone();
                    problems.push(PlanError::MissingColumn(name, segment.id, field.to_owned()));
                }
            }
            SegmentKind::Rows { format: StorageFormat::V1 } | SegmentKind::Deletes => {}
            SegmentKind::Rows { format: StorageFormat::V2 } if importer.reads_column_groups => {}
            SegmentKind::Rows { format: StorageFormat::V2 | StorageFormat::Unsupported } => {
                if versions.insert(segment.storage_version.0) {
                    problems.push(PlanError::StorageVersion(backup.name.clone(), segment.storage_version.0));
                }
            }
        }
    }
    problems
}

/// Returns the nullable fields of which a segment has no files, because they were added after the segment was written.
///
/// Other missing columns are damage, which is found where the files are listed.
fn find_missing_columns<'a>(
    backup: &'a CollectionBackup,
    segment: &'a Segment,
) -> impl Iterator<Item = &'a str> {
    let has = |id: i64| segment.binlogs.is_empty() || segment.binlogs.iter().any(|file| file.field.0 == id);
    let fields = backup.schema.fields.iter().filter(|field| field.nullable && !field.is_dynamic);
    fields.filter(move |field| !has(field.id)).map(|field| field.name.as_str())
}

/// Returns the databases of the targets and the selected ones, without those that exist in the target.
pub(super) fn missing_databases(
    databases: &[String],
    pairs: &[(CollectionRef, CollectionRef)],
    facts: &TargetFacts,
) -> Vec<String> {
    let of_targets = pairs.iter().map(|(_, target)| &target.database);
    let wanted: BTreeSet<&String> = of_targets.chain(databases).collect();
    wanted
        .into_iter()
        .filter(|db| *db != DEFAULT_DATABASE && !facts.databases.contains(*db))
        .cloned()
        .collect()
}
