//! The conversion between jobs and rows of the database.

use engine::Progress;
use rusqlite::Row;

use super::RowError;
use super::format::{Decoder, encode, encode_versioned};
use crate::claims::Claims;
use crate::job::{JobSnapshot, JobState};
use crate::kind::{EngineRequest, JobKind};

/// A job as it is stored, with the data that is not shown to users.
#[derive(Clone, Debug)]
pub(crate) struct StoredJob {
    /// The job.
    pub(crate) job: JobSnapshot,
    /// The position of the job in the order of submission; 0 before it is stored.
    pub(crate) seq: i64,
    /// The claims of the job.
    pub(crate) claims: Claims,
    /// Whether the name of the backup was generated, because the caller chose none.
    pub(crate) name_generated: bool,
}

/// The columns of a [`JobRow`] with all data.
pub(super) const ALL_COLUMNS: &str = "seq, id, kind, state, backup, caller, name_generated, request, place, claims, created_ms, started_ms, \
                                ended_ms, milvus_version, targets, progress, outcome, failure, collections";

/// The columns of a [`JobRow`] for lists, without the data of single collections, of which a job may have thousands.
pub(super) const LIST_COLUMNS: &str = "seq, id, kind, state, backup, caller, name_generated, request, place, NULL AS claims, created_ms, \
                                 started_ms, ended_ms, milvus_version, '[]' AS targets, progress, \
                                 CASE kind WHEN 'restore' THEN NULL ELSE outcome END AS outcome, failure, \
                                 NULL AS collections";

/// The columns of one row, before the JSON in them is decoded.
pub(super) struct JobRow {
    seq: i64,
    id: String,
    kind: JobKind,
    state: JobState,
    backup: String,
    caller: String,
    name_generated: bool,
    request: String,
    place: String,
    claims: Option<String>,
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
            kind: parse_column(row, "kind", JobKind::from_name)?,
            state: parse_column(row, "state", JobState::from_name)?,
            backup: row.get("backup")?,
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

    /// Decodes the job, one that a later version of this program stored as far as possible.
    pub(super) fn into_job(self) -> Result<JobSnapshot, RowError> {
        self.into_stored_job().map(|stored| stored.job)
    }

    /// Decodes the job and its claims, which a row of [`LIST_COLUMNS`] lacks.
    pub(super) fn into_stored_job(self) -> Result<StoredJob, RowError> {
        let mut decoder = Decoder::new(&self.id);
        let request: Option<EngineRequest> = decoder.decode(&self.request)?;
        let request = request.filter(|_| !decoder.is_later_format());
        let place = decoder.decode_unversioned(&self.place)?;
        let targets = decoder.decode_unversioned(&self.targets)?;
        let claims = self.claims.as_deref().map(|text| decoder.decode_unversioned(text)).transpose()?;
        let progress: Progress = decoder.decode(&self.progress)?.unwrap_or_default();
        let mut progress = match &self.collections {
            Some(collections) => progress.join(decoder.decode_unversioned(collections)?),
            None => progress,
        };
        let outcome = self.outcome.as_deref().map(|text| decoder.decode(text)).transpose()?.flatten();
        let failure = self.failure.as_deref().map(|text| decoder.decode(text)).transpose()?.flatten();
        if decoder.is_later_format() {
            progress.warnings.push(format!(
                "a later version of this program stored this job (format version {}); only a part of it can be shown",
                decoder.latest_version
            ));
        }
        let job = JobSnapshot {
            kind: self.kind,
            backup: self.backup,
            request,
            place,
            by: self.caller,
            state: self.state,
            cancelling: false,
            ahead: None,
            waits_for: Vec::new(),
            created_ms: self.created_ms,
            started_ms: self.started_ms,
            ended_ms: self.ended_ms,
            milvus_version: self.milvus_version,
            targets,
            progress,
            outcome,
            failure,
            id: self.id,
        };
        Ok(StoredJob {
            seq: self.seq,
            claims: claims.unwrap_or_default(),
            name_generated: self.name_generated,
            job,
        })
    }
}

/// Encodes the progress of a job as two JSON texts: the sums, and the collections.
///
/// They are stored apart, because a job may have thousands of collections and lists need only the sums.
pub(super) fn encode_progress(id: &str, progress: Progress) -> Result<(String, String), RowError> {
    let (sums, collections) = progress.split();
    Ok((encode_versioned(id, &sums)?, encode(id, &collections)?))
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
