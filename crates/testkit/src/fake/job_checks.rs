//! The checks before an import job is created.

use std::path::{Path, PathBuf};

use proto::common::ErrorCode;

use super::binlogs::files_below;
use super::fault::Fault;
use super::job_content::Content;
use super::jobs::{Job, NewJob};
use super::reply::{Refusal, Version};
use super::state::{FakeState, Load};

type Answer<R> = Result<R, Refusal>;

/// The largest number of segments in a job.
const MAX_FILES: usize = 1024;
/// The largest number of unfinished jobs.
const MAX_JOBS: usize = 1024;
const L0_DISABLED: &str = "l0 import is disabled (dataCoord.import.enableL0Import=false); fold L0 deletes into data segment deltalogs before restore, or set the config to true to re-enable the legacy L0 import: importing data failed";
const L0_LOADED: &str =
    "for l0 import, collection cannot be loaded, please release it first: importing data failed";
const TOO_MANY_JOBS: &str = "The number of jobs has reached the limit, please try again later. If your request is set to only import a single file, please consider importing multiple files in one request for better efficiency.: importing data failed";

impl FakeState {
    /// Returns where the paths of an import are on this machine: in an object store, they are keys of the server's
    /// bucket.
    pub(super) fn local_paths(&self, paths: &[String]) -> Vec<String> {
        let Some((_, directory)) = &self.objects else { return paths.to_vec() };
        let below = self.root.strip_prefix(directory).unwrap_or(&self.root);
        let bucket: PathBuf = below.components().take(1).collect();
        let local = |path: &String| directory.join(&bucket).join(path).to_string_lossy().into_owned();
        // An empty path is no key.
        paths.iter().map(|path| if path.is_empty() { String::new() } else { local(path) }).collect()
    }

    /// Creates a job, after the checks that precede it.
    pub(super) fn create_job(&mut self, mut request: NewJob) -> Answer<i64> {
        let version = self.version;
        request.files.retain(|paths| !paths.is_empty());
        if request.files.is_empty() {
            let text = "import request is empty: invalid parameter";
            return Err(Refusal::new(1100, ErrorCode::IllegalArgument, text));
        }
        for paths in &mut request.files {
            *paths = self.local_paths(paths);
        }
        let l0_import = self.l0_import;
        let held = self.collection(&request.database, &request.collection)?;
        if !held.schema.external_source.is_empty() {
            let text = format!(
                "import operation is not supported for external collection {}: invalid parameter",
                held.name()
            );
            return Err(Refusal::new(1100, ErrorCode::IllegalArgument, text));
        }
        let option =
            |key: &str| request.options.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let (is_backup, is_l0) = (option("backup"), option("l0_import") && version >= (2, 4, 5));
        if !is_backup && !is_l0 {
            let paths = request.files.first().map(|paths| paths.join(" ")).unwrap_or_default();
            return Err(failed(version, &format!("unexpected file type, files=[{paths}]")));
        }
        let partition = match request.partition.as_str() {
            "" if is_backup && version < (2, 6, 0) => {
                let text = "partition not specified: invalid parameter";
                return Err(Refusal::new(1100, ErrorCode::IllegalArgument, text));
            }
            "" if is_backup => {
                let text = "partition not specified: missing parameter";
                return Err(Refusal::new(1101, ErrorCode::IllegalArgument, text));
            }
            "" => None,
            name => Some(held.partition(name)?.id),
        };
        if request.files.len() > MAX_FILES {
            return Err(too_many_files(request.files.len(), ""));
        }
        if is_l0 && held.load != Load::No {
            return Err(Refusal::new(2100, ErrorCode::UnexpectedError, L0_LOADED));
        }
        if is_l0 && version >= (3, 0, 0) && !l0_import {
            return Err(Refusal::new(2100, ErrorCode::UnexpectedError, L0_DISABLED));
        }
        let (collection_id, collection) = (held.id, held.name().to_owned());
        if let Some(timeout) = request.options.get("timeout").filter(|timeout| !is_duration(timeout)) {
            let error = if version < (2, 6, 0) { ", err=" } else { ": " };
            return Err(failed(
                version,
                &format!("parse timeout failed{error}time: invalid duration \"{timeout}\""),
            ));
        }
        let coordinator = if version < (2, 6, 0) {
            ""
        } else {
            "failed to broadcast import: failed to validate import request: "
        };
        let files =
            if is_backup { expand(&request.files, version, coordinator)? } else { request.files.clone() };
        if files.len() > MAX_FILES {
            return Err(too_many_files(files.len(), coordinator));
        }
        if version >= (2, 4, 14) && self.imports.values().filter(|job| !job.is_over()).count() >= MAX_JOBS {
            let (code, place) = if version < (2, 6, 0) { (2100, "") } else { (2101, " on server side") };
            let text = format!("{coordinator}{TOO_MANY_JOBS}{place}");
            return Err(Refusal::new(code, ErrorCode::UnexpectedError, text));
        }
        let fault = self.faults.take_first(|fault| {
            matches!(fault, Fault::ImportFails(_) | Fault::ImportStuck | Fault::ImportEmpty)
        });
        let mut job = Job {
            database: request.database,
            collection_id,
            collection,
            partition,
            files,
            options: request.options,
            created: self.next_timestamp(),
            completed: None,
            step: 0,
            told: false,
            stuck: fault == Some(Fault::ImportStuck),
            end: None,
            content: None,
            segments: Vec::new(),
        };
        match fault {
            Some(Fault::ImportFails(reason)) => job.content = Some(Content::failing(reason)),
            Some(Fault::ImportEmpty) => job.content = Some(Content::default()),
            _ => {}
        }
        let id = self.next_id();
        self.imports.insert(id, job);
        Ok(id)
    }
}

