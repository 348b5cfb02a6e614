//! Backups as text: `list`, `get` and `delete`.

use std::fmt::Write;

use wire::{BackupDetail, BackupFormat, BackupList, CollectionDetail, DeletionReport};

use super::super::units::{bytes, columns, count, counted, fitting_columns, minute};
use super::names;

/// The columns of a list that a narrow terminal leaves out: BY, COLLECTIONS and MILVUS.
const OPTIONAL_OF_LIST: [usize; 3] = [6, 4, 5];

/// The columns of a backup's collections that a narrow terminal leaves out: ALIASES, INDEXES, LOADED and SEGMENTS.
const OPTIONAL_OF_DETAIL: [usize; 4] = [7, 5, 6, 4];

/// The table of backups; without the less important columns where it would be wider than `width`.
pub(crate) fn list(list: &BackupList, width: usize) -> String {
    let mut rows = vec![
        ["NAME", "STATE", "TAKEN (UTC)", "SIZE", "COLLECTIONS", "MILVUS", "BY"].map(str::to_owned).to_vec(),
    ];
    rows.extend(list.backups.iter().map(|backup| {
        vec![
            backup.name.clone(),
            backup.state.to_string(),
            backup.taken.map_or_else(dash, minute),
            backup.bytes.map_or_else(dash, bytes),
            backup.collections.map_or_else(dash, count),
            backup.milvus.as_deref().map_or_else(dash, version_number),
            backup.tool.as_deref().map_or_else(dash, tool_name),
        ]
    }));
    let mut text = fitting_columns(&rows, &OPTIONAL_OF_LIST, width);
    for backup in &list.backups {
        let Some(problem) = &backup.problem else { continue };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}: {problem}", backup.name);
    }
    text
}

fn dash() -> String {
    "-".to_owned()
}

fn version_number(version: &str) -> String {
    version.trim_start_matches('v').to_owned()
}

/// The version of this program, or the name of another tool.
fn tool_name(tool: &str) -> String {
    tool.strip_prefix("milvus-backup ").unwrap_or(tool).to_owned()
}

