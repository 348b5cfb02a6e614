//! The statements about jobs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use engine::Progress;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::Cause;
use super::row::{LISTED, Raw, Record, WHOLE, json, split, word};
use crate::job::{Job, JobFailure, JobFilter, JobKind, JobState, Outcome};

/// What is written when a job is over.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// The job.
    pub(crate) id: String,
    /// How it ended.
    pub(crate) state: JobState,
    /// When, milliseconds since 1970.
    pub(crate) at_ms: i64,
    /// What came of it.
    pub(crate) outcome: Option<Outcome>,
    /// Why it did not do all.
    pub(crate) failure: Option<JobFailure>,
    /// How far it came.
    pub(crate) progress: Progress,
}

/// A part of the kept jobs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Only those handed in before this one.
    pub(crate) before: Option<i64>,
    /// At most so many.
    pub(crate) limit: usize,
}

/// Keeps a new job under the key its caller gave; returns its place in the order.
pub(crate) fn insert(connection: &Connection, record: &Record, key: Option<&str>) -> Result<i64, Cause> {
    let Record { job, claims, .. } = record;
    let (progress, collections) = split(&job.id, job.progress.clone())?;
    let text = |value: Result<String, Cause>| value.map(Value::Text);
    let values = [
        Value::Text(job.id.clone()),
        Value::Text(job.request.kind().as_str().to_owned()),
        Value::Text(job.state.as_str().to_owned()),
        Value::Text(job.request.backup().to_owned()),
        Value::Text(job.by.clone()),
        key.map_or(Value::Null, |key| Value::Text(key.to_owned())),
        text(json(&job.id, &job.request))?,
        text(json(&job.id, &job.place))?,
        text(json(&job.id, claims))?,
        Value::Integer(job.created_ms),
        job.milvus_version.clone().map_or(Value::Null, Value::Text),
        text(json(&job.id, &job.targets))?,
        Value::Text(progress),
        Value::Text(collections),
    ];
    connection
        .prepare_cached(
            "INSERT INTO jobs (id, kind, state, backup, caller, idempotency_key, request, place, claims, created_ms, \
             milvus_version, targets, progress, collections) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?
        .execute(params_from_iter(values))?;
    Ok(connection.last_insert_rowid())
}

/// Notes that a job begins to run.
pub(crate) fn start(connection: &Connection, id: &str, started_ms: i64) -> Result<(), Cause> {
    connection.prepare_cached("UPDATE jobs SET state = ?, started_ms = ? WHERE id = ?")?.execute(params![
        JobState::Running.as_str(),
        started_ms,
        id
    ])?;
    Ok(())
}

/// Notes how far a job is, unless it is over by now.
pub(crate) fn keep_progress(connection: &Connection, id: &str, progress: Progress) -> Result<(), Cause> {
    let (progress, collections) = split(id, progress)?;
    connection
        .prepare_cached("UPDATE jobs SET progress = ?, collections = ? WHERE id = ? AND ended_ms IS NULL")?
        .execute([&progress, &collections, id])?;
    Ok(())
}

/// Notes how a job ended.
pub(crate) fn end(connection: &Connection, ended: &Ended) -> Result<(), Cause> {
    let Ended { id, state, at_ms, outcome, failure, progress } = ended;
    let (progress, collections) = split(id, progress.clone())?;
    let outcome = outcome.as_ref().map(|outcome| json(id, outcome)).transpose()?;
    let failure = failure.as_ref().map(|failure| json(id, failure)).transpose()?;
    connection
        .prepare_cached(
            "UPDATE jobs SET state = ?, ended_ms = ?, outcome = ?, failure = ?, progress = ?, collections = ? \
             WHERE id = ?",
        )?
        .execute(params![state.as_str(), at_ms, outcome, failure, progress, collections, id])?;
    Ok(())
}

/// One job with all of its progress.
pub(crate) fn get(connection: &Connection, id: &str) -> Result<Option<Job>, Cause> {
    let sql = format!("SELECT {WHOLE} FROM jobs WHERE id = ?");
    let found = connection.prepare_cached(&sql)?.query_row([id], Raw::read).optional()?;
    found.map(Raw::job).transpose()
}

/// The job that a caller's key belongs to.
pub(crate) fn by_key(connection: &Connection, caller: &str, key: &str) -> Result<Option<Job>, Cause> {
    let sql = format!("SELECT {WHOLE} FROM jobs WHERE caller = ? AND idempotency_key = ?");
    let found = connection.prepare_cached(&sql)?.query_row([caller, key], Raw::read).optional()?;
    found.map(Raw::job).transpose()
}

/// The jobs in a state, in the order they were handed in.
pub(crate) fn in_state(connection: &Connection, state: JobState) -> Result<Vec<Record>, Cause> {
    let sql = format!("SELECT {WHOLE} FROM jobs WHERE state = ? ORDER BY seq");
    let raws = connection
        .prepare_cached(&sql)?
        .query_map([state.as_str()], Raw::read)?
        .collect::<Result<Vec<_>, _>>()?;
    raws.into_iter().map(Raw::record).collect()
}

/// A page of jobs, newest first, without what concerns single collections.
pub(super) fn page(connection: &Connection, filter: &JobFilter, page: Page) -> Result<Vec<Raw>, Cause> {
    let mut sql = format!("SELECT {LISTED} FROM jobs WHERE 1");
    let mut values: Vec<Value> = Vec::new();
    let mut one_of = |column: &str, texts: Vec<&str>| {
        if !texts.is_empty() {
            let more = ", ?".repeat(texts.len() - 1);
            // Writing to a String cannot fail.
            let _ = write!(sql, " AND {column} IN (?{more})");
            values.extend(texts.into_iter().map(|text| Value::Text(text.to_owned())));
        }
    };
    one_of("kind", filter.kinds.iter().map(|kind| kind.as_str()).collect());
    one_of("state", filter.states.iter().map(|state| state.as_str()).collect());
    one_of("backup", filter.backup.iter().map(String::as_str).collect());
    if let Some(before) = page.before {
        sql.push_str(" AND seq < ?");
        values.push(Value::Integer(before));
    }
    sql.push_str(" ORDER BY seq DESC LIMIT ?");
    values.push(Value::Integer(i64::try_from(page.limit).unwrap_or(i64::MAX)));
    let mut statement = connection.prepare_cached(&sql)?;
    let raws = statement.query_map(params_from_iter(values), Raw::read)?;
    Ok(raws.collect::<Result<_, _>>()?)
}

/// How many jobs there are of each kind in each state.
pub(crate) fn counts(connection: &Connection) -> Result<BTreeMap<(JobKind, JobState), usize>, Cause> {
    let mut statement =
        connection.prepare_cached("SELECT kind, state, count(*) AS jobs FROM jobs GROUP BY kind, state")?;
    let rows = statement.query_map([], |row| {
        let count: u32 = row.get("jobs")?;
        Ok(((word(row, "kind", JobKind::of)?, word(row, "state", JobState::of)?), count as usize))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The end of the newest backup that did all, milliseconds since 1970.
pub(crate) fn last_backup(connection: &Connection) -> Result<Option<i64>, Cause> {
    let sql = "SELECT max(ended_ms) FROM jobs WHERE kind = ? AND state = ?";
    let of = [JobKind::Backup.as_str(), JobState::Succeeded.as_str()];
    Ok(connection.query_row(sql, of, |row| row.get(0))?)
}

/// Removes some of the jobs that were over before a moment, and returns what they were.
///
/// The newest backup that did all stays: its age is what is asked of it.
pub(crate) fn remove(
    connection: &Connection,
    before_ms: i64,
    limit: usize,
) -> Result<Vec<(JobKind, JobState)>, Cause> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM jobs WHERE seq IN (SELECT seq FROM jobs WHERE ended_ms < ? AND seq IS NOT (SELECT seq FROM jobs \
         WHERE kind = ? AND state = ? ORDER BY ended_ms DESC LIMIT 1) ORDER BY ended_ms LIMIT ?) RETURNING kind, state",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let last_backup = (JobKind::Backup.as_str(), JobState::Succeeded.as_str());
    let rows = statement.query_map(params![before_ms, last_backup.0, last_backup.1, limit], |row| {
        Ok((word(row, "kind", JobKind::of)?, word(row, "state", JobState::of)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}