/// Lists the segments below the prefixes of a request: one level deep if a prefix ends with a slash.
fn expand(files: &[Vec<String>], version: Version, coordinator: &str) -> Answer<Vec<Vec<String>>> {
    let mut expanded = Vec::new();
    for paths in files {
        if paths.len() > 2 {
            let text = format!(
                "list binlogs failed, err=too many input paths for binlog import. Valid paths length should be one or two, but got paths:[{}]: importing data failed",
                paths.join(" ")
            );
            // From 2.6 on, the server retries inside for some time.
            return Err(if version < (2, 6, 0) {
                failed(version, &text)
            } else {
                let text = format!("{coordinator}{text}: service unavailable");
                Refusal::new(2, ErrorCode::UnexpectedError, text)
            });
        }
        let listed: Vec<Vec<String>> = paths.iter().map(|prefix| list_prefix(prefix)).collect();
        let (inserts, deltas) = (listed.first(), listed.get(1));
        let Some(inserts) = inserts.filter(|inserts| !inserts.is_empty()) else {
            let input: Vec<String> = paths.iter().map(|path| format!("paths:\"{path}\"")).collect();
            let text = format!("{coordinator}no binlog to import, input=[{}]", input.join(" "));
            return Err(failed(version, &text));
        };
        for insert in inserts {
            let same_name = |delta: &&String| Path::new(delta).file_name() == Path::new(insert).file_name();
            let delta = deltas.and_then(|deltas| deltas.iter().find(same_name));
            expanded.push([Some(insert), delta].into_iter().flatten().cloned().collect());
        }
    }
    Ok(expanded)
}

/// Returns the paths that an import finds for a prefix.
fn list_prefix(prefix: &str) -> Vec<String> {
    if prefix.is_empty() {
        // The working directory of the server, where the file with its process id is.
        return vec!["pid".to_owned()];
    }
    let path = Path::new(prefix);
    if !path.is_absolute() {
        return Vec::new();
    }
    if !prefix.ends_with('/') {
        return if path.exists() { vec![prefix.to_owned()] } else { Vec::new() };
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let mut paths: Vec<String> = entries.map(|entry| entry.path().to_string_lossy().into_owned()).collect();
    paths.sort();
    paths
}

/// Returns the number of bytes below a path.
pub(super) fn size_below(path: &str) -> u64 {
    let sizes = files_below(Path::new(path)).into_iter().filter_map(|file| file.metadata().ok());
    sizes.map(|metadata| metadata.len()).sum()
}

/// Returns whether a text is a duration in the form of Go.
fn is_duration(text: &str) -> bool {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    !number.is_empty() && number.len() < text.len() && number.chars().all(|c| c.is_ascii_digit() || c == '.')
}

fn failed(_: Version, text: &str) -> Refusal {
    Refusal::new(2100, ErrorCode::UnexpectedError, format!("{text}: importing data failed"))
}

fn too_many_files(count: usize, coordinator: &str) -> Refusal {
    let text = format!(
        "{coordinator}The max number of import files should not exceed {MAX_FILES}, but got {count}: importing data failed"
    );
    Refusal::new(2100, ErrorCode::UnexpectedError, text)
}
