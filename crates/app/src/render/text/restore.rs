//! `restore` for people.

use std::fmt::Write;

use jobs::RestoreFlags;
use model::plan::restore::ExistingTargetPolicy;

use super::super::units::{bytes, columns, count, counted, duration};
use super::{names, warnings};
use crate::status::{Kind, exit_code};
use crate::wire::{
    self, Action, PlannedRestore, RestoreOutcome, RestorePlan, RestoreReport, Restored, RestoredFailure,
};

/// What a restore would do.
pub(crate) fn restore_plan(plan: &RestorePlan) -> String {
    let sum = |of: fn(&PlannedRestore) -> u64| plan.collections.iter().map(of).sum::<u64>();
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
    let _ = match (&plan.staging, plan.objects) {
        (_, 0) => writeln!(text, "Data: none"),
        (Some(why), objects) => {
            writeln!(text, "Data: {} staged first ({why}), removed afterwards", counted(objects, "object"))
        }
        (None, objects) => writeln!(text, "Data: {} read where they lie", counted(objects, "object")),
    };
    warnings(&mut text, &plan.warnings);
    text
}

fn collection(plan: &PlannedRestore) -> [String; 6] {
    let mut extras = Vec::new();
    match plan.action {
        Action::Create => {}
        Action::DropAndCreate => extras.push("drops what is there".to_owned()),
        Action::Use => extras.push("into what is there".to_owned()),
    }
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
        counted(plan.partitions.iter().map(|partition| partition.jobs.len()).sum::<usize>(), "job"),
        extras.join("; "),
    ]
}

fn rows_less_deletes(min: u64, max: u64) -> String {
    match max.saturating_sub(min) {
        0 => counted(max, "row"),
        deletes => format!("{}, {} of them deleted", counted(max, "row"), count(deletes)),
    }
}

/// What a restore did that did all of it; `meta_only` is what was asked for.
pub(crate) fn restore_report(report: &RestoreReport, meta_only: bool) -> String {
    let collections = counted(report.collections.len(), "collection");
    let proof = match report.rows_max.saturating_sub(report.rows_min) {
        _ if report.collections.is_empty() => "the databases selected are there".to_owned(),
        _ if meta_only => "schemas and indexes as selected, no data".to_owned(),
        0 => format!("{} counted in the target, as expected", counted(report.rows, "row")),
        deletes => format!(
            "{} counted in the target, as expected ({} less {})",
            counted(report.rows, "row"),
            count(report.rows_max),
            counted(deletes, "delete"),
        ),
    };
    format!(
        "Restored {collections} from {} in {}: {proof}.\n",
        report.name,
        duration(wire::duration(report.seconds))
    )
}

/// What a restore did that did not do all of it: what failed and why, what was not begun, what is left.
///
/// `again` repeats it.
pub(crate) fn restore_failure(report: &RestoreReport, again: &Again) -> String {
    let done = report.collections.iter().filter(|c| c.outcome == RestoreOutcome::Done).count();
    let interrupted = if report.exit_code == exit_code(Kind::Interrupted) { "interrupted; " } else { "" };
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
            let _ = writeln!(text, "  {}: {}", target(restored), reason(restored, failure));
            if let Some(hint) = failure.hint.as_deref().filter(|hint| !hints.contains(hint)) {
                hints.push(hint);
            }
        }
    }
    for hint in hints {
        let _ = writeln!(text, "  hint: {hint}");
    }
    let not_begun: Vec<_> =
        of(report, |c| c.outcome == RestoreOutcome::NotBegun).map(|c| &c.source).collect();
    if !not_begun.is_empty() {
        let _ = writeln!(text, "  not begun: {}", names(&not_begun));
    }
    let left: Vec<_> = of(report, |c| c.created && c.outcome != RestoreOutcome::Done).collect();
    if !left.is_empty() {
        let _ = writeln!(text, "  left in place, incomplete: {}", targets(&left));
    }
    let flags = again.flags.for_the_rest(!left.is_empty());
    if flags.existing == ExistingTargetPolicy::Use && !flags.meta_only {
        let filled: Vec<_> = of(report, |c| !c.created && c.outcome == RestoreOutcome::Failed).collect();
        if !filled.is_empty() {
            let _ = writeln!(
                text,
                "  rows may have come into: {}; empty them before you try again, or those rows come twice",
                targets(&filled)
            );
        }
    }
    let rest: Vec<_> = of(report, |c| c.outcome != RestoreOutcome::Done).collect();
    if !rest.is_empty() && rest.len() <= 10 {
        let filter: Vec<_> = rest.iter().map(|c| c.source.as_str()).collect();
        let renamed = rest.iter().filter(|c| !again.same_targets && c.source != c.target);
        let renames: Vec<_> = renamed.map(|c| format!("{}:{}", c.source, c.target)).collect();
        let rename =
            if renames.is_empty() { String::new() } else { format!(" --rename {}", renames.join(",")) };
        let _ = writeln!(text, "  try again: {}{rename} --filter {}{flags}", again.line, filter.join(","));
    }
    text
}

/// A command line that repeats a restore.
#[derive(Clone, Debug, Default)]
pub(crate) struct Again {
    /// The line, without selection and flags.
    pub line: String,
    /// Whether it gives the same targets, whatever is selected; else each is named.
    pub same_targets: bool,
    /// How it was done.
    pub flags: RestoreFlags,
}

fn targets(restored: &[&Restored]) -> String {
    names(&restored.iter().map(|restored| &restored.target).collect::<Vec<_>>())
}

