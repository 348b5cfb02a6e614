//! The conversion between jobs and rows of the database.

use engine::Progress;
use rusqlite::Row;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::RowError;
use crate::claims::Claims;
use crate::job::{Job, JobState};

/// A job as it is stored, with the data that is not shown to users.
#[derive(Clone, Debug)]
pub(crate) struct StoredJob {
    /// The job.
    pub(crate) job: Job,
    /// The position of the job in the order of submission; 0 before it is stored.
    pub(crate) seq: i64,
    /// The claims of the job.
    pub(crate) claims: Claims,
    /// Whether the name of the backup was generated, because the caller chose none.
    pub(crate) name_generated: bool,
}

/// The columns of a [`JobRow`] with all data.
pub(super) const ALL_COLUMNS: &str = "seq, id, state, caller, name_generated, request, place, claims, created_ms, started_ms, \
                                ended_ms, milvus_version, targets, progress, outcome, failure, collections";

/// The columns of a [`JobRow`] for lists, without the data of single collections, of which a job may have thousands.
pub(super) const LIST_COLUMNS: &str = "seq, id, state, caller, name_generated, request, place, '' AS claims, created_ms, \
                                 started_ms, ended_ms, milvus_version, '[]' AS targets, progress, \
                                 CASE kind WHEN 'restore' THEN NULL ELSE outcome END AS outcome, failure, \
                                 NULL AS collections";

/// The columns of one row, before the JSON in them is decoded.
pub(super) struct JobRow {
    seq: i64,
    id: String,
    state: JobState,
    caller: String,
    name_generated: bool,
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

impl JobRow {
    /// Reads a row of [`ALL_COLUMNS`] or [`LIST_COLUMNS`].
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get("seq")?,
            id: row.get("id")?,
            state: parse_column(row, "state", JobState::from_name)?,
            caller: row.get("caller")?,
            name_generated: row.get("name_generated")?,
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

    /// Returns the position of the job in the order of submission.
    pub(super) fn seq(&self) -> i64 {
        self.seq
    }

    /// Decodes the job.
    pub(super) fn into_job(self) -> Result<Job, RowError> {
        let id = &self.id;
        let progress: Progress = decode_json(id, &self.progress)?;
        let progress = match &self.collections {
            Some(collections) => progress.join(decode_json(id, collections)?),
            None => progress,
        };
        Ok(Job {
            request: decode_json(id, &self.request)?,
            place: decode_json(id, &self.place)?,
            by: self.caller,
            state: self.state,
            cancelling: false,
            ahead: None,
            created_ms: self.created_ms,
            started_ms: self.started_ms,
            ended_ms: self.ended_ms,
            milvus_version: self.milvus_version,
            targets: decode_json(id, &self.targets)?,
            progress,
            outcome: self.outcome.as_deref().map(|text| decode_json(id, text)).transpose()?,
            failure: self.failure.as_deref().map(|text| decode_json(id, text)).transpose()?,
            id: self.id,
        })
    }

    /// Decodes the job and its claims; requires [`ALL_COLUMNS`].
    pub(super) fn into_stored_job(self) -> Result<StoredJob, RowError> {
        let (seq, name_generated) = (self.seq, self.name_generated);
        Ok(StoredJob {
            seq,
            claims: decode_json(&self.id, &self.claims)?,
            name_generated,
            job: self.into_job()?,
        })
    }
}

/// Encodes the progress of a job as two JSON texts: the sums, and the collections.
///
/// They are stored apart, because a job may have thousands of collections and lists need only the sums.
pub(super) fn encode_progress(id: &str, progress: Progress) -> Result<(String, String), RowError> {
    let (sums, collections) = progress.split();
    Ok((encode_json(id, &sums)?, encode_json(id, &collections)?))
}

/// Encodes a part of the job with this id as JSON.
pub(super) fn encode_json(id: &str, value: &impl Serialize) -> Result<String, RowError> {
    serde_json::to_string(value).map_err(|source| RowError::Json { id: id.to_owned(), source })
}

fn decode_json<T: DeserializeOwned>(id: &str, text: &str) -> Result<T, RowError> {
    serde_json::from_str(text).map_err(|source| RowError::Json { id: id.to_owned(), source })
}

/// Reads a column with the name of a kind or a state and parses it.
pub(super) fn parse_column<T>(
    row: &Row<'_>,
    column: &str,
    parse: fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| {
        let message = format!("{text:?} is no kind and no state of a job");
        rusqlite::Error::FromSqlConversionFailure(
            row.as_ref().column_index(column).unwrap_or_default(),
            rusqlite::types::Type::Text,
            message.into(),
        )
    })
}
