//! The checks before an import job is created.

use std::path::{Path, PathBuf};

use super::binlogs::files_below;
use super::fault::Fault;
use super::job_content::Content;
use super::jobs::{Job, NewJob};
use super::reply::Refusal;
use super::state::{FakeState, Load};
use super::words::Kind;

type Answer<R> = Result<R, Refusal>;

/// The largest number of segments in a job.
const MAX_FILES: usize = 1024;
/// The largest number of unfinished jobs.
const MAX_JOBS: usize = 1024;

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
            return Err(Refusal::stated(Kind::Invalid, "import request is empty"));
        }
        for paths in &mut request.files {
            *paths = self.local_paths(paths);
        }
        let l0_import = self.l0_import;
        let held = self.collection(&request.database, &request.collection)?;
        if !held.schema.external_source.is_empty() {
            let text = format!("import operation is not supported for external collection {}", held.name());
            return Err(Refusal::stated(Kind::Invalid, text));
        }
        let option =
            |key: &str| request.options.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let (is_backup, is_l0) = (option("backup"), option("l0_import") && version >= (2, 4, 5));
        if !is_backup && !is_l0 {
            let paths = request.files.first().map(|paths| paths.join(" ")).unwrap_or_default();
            return Err(Refusal::worded("import.file_type", &[&paths]));
        }
        let partition = match request.partition.as_str() {
            "" if is_backup => return Err(Refusal::worded("import.no_partition", &[])),
            "" => None,
            name => Some(held.partition(name)?.id),
        };
        if request.files.len() > MAX_FILES {
            return Err(Refusal::worded("import.many_files", &[&request.files.len().to_string()]));
        }
        if is_l0 && held.load != Load::No {
            return Err(Refusal::worded("import.l0_loaded", &[]));
        }
        if is_l0 && version >= (3, 0, 0) && !l0_import {
            return Err(Refusal::worded("import.l0_disabled", &[]));
        }
        let (collection_id, collection) = (held.id, held.name().to_owned());
        if let Some(timeout) = request.options.get("timeout").filter(|timeout| !is_duration(timeout)) {
            return Err(Refusal::worded("import.timeout", &[timeout]));
        }
        let files = if is_backup { expand(&request.files)? } else { request.files.clone() };
        if files.len() > MAX_FILES {
            return Err(Refusal::worded("import.many_listed_files", &[&files.len().to_string()]));
        }
        if version >= (2, 4, 14) && self.imports.values().filter(|job| !job.is_over()).count() >= MAX_JOBS {
            return Err(Refusal::worded("import.many_jobs", &[]));
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
fn expand(files: &[Vec<String>]) -> Answer<Vec<Vec<String>>> {
    let mut expanded = Vec::new();
    for paths in files {
        if paths.len() > 2 {
            return Err(Refusal::worded("import.paths", &[&paths.join(" ")]));
        }
        let listed: Vec<Vec<String>> = paths.iter().map(|prefix| list_prefix(prefix)).collect();
        let (inserts, deltas) = (listed.first(), listed.get(1));
        let Some(inserts) = inserts.filter(|inserts| !inserts.is_empty()) else {
            let input: Vec<String> = paths.iter().map(|path| format!("paths:\"{path}\"")).collect();
            return Err(Refusal::worded("import.no_binlog", &[&input.join(" ")]));
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
