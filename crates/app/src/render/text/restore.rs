//! `restore` for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use engine::Advice;

use super::super::units::{bytes, columns, count, counted, duration};
use super::{names, warnings};
use wire::{
    self, CollectionFailure, CollectionOutcome, PlannedCollectionRestore, PlannedRbac, RestoreMethod,
    RestorePlan, RestoreReport, RestoredCollection, RestoredRbac, TargetAction,
};
use wire::{FailureKind, exit_code};

/// The rows of a restore, for the details of its job, which list the collections.
pub(crate) fn restored_rows(report: &RestoreReport) -> String {
    let collections = counted(report.collections.len(), "collection");
    format!("Rows: {} counted in {collections}\n", count(report.rows))
}

/// What a restore would do.
pub(crate) fn restore_plan(plan: &RestorePlan) -> String {
    let sum = |of: fn(&PlannedCollectionRestore) -> u64| plan.collections.iter().map(of).sum::<u64>();
    let mut text = format!(
        "Would restore {} of {} ({}, {}) from {} into Milvus {} at {}\n",
        count(plan.collections.len() as u64),
        counted(plan.collections_in_backup, "collection"),
        rows_less_deletes(sum(|c| c.rows_min), sum(|c| c.rows_max)),
        bytes(plan.bytes),
        plan.name,
        plan.milvus.trim_start_matches('v'),
        plan.address,
    );
    let lines: Vec<_> = plan.collections.iter().map(collection).collect();
    text.push_str(&columns(&lines));
    // Writing to a String cannot fail.
    if !plan.databases_to_create.is_empty() {
        let _ = writeln!(text, "Databases to create: {}", names(&plan.databases_to_create));
    }
    let inserted = plan.collections.iter().flat_map(|collection| &collection.partitions);
    let inserted = inserted.filter(|partition| partition.method == RestoreMethod::Insert);
    let inserted: u64 = inserted.map(|partition| partition.rows_max).sum();
    if inserted > 0 {
        let _ = writeln!(text, "Data: {} read here and inserted", counted(inserted, "row"));
    }
    let imported = plan.collections.iter().flat_map(|collection| &collection.partitions);
    let imported = imported.flat_map(|partition| &partition.jobs).map(|job| job.objects).sum();
    let objects = if inserted > 0 { imported } else { plan.objects };
    let _ = match (&plan.staging, objects) {
        (_, 0) if inserted > 0 => Ok(()),
        (_, 0) => writeln!(text, "Data: none"),
        (Some(why), objects) => {
            let part = match plan.staged_objects {
                all if all >= objects => String::new(),
                part => format!("{} of them ", count(part)),
            };
            let objects = counted(objects, "object");
            writeln!(text, "Data: {objects}, {part}staged first and removed afterwards ({why})")
        }
        (None, objects) if plan.format == wire::BackupFormat::Snapshot => {
            let files = counted(objects, "file");
            writeln!(text, "Data: {files} of snapshots, restored by Milvus itself")
        }
        (None, objects) => writeln!(text, "Data: {} imported in place", counted(objects, "object")),
    };
    if let Some(rbac) = &plan.rbac {
        text.push_str(&users_and_roles(rbac));
    }
    warnings(&mut text, &plan.warnings);
    text
}

/// Describes the users, roles and grants of a plan, one kind a line.
fn users_and_roles(rbac: &PlannedRbac) -> String {
    let lists = [
        ("Users to add", &rbac.users),
        ("Roles to add", &rbac.roles),
        ("Privilege groups to add", &rbac.privilege_groups),
        ("Left as they are", &rbac.kept),
    ];
    let lists = lists.into_iter().filter(|(_, listed)| !listed.is_empty());
    let mut text = String::new();
    // Writing to a String cannot fail.
    for (what, listed) in lists {
        let _ = writeln!(text, "{what}: {}", listed.join(", "));
    }
    let _ = writeln!(
        text,
        "Grants to add: {} to users, {} to roles",
        counted(rbac.user_roles, "role"),
        counted(rbac.grants, "privilege")
    );
    text
}

