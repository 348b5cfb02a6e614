//! What the plan of a restore warns about: what targets contain already, and what they cannot do.

use milvus::MilvusErrorKind;
use model::manifest::Manifest;
use model::plan::restore::{CollectionPlan, ImportJob, RestorePlan, RestoreRequest, TargetAction};
use model::segment::SegmentKind;
use model::version::Capabilities;

use crate::Error;
use crate::instance::Instance;

/// Describes what existing targets contain that rows are imported into: rows that may then be there twice, and deletes
/// that hide imported rows, because those are older.
pub(super) async fn describe_used_targets(
    target: &Instance,
    plan: &RestorePlan,
) -> Result<Vec<String>, Error> {
    let used = plan.collections.iter().filter(|c| c.action == TargetAction::Use && c.steps() > 0);
    let mut warnings = Vec::new();
    for CollectionPlan { target: name, jobs, .. } in used {
        let segments = match target.milvus.segments(name).await {
            Err(error) if error.kind() == MilvusErrorKind::Unsupported => continue,
            segments => segments?,
        };
        let rows: u64 = segments.iter().filter(|segment| segment.has_flushed_rows()).map(|s| s.rows).sum();
        if rows > 0 {
            warnings.push(format!(
                "{name} contains {rows} rows already: rows with the same keys will be there twice"
            ));
        }
        let imports_old_rows = !jobs.is_empty();
        if imports_old_rows && segments.iter().any(|segment| segment.kind == SegmentKind::Deletes) {
            warnings.push(format!(
                "{name} has deletes: rows of the backup with these keys stay deleted, because they are older; to have them \
                 back, restore under another name"
            ));
        }
    }
    Ok(warnings)
}

/// Describes the indexes of a plan whose type the target does not have.
pub(super) fn describe_unknown_indexes(plan: &RestorePlan, capabilities: &Capabilities) -> Vec<String> {
    let indexes = plan.collections.iter().flat_map(|c| c.indexes.iter().map(move |index| (&c.target, index)));
    let problems = indexes.filter_map(|(target, index)| Some((target, capabilities.index_problem(index)?)));
    problems
        .map(|(target, problem)| format!("{target}: the target cannot build the index of {problem}"))
        .collect()
}

/// Warns of keys in the mapping of encryption zones that no database of the backup has.
pub(super) fn describe_unused_keys(request: &RestoreRequest, manifest: &Manifest) -> Option<String> {
    let has = |key: &String| manifest.databases.iter().any(|database| database.ezk == *key);
    let unused = request.ezk_mapping.0.keys().filter(|key| !has(key)).count();
    (unused > 0).then(|| {
        format!("no database of the backup has {unused} of the old keys in the mapping of encryption zones")
    })
}

/// Describes the collections whose deletes a fault of the target may lose in a compaction after the restore.
pub(super) fn describe_endangered_deletes(plan: &RestorePlan, capabilities: &Capabilities) -> Option<String> {
    let (major, minor, patch) = capabilities.loses_imported_deletes_until?;
    let endangered = plan.collections.iter().filter(|c| c.jobs.iter().any(ImportJob::has_deltas));
    let counts: Vec<String> = endangered.map(|c| format!("{} ({} rows)", c.target, c.rows())).collect();
    (!counts.is_empty()).then(|| {
        format!(
            "a compaction of this Milvus may lose deletes some minutes after their import (fixed in {major}.{minor}.{patch}), so \
             that deleted rows come back; count the rows then: {}",
            counts.join(", ")
        )
    })
}
