//! What the targets, and what the backup itself, rule out; and which databases are missing.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, CollectionPlan, Existing, PlanError, Seen};
use crate::manifest::CollectionBackup;
use crate::name::{CollectionRef, DEFAULT_DATABASE};
use crate::plan::backup::segments;

/// Whether the targets are there, or not there, as the request wants them.
pub(super) fn check(
    pairs: &[(CollectionRef, CollectionRef)],
    existing: Existing,
    seen: &Seen,
) -> Result<(), PlanError> {
    let (present, missing): (Vec<_>, Vec<_>) =
        pairs.iter().map(|(_, target)| target.clone()).partition(|target| seen.existing.contains(target));
    match existing {
        Existing::Refuse if !present.is_empty() => Err(PlanError::TargetsExist(present)),
        Existing::Use if !missing.is_empty() => Err(PlanError::TargetsMissing(missing)),
        _ => Ok(()),
    }
}

/// How a target comes to be.
pub(super) fn action(target: &CollectionRef, existing: Existing, seen: &Seen) -> Action {
    match existing {
        Existing::Use => Action::Use,
        Existing::Drop if seen.existing.contains(target) => Action::DropAndCreate,
        Existing::Drop | Existing::Refuse => Action::Create,
    }
}

/// Whether every target that will be dropped is among the confirmed ones, where these were limited.
pub(super) fn check_drops(
    plans: &[CollectionPlan],
    confirmed: Option<&BTreeSet<CollectionRef>>,
) -> Result<(), PlanError> {
    let Some(confirmed) = confirmed else { return Ok(()) };
    let others: Vec<CollectionRef> =
        super::dropped(plans).filter(|target| !confirmed.contains(*target)).cloned().collect();
    if others.is_empty() { Ok(()) } else { Err(PlanError::DropsUnconfirmed(others)) }
}

/// Leaves out aliases that another collection of the target has, or another one of the plan gets.
pub(super) fn leave_taken_aliases(
    plans: &mut [CollectionPlan],
    taken: &BTreeMap<CollectionRef, CollectionRef>,
    warnings: &mut Vec<String>,
) {
    // the aliases of what is dropped go with it
    let dropped: BTreeSet<CollectionRef> = super::dropped(plans).cloned().collect();
    let mut given = BTreeSet::new();
    for CollectionPlan { source, target, aliases, .. } in plans {
        aliases.retain(|alias| {
            let name = CollectionRef::new(target.database.as_str(), alias.as_str());
            let holder = taken.get(&name).filter(|holder| *holder != target && !dropped.contains(*holder));
            let free = holder.is_none() && given.insert(name);
            if !free {
                warnings.push(format!("alias {alias} of {source} is taken in the target and stays as it is"));
            }
            free
        });
    }
}

/// Refuses segments that no served Milvus can import. A backup that 0.4 made with `--meta_only` lists segments
/// without a single file: these are refused by nothing.
pub(super) fn check_segments(backup: &CollectionBackup) -> Result<(), PlanError> {
    for (_, segment) in segments(backup).filter(|(_, segment)| segment.objects() > 0) {
        if segment.is_l0 {
            return Err(PlanError::L0(backup.name.clone()));
        }
        if segment.storage_version > 1 {
            return Err(PlanError::StorageVersion(backup.name.clone(), segment.storage_version));
        }
    }
    Ok(())
}

/// The databases that the selected ones and the targets need, and that the target has not.
pub(super) fn missing_databases(
    databases: &[String],
    pairs: &[(CollectionRef, CollectionRef)],
    seen: &Seen,
) -> Vec<String> {
    let of_targets = pairs.iter().map(|(_, target)| &target.database);
    let wanted: BTreeSet<&String> = of_targets.chain(databases).collect();
    wanted
        .into_iter()
        .filter(|db| *db != DEFAULT_DATABASE && !seen.databases.contains(*db))
        .cloned()
        .collect()
}
