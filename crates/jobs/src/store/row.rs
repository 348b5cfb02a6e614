//! A job as a row, both ways.

use engine::Progress;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Cause;
use crate::claims::Claims;
use crate::job::{Job, JobState};

/// A job with what is not shown of it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The job.
    pub(crate) job: Job,
    /// Its place in the order of submissions; 0 before it is kept.
    pub(crate) seq: i64,
    /// What it writes and reads.
    pub(crate) claims: Claims,
}

/// What [`Raw`] is read from.
pub(super) const WHOLE: &str = "seq, id, state, caller, request, place, claims, created_ms, started_ms, ended_ms, \
                                milvus_version, targets, progress, outcome, failure, collections";

/// The same for a list, without what concerns single collections: of those there may be thousands in each job.
pub(super) const LISTED: &str = "seq, id, state, caller, request, place, '' AS claims, created_ms, started_ms, \
                                 ended_ms, milvus_version, '[]' AS targets, progress, \
                                 CASE kind WHEN 'restore' THEN NULL ELSE outcome END AS outcome, failure, \
                                 NULL AS collections";

/// The columns as they are kept.
pub(super) struct Raw {
    seq: i64,
    id: String,
    state: JobState,
    caller: String,
    request: String,
    place: String,
    claims: String,
    created_ms: i64,
    started_ms: Option<i64>,
    ended_ms: Option<i64>,
    milvus_version: Option<String>,
    targets: String,
    progress: String,
    outcome: Option<String>,
    failure: Option<String>,
    collections: Option<String>,
}

impl Raw {
    /// Reads [`WHOLE`] or [`LISTED`].
    pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get("seq")?,
            id: row.get("id")?,
            state: word(row, "state", JobState::of)?,
            caller: row.get("caller")?,
            request: row.get("request")?,
            place: row.get("place")?,
            claims: row.get("claims")?,
            created_ms: row.get("created_ms")?,
            started_ms: row.get("started_ms")?,
            ended_ms: row.get("ended_ms")?,
            milvus_version: row.get("milvus_version")?,
            targets: row.get("targets")?,
            progress: row.get("progress")?,
            outcome: row.get("outcome")?,
            failure: row.get("failure")?,
            collections: row.get("collections")?,
        })
    }

    /// Its place in the order of submissions.
    pub(super) fn seq(&self) -> i64 {
        self.seq
    }

    /// The job they tell of.
    pub(super) fn job(self) -> Result<Job, Cause> {
        let id = &self.id;
        let progress: Progress = parsed(id, &self.progress)?;
        let progress = match &self.collections {
            Some(collections) => progress.join(parsed(id, collections)?),
            None => progress,
        };
        Ok(Job {
            request: parsed(id, &self.request)?,
            place: parsed(id, &self.place)?,
            by: self.caller,
            state: self.state,
            cancelling: false,
            ahead: None,
            created_ms: self.created_ms,
            started_ms: self.started_ms,
            ended_ms: self.ended_ms,
            milvus_version: self.milvus_version,
            targets: parsed(id, &self.targets)?,
            progress,
            outcome: self.outcome.as_deref().map(|text| parsed(id, text)).transpose()?,
            failure: self.failure.as_deref().map(|text| parsed(id, text)).transpose()?,
            id: self.id,
        })
    }

    /// The job with what is not shown of it.
    pub(super) fn record(self) -> Result<Record, Cause> {
        Ok(Record { seq: self.seq, claims: parsed(&self.id, &self.claims)?, job: self.job()? })
    }
}

/// How far a job is as a whole and, apart, how far its collections are: of those there may be thousands, and a list
/// does without.
pub(super) fn split(id: &str, progress: Progress) -> Result<(String, String), Cause> {
    let (sums, collections) = progress.split();
    Ok((json(id, &sums)?, json(id, &collections)?))
}

/// The form in which a part of a job is kept.
pub(super) fn json(id: &str, value: &impl Serialize) -> Result<String, Cause> {
    serde_json::to_string(value).map_err(|source| Cause::Form { id: id.to_owned(), source })
}

fn parsed<T: DeserializeOwned>(id: &str, text: &str) -> Result<T, Cause> {
    serde_json::from_str(text).map_err(|source| Cause::Form { id: id.to_owned(), source })
}

/// A kind or a state.
pub(super) fn word<T>(row: &Row<'_>, column: &str, of: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    of(&text).ok_or_else(|| {
        let unknown = format!("{text:?} is no kind and no state of a job");
        rusqlite::Error::FromSqlConversionFailure(
            row.as_ref().column_index(column).unwrap_or_default(),
            rusqlite::types::Type::Text,
            unknown.into(),
        )
    })
}