/// The details of one backup; without the less important columns where the table of collections would be wider than
/// `width`.
pub(crate) fn detail(backup: &BackupDetail, width: usize) -> String {
    let line = |name: &str, value: String| [format!("{name}:"), value];
    let mut head = vec![
        line("Backup", backup.name.clone()),
        line("State", backup.state.to_string()),
        line("Taken", backup.taken.map_or_else(dash, |time| format!("{} UTC", minute(time)))),
        line("Size", format!("{} in {}", bytes(backup.bytes), counted(backup.objects, "object"))),
        line("Rows", rows(backup.rows, backup.deletes)),
        line("Milvus", backup.milvus.as_deref().map_or_else(dash, version_number)),
        line("By", backup.tool.clone().unwrap_or_else(dash)),
    ];
    if backup.format != BackupFormat::Binlog {
        head.push(line("Format", backup.format.to_string()));
    }
    head.push(line("Databases", databases(backup)));
    if let Some(source) = &backup.source {
        // A copy of a backup of the Go tool does not know them.
        if !source.address.is_empty() {
            head.push(line("Source", format!("{}, files in {}", source.address, source.storage)));
            head.push(line("Selection", format!("{} ({})", source.selection, source.strategy)));
        }
        if !source.vanished.is_empty() {
            head.push(line("Not included", names(&source.vanished)));
        }
        if !source.failed.is_empty() {
            head.push(line("Failed", names(&source.failed)));
        }
    }
    let mut text = columns(&head);
    let mut rows = vec![
        ["COLLECTION", "ROWS", "SIZE", "PARTITIONS", "SEGMENTS", "INDEXES", "LOADED", "ALIASES"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(backup.collections.iter().map(|c| collection(c).to_vec()));
    text.push('\n');
    text.push_str(&fitting_columns(&rows, &OPTIONAL_OF_DETAIL, width));
    for segments in backup.collections.iter().filter_map(segments) {
        text.push('\n');
        text.push_str(&segments);
    }
    text
}

/// The names of the databases; those without collections are marked.
fn databases(backup: &BackupDetail) -> String {
    let is_empty = |database: &str| {
        let is_in = |name: &str| name.split_once('.').is_some_and(|(of, _)| of == database);
        !backup.collections.iter().any(|collection| is_in(&collection.name))
    };
    let marked = backup
        .databases
        .iter()
        .map(|database| if is_empty(database) { format!("{database} (empty)") } else { database.clone() });
    let marked: Vec<String> = marked.collect();
    if marked.is_empty() { dash() } else { names(&marked) }
}

/// The number of rows, and of delete entries if it is known; several of these may delete the same row, or none.
fn rows(rows: u64, deletes: Option<u64>) -> String {
    match deletes.unwrap_or_default() {
        0 => count(rows),
        deletes => format!("{} ({})", count(rows), counted(deletes, "delete entry")),
    }
}

fn collection(backup: &CollectionDetail) -> [String; 8] {
    let indexes: Vec<_> = backup.indexes.iter().map(|index| index.name.as_str()).collect();
    let or_dash = |text: String| if text.is_empty() { dash() } else { text };
    [
        backup.name.clone(),
        count(backup.rows),
        bytes(backup.bytes),
        count(backup.partition_count as u64),
        count(backup.segment_count as u64),
        or_dash(names(&indexes)),
        backup.load_state.to_string(),
        or_dash(names(&backup.aliases)),
    ]
}

/// The table of partitions and segments of a collection, if they were requested.
fn segments(backup: &CollectionDetail) -> Option<String> {
    let partitions = backup.partitions.as_ref()?;
    let mut rows = vec![[
        backup.name.clone(),
        "SEGMENT".into(),
        "ROWS".into(),
        "SIZE".into(),
        "OBJECTS".into(),
        "DELETE LOGS".into(),
    ]];
    let all = partitions.iter().map(|partition| (partition.name.as_str(), &partition.segments));
    let l0 = backup.l0_segments.as_ref().filter(|segments| !segments.is_empty());
    let l0 = l0.map(|segments| ("(all partitions)", segments));
    for (name, segments) in all.chain(l0) {
        if segments.is_empty() {
            rows.push([format!("  {name}"), dash(), "0".into(), dash(), dash(), dash()]);
        }
        rows.extend(segments.iter().map(|segment| {
            [
                format!("  {name}"),
                segment.id.to_string(),
                count(segment.rows),
                bytes(segment.bytes),
                count(segment.objects as u64),
                count(segment.delete_logs as u64),
            ]
        }));
    }
    Some(columns(&rows))
}

/// The question before a deletion.
pub(crate) fn delete_question(found: &DeletionReport) -> String {
    format!(
        "{}Delete backup {} ({}, {}, {})?",
        describe_circumstances(found),
        found.name,
        found.state,
        counted(found.objects, "object"),
        bytes(found.bytes)
    )
}

/// Returns the notes on a deletion, one line each: the runs that it overrides, and a bucket that keeps old versions.
fn describe_circumstances(report: &DeletionReport) -> String {
    let lines =
        report.overridden.iter().map(|run| format!("{} is {run}: overridden by --force\n", report.name));
    let versions =
        "The bucket keeps old versions: its space is freed by its own lifecycle rules\n".to_owned();
    lines.chain(report.keeps_versions.then_some(versions)).collect::<Vec<_>>().concat()
}

/// The plan of a deletion.
pub(crate) fn delete_plan(found: &DeletionReport) -> String {
    format!(
        "{}Would delete backup {} ({}): {}, {}, below {}\n",
        describe_circumstances(found),
        found.name,
        found.state,
        counted(found.objects, "object"),
        bytes(found.bytes),
        found.place
    )
}

/// The report of a deletion.
pub(crate) fn deleted(outcome: &DeletionReport) -> String {
    format!(
        "{}Deleted backup {}: {}, {}.\n",
        describe_circumstances(outcome),
        outcome.name,
        counted(outcome.objects, "object"),
        bytes(outcome.bytes)
    )
}
