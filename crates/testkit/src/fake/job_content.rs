//! What an import job reads, and what it adds to its collection.

use std::path::Path;

use super::binlogs::{FieldFiles, Rules, field_files, files_below, no_number, read_rows};
use super::cell::{Column, Deletion, Row, user_columns};
use super::delta_logs::read_deletes;
use super::hash;
use super::job_checks::size_below;
use super::jobs::Job;
use super::reply::{Refusal, Version};
use super::segment::ALL_PARTITIONS;
use super::state::FakeState;

/// The earliest physical time of a valid hybrid timestamp: the year 2000, in milliseconds.
const EARLIEST_MS: u64 = 946_684_800_000;

/// What a job read.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) rows: Vec<Row>,
    pub(super) deletes: Vec<Deletion>,
    pub(super) details: Vec<Details>,
    /// The reason for which the job fails.
    pub(super) failure: Option<String>,
}

/// What a job read of one segment.
#[derive(Clone, Debug)]
pub(super) struct Details {
    /// The paths, as Go prints a list.
    pub(super) name: String,
    /// The size of the files; 0 for deletes.
    pub(super) size: u64,
    /// The number of rows or deletes.
    pub(super) rows: usize,
    pub(super) is_l0: bool,
}

impl Content {
    pub(super) fn failing(reason: String) -> Self {
        Self { failure: Some(reason), ..Self::default() }
    }
}

impl FakeState {
    /// Reads the files of a job.
    pub(super) fn read_job(&mut self, job: &Job) -> Content {
        let version = self.version;
        let is_l0 = job.is_true("l0_import");
        if is_l0 && version < (2, 6, 5) && job.files.len() > 1 {
            let files = job.files.iter().map(|paths| self.describe_file(paths)).collect::<Vec<_>>();
            return Content::failing(format!(
                "there should be one prefix for l0 import, but got [{}]: importing data failed",
                files.join(" ")
            ));
        }
        let columns = match self.collection(&job.database, &job.collection) {
            Ok(held) if held.lacks_dynamic_field() => {
                let reason = "error: enable_dynamic_field is true but the dynamic field doesn't exist";
                return Content::failing(reason.to_owned());
            }
            Ok(held) => user_columns(held, version),
            Err(refusal) => return Content::failing(refusal.into_status("Import", version).reason),
        };
        let mut content = Content::default();
        for paths in &job.files {
            let read = if is_l0 {
                read_l0(job, paths, version).map(|deletes| (Vec::new(), deletes))
            } else {
                read_segment(job, paths, &columns, version).map(|rows| (rows, Vec::new()))
            };
            match read {
                // An L0 prefix without files is not even listed.
                Ok((rows, deletes)) if is_l0 && rows.is_empty() && deletes.is_empty() => {}
                Ok((rows, deletes)) => {
                    let size = paths.first().map_or(0, |path| size_below(path));
                    let deltas = paths.get(1).map_or(0, |path| size_below(path));
                    content.details.push(Details {
                        name: format!("[{}]", paths.join(" ")),
                        size: if is_l0 { 0 } else { size + deltas },
                        rows: rows.len() + deletes.len(),
                        is_l0,
                    });
                    content.rows.extend(rows);
                    content.deletes.extend(deletes);
                }
                Err(reason) => {
                    let file = self.describe_file(paths);
                    return Content::failing(format!("error: {reason}, file: {file}"));
                }
            }
        }
        content
    }

    /// Describes the paths of a segment as a failure does.
    fn describe_file(&mut self, paths: &[String]) -> String {
        let paths: Vec<String> = paths.iter().map(|path| format!("paths:\"{path}\"")).collect();
        format!("id:{} {}", self.next_id(), paths.join(" "))
    }

