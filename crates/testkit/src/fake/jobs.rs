//! Import jobs of 2.4 and later, and their progress.

use std::collections::BTreeMap;

use proto::common::ErrorCode;

use super::job_content::{Content, Details};
use super::reply::Refusal;
use super::state::FakeState;

type Answer<R> = Result<R, Refusal>;

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
    pub(super) step: usize,
    /// Whether the failure of the job was told.
    pub(super) told: bool,
    pub(super) stuck: bool,
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

    pub(super) fn is_over(&self) -> bool {
        matches!(self.end, Some(End::Completed | End::Failed(_)))
    }
}

impl FakeState {
    /// Returns a job.
    pub(super) fn job(&self, id: i64) -> Answer<&Job> {
        self.imports.get(&id).ok_or_else(|| Refusal::worded("import.no_job", &[&id.to_string()]))
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