fn collection(plan: &PlannedCollectionRestore) -> [String; 6] {
    let mut extras = Vec::new();
    match plan.action {
        TargetAction::Create => {}
        TargetAction::DropAndCreate if plan.destroyed_snapshots.is_empty() => {
            extras.push("drops what is there".to_owned());
        }
        TargetAction::DropAndCreate => {
            let snapshots = names(&plan.destroyed_snapshots);
            extras.push(format!("drops what is there and its snapshots {snapshots}"));
        }
        TargetAction::Use => extras.push("into what is there".to_owned()),
    }
    let jobs = || plan.partitions.iter().flat_map(|partition| &partition.jobs);
    let (folded, rewritten): (Vec<usize>, Vec<usize>) =
        jobs().map(|job| (job.segments_with_folded_deletes, job.rewritten_segments)).unzip();
    for (segments, what) in [(folded, "with folded deletes"), (rewritten, "rewritten without deleted rows")] {
        let segments: usize = segments.into_iter().sum();
        if segments > 0 {
            extras.push(format!("{} {what}", counted(segments, "segment")));
        }
    }
    extras.extend(methods(plan));
    if !plan.indexes.is_empty() {
        extras.push(format!("indexes {}", names(&plan.indexes)));
    }
    if plan.load {
        extras.push("load".to_owned());
    }
    if !plan.aliases.is_empty() {
        extras.push(format!("aliases {}", names(&plan.aliases)));
    }
    [
        format!("  {}", plan.source),
        format!("-> {}", plan.target),
        counted(plan.partitions.len(), "partition"),
        counted(plan.rows_max, "row"),
        counted(jobs().count(), "job"),
        extras.join("; "),
    ]
}

/// Describes how the partitions with rows get into the target, and why so.
fn methods(plan: &PlannedCollectionRestore) -> Vec<String> {
    let mut groups: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for partition in plan.partitions.iter().filter(|partition| partition.rows_max > 0) {
        let Some(reason) = &partition.method_reason else { continue };
        let verb = match partition.method {
            RestoreMethod::Import => "imports",
            RestoreMethod::Insert => "inserts",
        };
        *groups.entry((verb, reason)).or_default() += 1;
    }
    let groups = groups.into_iter();
    groups.map(|((verb, reason), n)| format!("{verb} {}: {reason}", counted(n, "partition"))).collect()
}

fn rows_less_deletes(min: u64, max: u64) -> String {
    match max.saturating_sub(min) {
        0 => counted(max, "row"),
        deletes => format!("{}, {} of them deleted", counted(max, "row"), count(deletes)),
    }
}

/// Returns the text on a restore in which no collection failed.
pub(crate) fn restore_report(report: &RestoreReport) -> String {
    let collections = counted(report.collections.len(), "collection");
    let proof = match report.rows_max.saturating_sub(report.rows_min) {
        _ if report.collections.is_empty() => "the databases selected are there".to_owned(),
        _ if report.meta_only => "schemas and indexes as selected, no data".to_owned(),
        0 => format!("{} counted in the target, as expected", counted(report.rows, "row")),
        deletes => format!(
            "{} counted in the target, as expected ({} less {})",
            counted(report.rows, "row"),
            count(report.rows_max),
            counted(deletes, "delete"),
        ),
    };
    let mut text = format!(
        "Restored {collections} from {} in {}: {proof}.\n{}",
        report.name,
        duration(wire::duration_from_seconds(report.seconds)),
        dropped_collections(report)
    );
    for lack in report.collections.iter().flat_map(|restored| &restored.lacks) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  lacking: {lack}");
    }
    if let Some(rbac) = &report.rbac {
        text.push_str(&added_users_and_roles(rbac));
    }
    text
}

/// Describes the users, roles and grants that were added, and what is lacking.
fn added_users_and_roles(rbac: &RestoredRbac) -> String {
    let names = [(rbac.users, "user"), (rbac.roles, "role"), (rbac.privilege_groups, "privilege group")];
    let mut added: Vec<String> =
        names.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| counted(count, what)).collect();
    added.push(counted(rbac.user_roles + rbac.grants, "grant"));
    let mut text = format!("  added: {}\n", added.join(", "));
    // Writing to a String cannot fail.
    if !rbac.kept.is_empty() {
        let _ = writeln!(text, "  left as they are: {}", rbac.kept.join(", "));
    }
    for lack in &rbac.lacks {
        let _ = writeln!(text, "  lacking: {lack}");
    }
    text
}

/// A line with the collections that the restore dropped and created again; empty if there are none.
fn dropped_collections(report: &RestoreReport) -> String {
    let dropped: Vec<&str> = of(report, |c| c.dropped).map(|c| c.target.as_str()).collect();
    if dropped.is_empty() { String::new() } else { format!("  dropped first: {}\n", names(&dropped)) }
}