    /// Adds what a job read to its collection; returns the ids of the new segments.
    pub(super) fn add_content(&mut self, job: &Job) -> Result<Vec<i64>, Refusal> {
        let Some(content) = &job.content else { return Ok(Vec::new()) };
        let (database, name) = (&job.database, &job.collection);
        let shards = self.collection(database, name)?.shards();
        if job.is_true("l0_import") {
            let scope = job.partition.unwrap_or(ALL_PARTITIONS);
            let storage_version = if self.version < (2, 6, 0) { 0 } else { 2 };
            let mut ids = Vec::new();
            for shard in 0..shards {
                let of_shard = |delete: &&Deletion| hash::choose(&delete.key, shards) == shard;
                let deletes: Vec<Deletion> = content.deletes.iter().filter(of_shard).cloned().collect();
                if !deletes.is_empty() {
                    ids.push(self.add_deletes(database, name, (scope, shard), deletes, storage_version)?);
                }
            }
            return Ok(ids);
        }
        let committed = if self.version < (3, 0, 0) { 0 } else { self.next_timestamp() };
        let partition = job.partition.unwrap_or_default();
        let exists = self.collection(database, name)?.partitions.iter().any(|held| held.id == partition);
        if !exists {
            return Err(Refusal::partition(&partition.to_string()));
        }
        self.add_imported_rows(database, name, partition, content.rows.clone(), committed)
    }
}

fn read_l0(job: &Job, paths: &[String], version: Version) -> Result<Vec<Deletion>, String> {
    let (start, end) = read_times(job, version)?;
    match paths {
        [path] => {
            let mut deletes = read_deletes(&files_below(Path::new(path)))?;
            deletes.retain(|delete| (start..=end).contains(&delete.time));
            Ok(deletes)
        }
        paths => {
            Err(format!("there should be one prefix, but got [{}]: importing data failed", paths.join(" ")))
        }
    }
}

fn read_segment(
    job: &Job,
    paths: &[String],
    columns: &[Column],
    version: Version,
) -> Result<Vec<Row>, String> {
    let rules = read_options(job, version)?;
    let insert = paths.first().map_or("", String::as_str);
    if insert == "pid" {
        return Err(no_number(".", version));
    }
    let files: FieldFiles = field_files(Path::new(insert), version)?;
    let deltas = paths.get(1).map(|path| files_below(Path::new(path))).unwrap_or_default();
    let deletes = read_deletes(&deltas)?;
    read_rows(&files, &deletes, columns, &rules)
}

/// Reads the options of a job, which are checked only here.
fn read_options(job: &Job, version: Version) -> Result<Rules, String> {
    let mut has_groups = false;
    if version >= (2, 6, 0) {
        let text = job.option("storage_version");
        let number = if text.is_empty() { Ok(0) } else { text.parse::<i64>() };
        let number = number.map_err(|_| {
            format!(
                "parse storage_version failed, value={text}, err=strconv.ParseInt: parsing \"{text}\": invalid syntax: importing data failed"
            )
        })?;
        has_groups = number == 2 || (number == 3 && version >= (3, 0, 0));
        let is_base64 = |c: char| c.is_ascii_alphanumeric() || "+/=".contains(c);
        let ezk = job.option("ezk");
        if !ezk.len().is_multiple_of(4) || !ezk.chars().all(is_base64) {
            return Err("failed to decode EZK: illegal base64 data at input byte 0".to_owned());
        }
    }
    let (start, end) = read_times(job, version)?;
    Ok(Rules { version, has_groups, start, end })
}

/// Reads the times outside of which rows and deletes are ignored.
fn read_times(job: &Job, version: Version) -> Result<(u64, u64), String> {
    let is_tso = match version {
        (2, 4, patch) => patch >= 24,
        (2, 5, patch) => patch >= 6,
        other => other >= (2, 6, 0),
    };
    let read_time = |key: &str, default: u64| match job.options.get(key) {
        None => Ok(default),
        Some(text) => {
            let time: u64 = text.parse().map_err(|_| {
                format!(
                    "parse {key} failed, value={text}, err=strconv.ParseUint: parsing \"{text}\": invalid syntax: importing data failed"
                )
            })?;
            if !is_tso {
                return Ok(time.saturating_mul(1 << 18));
            }
            if time >> 18 < EARLIEST_MS {
                return Err(format!(
                    "{key} is not a valid hybrid timestamp, value={time}: importing data failed"
                ));
            }
            Ok(time)
        }
    };
    let (start, end) = (read_time("start_ts", 0)?, read_time("end_ts", u64::MAX)?);
    if start > end {
        return Err(format!(
            "start_ts shouldn't be larger than end_ts, start_ts:{start}, end_ts:{end}: importing data failed"
        ));
    }
    Ok((start, end))
}
