//! Import jobs of 2.4 and later: their checks and their progress.

use std::collections::BTreeMap;
use std::path::Path;

use proto::common::ErrorCode;

use super::binlogs::files_below;
use super::fault::Fault;
use super::job_content::{Content, Details};
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

/// The states through which a job goes, with its progress in percent; each describing call makes a step.
const STEPS: [(&str, i64); 6] = [
    ("Pending", 0),
    ("Importing", 10),
    ("Importing", 40),
    ("Importing", 70),
    ("Importing", 80),
    ("Importing", 90),
];
/// The step at which the files are read.
const READING: usize = 2;

/// A request for an import.
#[derive(Clone, Debug, Default)]
pub(super) struct NewJob {
    pub(super) database: String,
    pub(super) collection: String,
    pub(super) partition: String,
    pub(super) files: Vec<Vec<String>>,
    pub(super) options: BTreeMap<String, String>,
}

/// An import job.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) database: String,
    pub(super) collection_id: i64,
    pub(super) collection: String,
    /// The partition; `None` for deletes of all partitions.
    pub(super) partition: Option<i64>,
    /// The paths of each segment.
    pub(super) files: Vec<Vec<String>>,
    pub(super) options: BTreeMap<String, String>,
    pub(super) created: u64,
    pub(super) completed: Option<u64>,
    step: usize,
    /// Whether the failure of the job was told.
    told: bool,
    stuck: bool,
    pub(super) end: Option<End>,
    pub(super) content: Option<Content>,
    /// The segments that the job added.
    pub(super) segments: Vec<i64>,
}

/// A state in which a job stays, or which it leaves by a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Completed,
    Uncommitted,
    Committing,
    Failed(String),
}

impl Job {
    pub(super) fn option(&self, key: &str) -> &str {
        self.options.get(key).map_or("", String::as_str)
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        self.option(key).eq_ignore_ascii_case("true")
    }

    /// Returns the name of the state and the progress in percent.
    pub(super) fn state(&self) -> (&'static str, i64) {
        match &self.end {
            Some(End::Completed) => ("Completed", 100),
            Some(End::Uncommitted) => ("Uncommitted", 99),
            Some(End::Committing) => ("Committing", 99),
            Some(End::Failed(_)) => ("Failed", 0),
            None => STEPS.get(self.step).copied().unwrap_or(("Importing", 90)),
        }
    }

    pub(super) fn reason(&self) -> Option<&str> {
        if let Some(End::Failed(reason)) = &self.end { Some(reason) } else { None }
    }

    /// Returns the details of the files, once they were read.
    pub(super) fn details(&self) -> &[Details] {
        self.content.as_ref().map_or(&[], |content| &content.details)
    }

    fn is_over(&self) -> bool {
        matches!(self.end, Some(End::Completed | End::Failed(_)))
    }
}