/// The question before a restore that drops collections; `None` if it drops none.
pub(crate) fn restore_question(plan: &RestorePlan) -> Option<String> {
    let drops = plan.collections.iter().filter(|c| c.action == TargetAction::DropAndCreate);
    let dropped: Vec<&str> = drops.map(|c| c.target.as_str()).collect();
    let collections = counted(dropped.len(), "collection");
    let with_collection = |c: &PlannedCollectionRestore| {
        let target = c.target.clone();
        c.destroyed_snapshots
            .iter()
            .map(move |snapshot| format!("{snapshot} of {target}"))
            .collect::<Vec<_>>()
    };
    let snapshots: Vec<String> = plan.collections.iter().flat_map(with_collection).collect();
    let destroyed = match snapshots.len() {
        0 => String::new(),
        some => {
            let counted = counted(some, "snapshot");
            format!(", which destroys {counted} for good ({}),", names(&snapshots))
        }
    };
    (!dropped.is_empty()).then(|| {
        let dropped = names(&dropped);
        format!("Drop {collections} of Milvus ({dropped}){destroyed} and restore backup {}?", plan.name)
    })
}

/// Describes a restore that failed or was stopped: the failures, the collections that were not started, and the rest.
pub(crate) fn restore_failure(report: &RestoreReport) -> String {
    let done = report.collections.iter().filter(|c| c.outcome == CollectionOutcome::Done).count();
    let interrupted =
        if report.exit_code == exit_code(FailureKind::Interrupted) { "interrupted; " } else { "" };
    let mut text = format!(
        "{interrupted}restored {} of {} from {}\n",
        count(done as u64),
        counted(report.collections.len(), "collection"),
        report.name
    );
    let mut hints: Vec<&str> = Vec::new();
    for restored in &report.collections {
        if let Some(failure) = &restored.error {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {}: {}", target(restored), reason(failure));
            if let Some(hint) = failure.hint.as_deref().filter(|hint| !hints.contains(hint)) {
                hints.push(hint);
            }
        }
    }
    for hint in hints {
        let _ = writeln!(text, "  hint: {hint}");
    }
    let not_begun: Vec<_> =
        of(report, |c| c.outcome == CollectionOutcome::NotBegun).map(|c| &c.source).collect();
    if !not_begun.is_empty() {
        let _ = writeln!(text, "  not started: {}", names(&not_begun));
    }
    text.push_str(&dropped_collections(report));
    let left: Vec<_> = of(report, |c| c.created && c.outcome != CollectionOutcome::Done).collect();
    if !left.is_empty() {
        let _ = writeln!(text, "  left in place, incomplete: {}", targets(&left));
    }
    if let Some(Advice::RestoreRemaining(remaining)) = &report.advice
        && remaining.rows_may_repeat
    {
        let filled: Vec<_> = of(report, |c| !c.created && c.outcome == CollectionOutcome::Failed).collect();
        let _ = writeln!(text, "  rows may have been imported into: {}", targets(&filled));
    }
    if let Some(hint) = &report.hint {
        let _ = writeln!(text, "  {hint}");
    }
    text
}

fn targets(restored: &[&RestoredCollection]) -> String {
    names(&restored.iter().map(|restored| &restored.target).collect::<Vec<_>>())
}

fn of(
    report: &RestoreReport,
    which: fn(&RestoredCollection) -> bool,
) -> impl Iterator<Item = &RestoredCollection> {
    report.collections.iter().filter(move |collection| which(collection))
}

fn target(restored: &RestoredCollection) -> String {
    if restored.source == restored.target {
        restored.target.clone()
    } else {
        format!("{} (from {})", restored.target, restored.source)
    }
}