fn of(report: &RestoreReport, which: fn(&Restored) -> bool) -> impl Iterator<Item = &Restored> {
    report.collections.iter().filter(move |collection| which(collection))
}

fn target(restored: &Restored) -> String {
    if restored.source == restored.target {
        restored.target.clone()
    } else {
        format!("{} (from {})", restored.target, restored.source)
    }
}

/// Why it failed, without the name that stands before it already.
fn reason(restored: &Restored, failure: &RestoredFailure) -> String {
    let message = failure.message.as_str();
    let Some(rest) = message.strip_prefix(&restored.target) else { return message.to_owned() };
    if let Some(rest) = rest.strip_prefix(": ") {
        return rest.to_owned();
    }
    match rest.strip_prefix('/').and_then(|rest| rest.split_once(": ")) {
        Some((partition, rest)) => match rest.split_once(" rows").filter(|_| failure.rows_differ) {
            Some((counts, rest)) => format!("{} rows in partition {partition}{rest}", separated(counts)),
            None => format!("partition {partition}: {rest}"),
        },
        None => message.to_owned(),
    }
}

/// The numbers of a text with thousands separators.
fn separated(text: &str) -> String {
    let words = text.split(' ').map(|word| word.parse().map_or_else(|_| word.to_owned(), count));
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use engine::{CollectionFailure, CollectionOutcome, CollectionRestored, FailureKind, PartitionRows};
    use insta::assert_snapshot;
    use model::name::CollectionRef;
    use model::plan::restore::RowRange;

    use super::*;

    fn restored(name: &str, outcome: CollectionOutcome) -> CollectionRestored {
        let expected = RowRange { min: 1997, max: 2000 };
        CollectionRestored {
            source: CollectionRef::new("", name),
            target: CollectionRef::new("", format!("{name}_x")),
            created: outcome != CollectionOutcome::NotBegun,
            outcome,
            partitions: vec![PartitionRows { partition: "_default".into(), counted: 1998, expected }],
        }
    }

    fn report(outcomes: Vec<(&str, CollectionOutcome)>) -> RestoreReport {
        let report = engine::RestoreReport {
            name: "nightly".into(),
            collections: outcomes.into_iter().map(|(name, outcome)| restored(name, outcome)).collect(),
            elapsed: Duration::from_millis(21_400),
            warnings: Vec::new(),
        };
        RestoreReport::from(&report)
    }

    #[test]
    fn a_full_restore_says_what_it_proved() {
        let mut report = report(vec![("a", CollectionOutcome::Done), ("b", CollectionOutcome::Done)]);
        assert_snapshot!(restore_report(&report, false), @"Restored 2 collections from nightly in 21.4 s: 3,996 rows counted in the target, as expected (4,000 less 6 deletes).");
        let bare =
            "Restored 2 collections from nightly in 21.4 s: schemas and indexes as selected, no data.\n";
        assert_eq!(restore_report(&report, true), bare);
        report.collections.clear();
        let empty = "Restored 0 collections from nightly in 21.4 s: the databases selected are there.\n";
        assert_eq!(restore_report(&report, false), empty);
    }

    #[test]
    fn a_failed_restore_says_what_is_left_and_how_to_go_on() {
        let failure = CollectionFailure {
            kind: FailureKind::Partial,
            message: "default.b_x/_default: 0 of 1997 to 2000 rows, although".into(),
            hint: Some("compare the root path".into()),
            rows_differ: true,
        };
        let failed = || CollectionOutcome::Failed(failure.clone());
        let outcomes = vec![
            ("a", CollectionOutcome::Done),
            ("b", failed()),
            ("c", failed()),
            ("d", CollectionOutcome::NotBegun),
        ];
        let mut again = Again {
            line: "milvus-backup restore -n nightly --suffix _x".to_owned(),
            same_targets: true,
            flags: RestoreFlags { load: false, ..RestoreFlags::default() },
        };
        assert_snapshot!(restore_failure(&report(outcomes), &again), @"
        restored 1 of 4 collections from nightly
          default.b_x (from default.b): 0 of 1,997 to 2,000 rows in partition _default, although
          default.c_x (from default.c): default.b_x/_default: 0 of 1997 to 2000 rows, although
          hint: compare the root path
          not begun: default.d
          left in place, incomplete: default.b_x, default.c_x
          try again: milvus-backup restore -n nightly --suffix _x --filter default.b,default.c,default.d --drop-exist-collection --no-load
        ");
        again.flags.existing = ExistingTargetPolicy::Use;
        let mut into_others = report(vec![("a", CollectionOutcome::Done), ("b", failed())]);
        into_others.collections[1].created = false;
        assert_snapshot!(restore_failure(&into_others, &again), @"
        restored 1 of 2 collections from nightly
          default.b_x (from default.b): 0 of 1,997 to 2,000 rows in partition _default, although
          hint: compare the root path
          rows may have come into: default.b_x; empty them before you try again, or those rows come twice
          try again: milvus-backup restore -n nightly --suffix _x --filter default.b --skip-create-collection --no-load
        ");
        let interrupted = CollectionFailure {
            kind: FailureKind::Interrupted,
            rows_differ: false,
            hint: None,
            message: "interrupted".into(),
        };
        let text = restore_failure(&report(vec![("a", CollectionOutcome::Failed(interrupted))]), &again);
        assert!(text.starts_with("interrupted; restored 0 of 1 collection from nightly\n"), "{text}");
    }
}
