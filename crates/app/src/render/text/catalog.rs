//! `list`, `get` and `delete` for people.

use std::fmt::Write;

use engine::{BackupDetail, BackupSummary, DeleteOutcome, Extra};
use model::manifest::CollectionBackup;
use model::plan::backup::Totals;

use super::super::units::{bytes, columns, count, counted, minute};
use super::names;

/// Which backups there are.
pub(crate) fn list(backups: &[BackupSummary]) -> String {
    let mut rows =
        vec![["NAME", "STATE", "TAKEN (UTC)", "SIZE", "COLLECTIONS", "MILVUS", "BY"].map(str::to_owned)];
    rows.extend(backups.iter().map(|backup| {
        [
            backup.name.clone(),
            backup.state.to_string(),
            backup.taken_ms.map_or_else(dash, minute),
            backup.size.map_or_else(dash, bytes),
            backup.collections.map_or_else(dash, count),
            backup.milvus_version.as_deref().map_or_else(dash, without_v),
            backup.tool.as_deref().map_or_else(dash, by),
        ]
    }));
    let mut text = columns(&rows);
    for (name, problem) in backups.iter().filter_map(|backup| Some((&backup.name, backup.problem.as_ref()?)))
    {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}: {problem}");
    }
    text
}

fn dash() -> String {
    "-".to_owned()
}

fn without_v(version: &str) -> String {
    version.trim_start_matches('v').to_owned()
}

/// `0.1.0` for this tool, other names as they are.
fn by(tool: &str) -> String {
    tool.strip_prefix("milvus-backup ").unwrap_or(tool).to_owned()
}

/// One backup.
pub(crate) fn detail(backup: &BackupDetail, deep: bool) -> String {
    let totals = Totals::of_all(&backup.manifest);
    let summary = &backup.summary;
    let line = |name: &str, value: String| [format!("{name}:"), value];
    let mut head = vec![
        line("Backup", summary.name.clone()),
        line("State", summary.state.to_string()),
        line("Taken", summary.taken_ms.map_or_else(dash, |ms| format!("{} UTC", minute(ms)))),
        line("Size", format!("{} in {}", bytes(totals.bytes), counted(totals.objects, "object"))),
        line("Rows", rows(totals.rows, backup.extra.as_ref())),
        line("Milvus", summary.milvus_version.as_deref().map_or_else(dash, without_v)),
        line("By", summary.tool.clone().unwrap_or_else(dash)),
    ];
    if let Some(extra) = &backup.extra {
        head.push(line("Source", format!("{}, files in {}", extra.milvus_address, extra.source)));
        head.push(line("Selection", format!("{} ({})", extra.selection, extra.strategy)));
        if !extra.vanished.is_empty() {
            head.push(line("Not included", names(&extra.vanished)));
        }
    }
    let mut text = columns(&head);
    let mut rows = vec![
        ["COLLECTION", "ROWS", "SIZE", "PARTITIONS", "SEGMENTS", "INDEXES", "LOADED", "ALIASES"]
            .map(str::to_owned),
    ];
    rows.extend(backup.manifest.collections.iter().map(collection));
    text.push('\n');
    text.push_str(&columns(&rows));
    if deep {
        for collection in &backup.manifest.collections {
            text.push('\n');
            text.push_str(&segments(collection));
        }
    }
    text
}

/// Rows, and how many of them are deleted where that is known.
fn rows(rows: u64, extra: Option<&Extra>) -> String {
    match extra.map_or(0, |extra| extra.deletes().map(|(_, deletes)| deletes).sum()) {
        0 => count(rows),
        deletes => format!("{} ({} deleted)", count(rows), count(deletes)),
    }
}

fn collection(backup: &CollectionBackup) -> [String; 8] {
    let totals = Totals::of(backup);
    let indexes: Vec<_> = backup.indexes.iter().map(|index| index.name.as_str()).collect();
    let or_dash = |text: String| if text.is_empty() { dash() } else { text };
    [
        backup.name.to_string(),
        count(totals.rows),
        bytes(totals.bytes),
        count(backup.partitions.len() as u64),
        count(totals.segments as u64),
        or_dash(names(&indexes)),
        backup.load_state.as_str().to_owned(),
        or_dash(names(&backup.aliases)),
    ]
}

/// A collection's partitions and segments.
fn segments(backup: &CollectionBackup) -> String {
    let mut rows = vec![[
        backup.name.to_string(),
        "SEGMENT".into(),
        "ROWS".into(),
        "SIZE".into(),
        "OBJECTS".into(),
        "DELETE LOGS".into(),
    ]];
    let all = backup.partitions.iter().map(|partition| (partition.name.as_str(), &partition.segments));
    let l0 = (!backup.l0_segments.is_empty()).then_some(("(all partitions)", &backup.l0_segments));
    for (name, segments) in all.chain(l0) {
        if segments.is_empty() {
            rows.push([format!("  {name}"), dash(), "0".into(), dash(), dash(), dash()]);
        }
        rows.extend(segments.iter().map(|segment| {
            [
                format!("  {name}"),
                segment.id.to_string(),
                count(segment.rows),
                bytes(segment.size()),
                count(segment.objects() as u64),
                count(segment.delta_logs.len() as u64),
            ]
        }));
    }
    columns(&rows)
}

/// What is asked before a deletion.
pub(crate) fn delete_question(found: &DeleteOutcome) -> String {
    format!(
        "Delete backup {} ({}, {}, {})?",
        found.backup.name,
        found.backup.state,
        counted(found.objects, "object"),
        bytes(found.bytes)
    )
}

/// What a deletion would do.
pub(crate) fn delete_plan(found: &DeleteOutcome) -> String {
    format!(
        "Would delete backup {} ({}): {}, {}, below {}\n",
        found.backup.name,
        found.backup.state,
        counted(found.objects, "object"),
        bytes(found.bytes),
        found.place
    )
}

/// What a deletion did.
pub(crate) fn deleted(outcome: &DeleteOutcome) -> String {
    format!(
        "Deleted backup {}: {}, {}.\n",
        outcome.backup.name,
        counted(outcome.objects, "object"),
        bytes(outcome.bytes)
    )
}