/// Writes why a collection failed; its name precedes the text.
fn reason(failure: &CollectionFailure) -> String {
    let Some(rows) = &failure.rows else { return failure.message.clone() };
    let expected = match rows.rows_max.saturating_sub(rows.rows_min) {
        0 => count(rows.rows_max),
        _ => format!("{} to {}", count(rows.rows_min), count(rows.rows_max)),
    };
    format!(
        "{} of {expected} rows in partition {}, although Milvus reported the import as completed",
        count(rows.rows),
        rows.name
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine::{
        CollectionFailure, CollectionOutcome, CollectionRestored, FailureKind, PartitionRows,
        RemainingRestore, Setting,
    };
    use insta::assert_snapshot;
    use model::name::CollectionRef;
    use model::plan::restore::{ExistingTargetPolicy, RestoreRequest, RowRange};
    use wire::Reword;

    use super::*;
    use crate::render::CommandTerms;

    fn restored(name: &str, outcome: CollectionOutcome) -> CollectionRestored {
        let expected = RowRange { min: 1997, max: 2000 };
        CollectionRestored {
            lacks: Vec::new(),
            source: CollectionRef::new("", name),
            target: CollectionRef::new("", format!("{name}_x")),
            created: outcome != CollectionOutcome::NotBegun,
            dropped: false,
            outcome,
            partitions: vec![PartitionRows { partition: "_default".into(), counted: 1998, expected }],
        }
    }

    fn report(outcomes: Vec<(&str, CollectionOutcome)>) -> RestoreReport {
        report_of(&RestoreRequest::with_defaults("nightly".parse().unwrap()), outcomes)
    }

    /// The report of a restore as the command line prints it.
    fn report_of(request: &RestoreRequest, outcomes: Vec<(&str, CollectionOutcome)>) -> RestoreReport {
        let collections: Vec<_> =
            outcomes.into_iter().map(|(name, outcome)| restored(name, outcome)).collect();
        let remaining: Vec<_> = collections
            .iter()
            .filter(|c| c.outcome != CollectionOutcome::Done)
            .map(|c| (c.source.clone(), c.target.clone()))
            .collect();
        let advice = RemainingRestore::new(request, remaining.iter().map(|(s, t)| (s, t)), true);
        let report = engine::RestoreReport {
            name: "nightly".into(),
            collections,
            elapsed: Duration::from_millis(21_400),
            warnings: Vec::new(),
            meta_only: false,
            rbac: None,
            remaining: (!remaining.is_empty()).then_some(advice),
        };
        let mut report = RestoreReport::from(&report);
        report.reword(&CommandTerms::default());
        report
    }

    #[test]
    fn a_full_restore_says_what_it_proved() {
        let mut report = report(vec![("a", CollectionOutcome::Done), ("b", CollectionOutcome::Done)]);
        assert_snapshot!(restore_report(&report), @"Restored 2 collections from nightly in 21.4 s: 3,996 rows counted in the target, as expected (4,000 less 6 deletes).");
        let bare =
            "Restored 2 collections from nightly in 21.4 s: schemas and indexes as selected, no data.\n";
        report.meta_only = true;
        assert_eq!(restore_report(&report), bare);
        report.collections.clear();
        let empty = "Restored 0 collections from nightly in 21.4 s: the databases selected are there.\n";
        assert_eq!(restore_report(&report), empty);
    }

    #[test]
    fn a_failed_restore_says_what_is_left_and_how_to_continue() {
        let failure = CollectionFailure {
            kind: FailureKind::Partial,
            message: "default.b_x/_default: 0 of 1997 to 2000 rows, although".into(),
            advice: Some(Advice::CompareWithMilvus { settings: vec![Setting::MilvusRootPath] }),
            rows: Some(PartitionRows {
                partition: "_default".into(),
                counted: 0,
                expected: RowRange { min: 1997, max: 2000 },
            }),
        };
        let failed = || CollectionOutcome::Failed(failure.clone());
        let outcomes = vec![
            ("a", CollectionOutcome::Done),
            ("b", failed()),
            ("c", failed()),
            ("d", CollectionOutcome::NotBegun),
        ];
        let mut request = RestoreRequest::with_defaults("nightly".parse().unwrap());
        request.options.load = false;
        assert_snapshot!(restore_failure(&report_of(&request, outcomes)), @"
        restored 1 of 4 collections from nightly
          default.b_x (from default.b): 0 of 1,997 to 2,000 rows in partition _default, although Milvus reported the import as completed
          default.c_x (from default.c): 0 of 1,997 to 2,000 rows in partition _default, although Milvus reported the import as completed
          hint: compare minio.rootPath (milvus.storage.rootPath) with Milvus's own milvus.yaml; to test them: milvus-backup check
          not started: default.d
          left in place, incomplete: default.b_x, default.c_x
          to restore the remaining collections: milvus-backup restore -n nightly --filter default.b,default.c,default.d --rename default.b:default.b_x,default.c:default.c_x,default.d:default.d_x --drop-exist-collection --no-load
        ");
        request.options.existing = ExistingTargetPolicy::Use;
        let mut into_others = report_of(&request, vec![("a", CollectionOutcome::Done), ("b", failed())]);
        into_others.collections[1].created = false;
        assert_snapshot!(restore_failure(&into_others), @"
        restored 1 of 2 collections from nightly
          default.b_x (from default.b): 0 of 1,997 to 2,000 rows in partition _default, although Milvus reported the import as completed
          hint: compare minio.rootPath (milvus.storage.rootPath) with Milvus's own milvus.yaml; to test them: milvus-backup check
          rows may have been imported into: default.b_x
          a second import repeats the rows that are already there, so empty those collections first; then: milvus-backup restore -n nightly --filter default.b --rename default.b:default.b_x --skip-create-collection --no-load
        ");
        let interrupted = CollectionFailure {
            kind: FailureKind::Interrupted,
            rows: None,
            advice: None,
            message: "interrupted".into(),
        };
        let text = restore_failure(&report(vec![("a", CollectionOutcome::Failed(interrupted))]));
        assert!(text.starts_with("interrupted; restored 0 of 1 collection from nightly\n"), "{text}");
    }
}
