//! Checks of the target collections and of the backup's segments, and the databases to create.

use std::collections::{BTreeMap, BTreeSet};

use super::target_schema::find_differences;
use super::{CollectionPlan, ExistingTargetPolicy, ImporterFacts, PlanError, TargetAction, TargetFacts};
use crate::manifest::{CollectionBackup, Segment};
use crate::name::{CollectionRef, DEFAULT_DATABASE};
use crate::plan::backup::segments;
use crate::segment::{SegmentKind, StorageFormat};

/// Fails if targets exist, or do not exist, contrary to the request.
pub(super) fn check_existence(
    pairs: &[(CollectionRef, CollectionRef)],
    existing: ExistingTargetPolicy,
    facts: &TargetFacts,
) -> Result<(), PlanError> {
    let (present, missing): (Vec<_>, Vec<_>) =
        pairs.iter().map(|(_, target)| target.clone()).partition(|target| facts.existing.contains(target));
    match existing {
        ExistingTargetPolicy::Refuse if !present.is_empty() => Err(PlanError::TargetsExist(present)),
        ExistingTargetPolicy::Use if !missing.is_empty() => Err(PlanError::TargetsMissing(missing)),
        _ => Ok(()),
    }
}

/// Fails if an existing target that is used has another schema than the backup.
pub(super) fn check_schema(
    backup: &CollectionBackup,
    target: &CollectionRef,
    facts: &TargetFacts,
) -> Result<(), PlanError> {
    let Some((schema, num_partitions)) = facts.schemas.get(target) else { return Ok(()) };
    let differences = find_differences(backup, schema, *num_partitions);
    if differences.is_empty() {
        Ok(())
    } else {
        Err(PlanError::SchemaDiffers { target: target.clone(), differences })
    }
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

/// Fails if a target will be dropped that is not among the confirmed ones; without confirmed ones all may be dropped.
pub(super) fn check_drops(
    plans: &[CollectionPlan],
    confirmed: Option<&BTreeSet<CollectionRef>>,
) -> Result<(), PlanError> {
    let Some(confirmed) = confirmed else { return Ok(()) };
    let others: Vec<CollectionRef> =
        super::dropped_targets(plans).filter(|target| !confirmed.contains(*target)).cloned().collect();
    if others.is_empty() { Ok(()) } else { Err(PlanError::DropsUnconfirmed(others)) }
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

/// Rejects segments that the target cannot import.
///
/// Segments without files are accepted: a backup that 0.4 made with `--meta_only` has only such segments.
pub(super) fn check_segments(backup: &CollectionBackup, importer: &ImporterFacts) -> Result<(), PlanError> {
    for (_, segment) in segments(backup).filter(|(_, segment)| segment.objects() > 0) {
        match segment.kind {
            // The entries of L0 segments are folded into the delta logs of the segments whose rows they delete.
            SegmentKind::Rows { format: StorageFormat::V1 } if !importer.fills_missing_columns => {
                if let Some(field) = find_missing_column(backup, segment) {
                    return Err(PlanError::MissingColumn(backup.name.clone(), segment.id, field));
                }
            }
            SegmentKind::Rows { format: StorageFormat::V1 } | SegmentKind::Deletes => {}
            SegmentKind::Rows { format: StorageFormat::V2 } if importer.reads_column_groups => {}
            SegmentKind::Rows { format: StorageFormat::V2 | StorageFormat::Unsupported } => {
                return Err(PlanError::StorageVersion(backup.name.clone(), segment.storage_version.0));
            }
        }
    }
    Ok(())
}

/// Returns a nullable field of which a segment has no files, because it was added after the segment was written.
///
/// Other missing columns are damage, which is found where the files are listed.
fn find_missing_column(backup: &CollectionBackup, segment: &Segment) -> Option<String> {
    if segment.binlogs.is_empty() {
        return None;
    }
    let has = |id: i64| segment.binlogs.iter().any(|file| file.field.0 == id);
    let mut fields = backup.schema.fields.iter().filter(|field| field.nullable && !field.is_dynamic);
    fields.find(|field| !has(field.id)).map(|field| field.name.clone())
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
