//! The SQL statements of the job store.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::Progress;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::RowError;
use super::format::{encode, encode_versioned};
use super::row::{ALL_COLUMNS, JobRow, LIST_COLUMNS, StoredJob, encode_progress, parse_column};
use crate::failure::JobFailure;
use crate::job::{JobFilter, JobSnapshot, JobState};
use crate::kind::{JobKind, JobOutcome};

/// The data that is stored when a job ends.
#[derive(Clone, Debug)]
pub(crate) struct EndRecord {
    /// The id of the job.
    pub(crate) id: String,
    /// The final state.
    pub(crate) state: JobState,
    /// The time of the end, in milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// The outcome, if the engine returned a report.
    pub(crate) outcome: Option<JobOutcome>,
    /// The failure; `None` if the job succeeded.
    pub(crate) failure: Option<JobFailure>,
    /// The progress at the end.
    pub(crate) progress: Progress,
}

/// The page of the list of jobs to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PageQuery {
    /// The position before which the jobs were submitted; `None` for the newest jobs.
    pub(crate) before: Option<i64>,
    /// The largest number of jobs to read.
    pub(crate) limit: usize,
}

/// Inserts a new job with the idempotency key of its caller; returns its position in the order of submission.
pub(crate) fn insert_job(
    connection: &Connection,
    stored: &StoredJob,
    key: Option<&str>,
) -> Result<i64, RowError> {
    let StoredJob { job, claims, name_generated, .. } = stored;
    let (progress, collections) = encode_progress(&job.id, job.progress.clone())?;
    let text = |value: Result<String, RowError>| value.map(Value::Text);
    let values = [
        Value::Text(job.id.clone()),
        Value::Text(job.kind.as_str().to_owned()),
        Value::Text(job.state.as_str().to_owned()),
        Value::Text(job.backup.clone()),
        Value::Text(job.by.clone()),
        key.map_or(Value::Null, |key| Value::Text(key.to_owned())),
        Value::Integer((*name_generated).into()),
        text(encode_versioned(&job.id, &job.request))?,
        text(encode(&job.id, &job.place))?,
        text(encode(&job.id, claims))?,
        Value::Integer(job.created_ms),
        job.milvus_version.clone().map_or(Value::Null, Value::Text),
        text(encode(&job.id, &job.targets))?,
        Value::Text(progress),
        Value::Text(collections),
    ];
    connection
        .prepare_cached(
            "INSERT INTO jobs (id, kind, state, backup, caller, idempotency_key, name_generated, request, place, claims, \
             created_ms, milvus_version, targets, progress, collections) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params_from_iter(values))?;
    Ok(connection.last_insert_rowid())
}

/// Stores that a job has started.
pub(crate) fn update_start(connection: &Connection, id: &str, started_ms: i64) -> Result<(), RowError> {
    connection.prepare_cached("UPDATE jobs SET state = ?, started_ms = ? WHERE id = ?")?.execute(params![
        JobState::Running.as_str(),
        started_ms,
        id
    ])?;
    Ok(())
}

/// Stores the progress of a job, unless its end is stored already.
pub(crate) fn update_progress(connection: &Connection, id: &str, progress: Progress) -> Result<(), RowError> {
    let (progress, collections) = encode_progress(id, progress)?;
    connection
        .prepare_cached("UPDATE jobs SET progress = ?, collections = ? WHERE id = ? AND ended_ms IS NULL")?
        .execute([&progress, &collections, id])?;
    Ok(())
}

/// Stores the end of a job.
pub(crate) fn update_end(connection: &Connection, end: &EndRecord) -> Result<(), RowError> {
    let EndRecord { id, state, at_ms, outcome, failure, progress } = end;
    let (progress, collections) = encode_progress(id, progress.clone())?;
    let outcome = outcome.as_ref().map(|outcome| encode_versioned(id, outcome)).transpose()?;
    let failure = failure.as_ref().map(|failure| encode_versioned(id, failure)).transpose()?;
    connection
        .prepare_cached(
            "UPDATE jobs SET state = ?, ended_ms = ?, outcome = ?, failure = ?, progress = ?, collections = ? \
             WHERE id = ?",
        )?
        .execute(params![state.as_str(), at_ms, outcome, failure, progress, collections, id])?;
    Ok(())
}

/// Reads one job with all its data.
pub(crate) fn select_job(connection: &Connection, id: &str) -> Result<Option<JobSnapshot>, RowError> {
    let sql = format!("SELECT {ALL_COLUMNS} FROM jobs WHERE id = ?");
    let found = connection.prepare_cached(&sql)?.query_row([id], JobRow::from_row).optional()?;
    found.map(JobRow::into_job).transpose()
}

/// Reads the job that a caller submitted with an idempotency key.
pub(crate) fn select_job_by_key(
    connection: &Connection,
    caller: &str,
    key: &str,
) -> Result<Option<StoredJob>, RowError> {
    let sql = format!("SELECT {ALL_COLUMNS} FROM jobs WHERE caller = ? AND idempotency_key = ?");
    let found = connection.prepare_cached(&sql)?.query_row([caller, key], JobRow::from_row).optional()?;
    found.map(JobRow::into_stored_job).transpose()
}

/// Reads the jobs in a state, in the order of submission.
pub(crate) fn select_jobs_in_state(
    connection: &Connection,
    state: JobState,
) -> Result<Vec<StoredJob>, RowError> {
    let sql = format!("SELECT {ALL_COLUMNS} FROM jobs WHERE state = ? ORDER BY seq");
    let rows = connection
        .prepare_cached(&sql)?
        .query_map([state.as_str()], JobRow::from_row)?
        .collect::<Result<Vec<_>, _>>()?;
    rows.into_iter().map(JobRow::into_stored_job).collect()
}

/// Reads a page of jobs, newest first, without the data of single collections.
pub(super) fn select_page(
    connection: &Connection,
    filter: &JobFilter,
    query: PageQuery,
) -> Result<Vec<JobRow>, RowError> {
    let mut sql = format!("SELECT {LIST_COLUMNS} FROM jobs WHERE 1");
    let mut values: Vec<Value> = Vec::new();
    let mut add_condition = |column: &str, texts: Vec<&str>| {
        if !texts.is_empty() {
            let further = ", ?".repeat(texts.len() - 1);
            // Writing to a String cannot fail.
            let _ = write!(sql, " AND {column} IN (?{further})");
            values.extend(texts.into_iter().map(|text| Value::Text(text.to_owned())));
        }
    };
    add_condition("kind", filter.kinds.iter().map(|kind| kind.as_str()).collect());
    add_condition("state", filter.states.iter().map(|state| state.as_str()).collect());
    add_condition("backup", filter.backup.iter().map(String::as_str).collect());
    if let Some(before) = query.before {
        sql.push_str(" AND seq < ?");
        values.push(Value::Integer(before));
    }
    sql.push_str(" ORDER BY seq DESC LIMIT ?");
    values.push(Value::Integer(i64::try_from(query.limit).unwrap_or(i64::MAX)));
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), JobRow::from_row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Counts the jobs of each kind in each state.
pub(crate) fn count_jobs(connection: &Connection) -> Result<BTreeMap<(JobKind, JobState), usize>, RowError> {
    let mut statement =
        connection.prepare_cached("SELECT kind, state, count(*) AS jobs FROM jobs GROUP BY kind, state")?;
    let rows = statement.query_map([], |row| {
        let count: u32 = row.get("jobs")?;
        Ok((
            (
                parse_column(row, "kind", JobKind::from_name)?,
                parse_column(row, "state", JobState::from_name)?,
            ),
            count as usize,
        ))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads the end of the newest backup that succeeded, in milliseconds since 1970.
pub(crate) fn select_last_backup_end(connection: &Connection) -> Result<Option<i64>, RowError> {
    let sql = "SELECT max(ended_ms) FROM jobs WHERE kind = ? AND state = ?";
    let parameters = [JobKind::Backup.as_str(), JobState::Succeeded.as_str()];
    Ok(connection.query_row(sql, parameters, |row| row.get(0))?)
}

/// Deletes up to `limit` jobs that ended before `before_ms`, in milliseconds since 1970; returns their kinds and states.
///
/// The newest backup that succeeded is kept, because its age is reported.
pub(crate) fn delete_expired_jobs(
    connection: &Connection,
    before_ms: i64,
    limit: usize,
) -> Result<Vec<(JobKind, JobState)>, RowError> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE ended_ms < ? AND seq IS NOT (SELECT seq FROM jobs \
         WHERE kind = ? AND state = ? ORDER BY ended_ms DESC LIMIT 1) ORDER BY ended_ms LIMIT ?) RETURNING kind, state",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let last_backup = (JobKind::Backup.as_str(), JobState::Succeeded.as_str());
    let rows = statement.query_map(params![before_ms, last_backup.0, last_backup.1, limit], |row| {
        Ok((parse_column(row, "kind", JobKind::from_name)?, parse_column(row, "state", JobState::from_name)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