impl FakeState {
    /// Creates a job, after the checks that precede it.
    pub(super) fn create_job(&mut self, mut request: NewJob) -> Answer<i64> {
        let version = self.version;
        request.files.retain(|paths| !paths.is_empty());
        if request.files.is_empty() {
            let text = "import request is empty: invalid parameter";
            return Err(Refusal::new(1100, ErrorCode::IllegalArgument, text));
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

    /// Returns a job.
    pub(super) fn job(&self, id: i64) -> Answer<&Job> {
        self.imports.get(&id).ok_or_else(|| no_job(id, self.version))
    }

    /// Lets a job make a step, after its state was told.
    pub(super) fn advance_job(&mut self, id: i64) {
        let Some(mut job) = self.imports.get(&id).cloned() else { return };
        match &job.end {
            Some(End::Committing) => {
                job.end = Some(End::Completed);
                job.completed = Some(self.next_timestamp());
            }
            // The segments of an aborted job vanish some time later.
            Some(End::Failed(_)) if job.told => self.remove_segments(&job),
            Some(End::Failed(_)) => job.told = true,
            Some(_) => {}
            None => self.advance_running_job(&mut job),
        }
        self.imports.insert(id, job);
    }

    fn advance_running_job(&mut self, job: &mut Job) {
        if job.stuck && job.step >= READING {
            return;
        }
        job.step += 1;
        if job.step == READING {
            let content = job.content.take().unwrap_or_else(|| self.read_job(job));
            if let Some(reason) = &content.failure {
                job.end = Some(End::Failed(reason.clone()));
                return;
            }
            job.content = Some(content);
        } else if job.step == READING + 1 && self.is_over_quota(job) {
            let reason = "quota exceeded[reason=disk quota exceeded, please allocate more resources]";
            job.end = Some(End::Failed(reason.to_owned()));
            job.content = None;
            return;
        }
        // A job without files has nothing to wait for.
        let is_empty = job.content.as_ref().is_some_and(|content| content.details.is_empty());
        if job.step == STEPS.len() || job.step > READING && is_empty {
            self.finish_job(job);
        }
    }

    /// Returns whether a job fails because of the disk quota.
    fn is_over_quota(&self, job: &Job) -> bool {
        let version = self.version;
        let knows_option = match version {
            (2, 4, patch) => !job.is_true("l0_import") && patch >= 21,
            (2, 5, patch) => patch >= if job.is_true("l0_import") { 12 } else { 4 },
            other => other >= (2, 6, 0),
        };
        self.disk_full && !(knows_option && job.is_true("skip_disk_quota_check"))
    }

    fn finish_job(&mut self, job: &mut Job) {
        match self.add_content(job) {
            Ok(segments) => job.segments = segments,
            Err(refusal) => {
                // The collection or the partition was dropped meanwhile.
                job.end = Some(End::Failed(refusal.into_status("Import", self.version).reason));
                return;
            }
        }
        let commits = self.version < (3, 0, 0) || !job.option("auto_commit").eq_ignore_ascii_case("false");
        job.end = Some(if commits { End::Completed } else { End::Uncommitted });
        job.completed = commits.then(|| self.next_timestamp());
    }

    /// Commits a job, which may be repeated.
    pub(super) fn commit_job(&mut self, id: i64) -> Answer<()> {
        let state = self.job(id)?.state().0;
        let Some(job) = self.imports.get_mut(&id) else { return Ok(()) };
        match job.end {
            Some(End::Uncommitted) => job.end = Some(End::Committing),
            Some(End::Committing | End::Completed) => {}
            _ => {
                let text =
                    format!("job {id} is in state {state}, expected Uncommitted: importing data failed");
                return Err(Refusal::new(2100, ErrorCode::UnexpectedError, text));
            }
        }
        Ok(())
    }

    /// Aborts a job, which may be repeated.
    pub(super) fn abort_job(&mut self, id: i64) -> Answer<()> {
        let state = self.job(id)?.state().0;
        let Some(job) = self.imports.get_mut(&id) else { return Ok(()) };
        match job.end {
            Some(End::Committing | End::Completed) => {
                let text = format!(
                    "job {id} is in terminal/committed state {state}, abort not allowed: importing data failed"
                );
                return Err(Refusal::new(2100, ErrorCode::UnexpectedError, text));
            }
            Some(End::Failed(_)) => {}
            _ => job.end = Some(End::Failed("aborted by user".to_owned())),
        }
        Ok(())
    }

    fn remove_segments(&mut self, job: &Job) {
        if let Ok(held) = self.collection(&job.database, &job.collection) {
            held.segments.retain(|segment| !job.segments.contains(&segment.id));
        }
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

fn no_job(id: i64, version: Version) -> Refusal {
    let (code, place) = if version < (2, 6, 0) { (2100, "") } else { (2101, " on server side") };
    let text = format!("import job does not exist, jobID={id}: importing data failed{place}");
    Refusal::new(code, ErrorCode::UnexpectedError, text)
}
