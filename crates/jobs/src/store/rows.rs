//! A job as a row, both ways, and the statements about them.

use std::collections::BTreeMap;

use engine::Progress;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Cause;
use crate::claims::Claims;
use crate::job::{Job, JobFailure, JobFilter, JobKind, JobState, Outcome};

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

/// What is written when a job is over.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    /// The job.
    pub(crate) id: String,
    /// How it ended.
    pub(crate) state: JobState,
    /// When.
    pub(crate) ended_ms: i64,
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

const COLUMNS: &str = "seq, id, state, caller, request, place, claims, created_ms, started_ms, \
                       ended_ms, milvus_version, targets, progress, outcome, failure";

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
    let Ended { id, state, ended_ms, outcome, failure, progress } = ended;
    let (progress, collections) = split(id, progress.clone())?;
    let outcome = outcome.as_ref().map(|outcome| json(id, outcome)).transpose()?;
    let failure = failure.as_ref().map(|failure| json(id, failure)).transpose()?;
    connection
        .prepare_cached(
            "UPDATE jobs SET state = ?, ended_ms = ?, outcome = ?, failure = ?, progress = ?, collections = ? \
             WHERE id = ?",
        )?
        .execute(params![state.as_str(), ended_ms, outcome, failure, progress, collections, id])?;
    Ok(())
}

/// One job with all of its progress.
pub(crate) fn get(connection: &Connection, id: &str) -> Result<Option<Job>, Cause> {
    let sql = format!("SELECT {COLUMNS}, collections FROM jobs WHERE id = ?");
    let found = connection.prepare_cached(&sql)?.query_row([id], Raw::whole).optional()?;
    found.map(|raw| Ok(raw.record()?.job)).transpose()
}

/// The job that a caller's key belongs to.
pub(crate) fn by_key(connection: &Connection, caller: &str, key: &str) -> Result<Option<Job>, Cause> {
    let sql = format!("SELECT {COLUMNS}, collections FROM jobs WHERE caller = ? AND idempotency_key = ?");
    let found = connection.prepare_cached(&sql)?.query_row([caller, key], Raw::whole).optional()?;
    found.map(|raw| Ok(raw.record()?.job)).transpose()
}

/// The jobs in a state, in the order they were handed in.
pub(crate) fn in_state(connection: &Connection, state: JobState) -> Result<Vec<Record>, Cause> {
    let sql = format!("SELECT {COLUMNS}, collections FROM jobs WHERE state = ? ORDER BY seq");
    let raws = connection
        .prepare_cached(&sql)?
        .query_map([state.as_str()], Raw::whole)?
        .collect::<Result<Vec<_>, _>>()?;
    raws.into_iter().map(Raw::record).collect()
}

/// A page of jobs, newest first, without the progress of their collections.
pub(crate) fn page(connection: &Connection, filter: &JobFilter, page: Page) -> Result<Vec<Record>, Cause> {
    let mut sql = format!("SELECT {COLUMNS}, '{{}}' FROM jobs WHERE 1");
    let mut values: Vec<Value> = Vec::new();
    let mut one_of = |column: &str, texts: Vec<&str>| {
        if !texts.is_empty() {
            sql.push_str(&format!(" AND {column} IN (?{})", ", ?".repeat(texts.len() - 1)));
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
    let raws = connection
        .prepare_cached(&sql)?
        .query_map(params_from_iter(values), Raw::whole)?
        .collect::<Result<Vec<_>, _>>()?;
    raws.into_iter().map(Raw::record).collect()
}

/// How many jobs there are of each kind in each state.
pub(crate) fn counts(connection: &Connection) -> Result<BTreeMap<(JobKind, JobState), usize>, Cause> {
    let mut statement =
        connection.prepare_cached("SELECT kind, state, count(*) FROM jobs GROUP BY kind, state")?;
    let rows = statement.query_map([], |row| {
        let count: u32 = row.get(2)?;
        Ok(((word(row, 0, JobKind::of)?, word(row, 1, JobState::of)?), count as usize))
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
        Ok((word(row, 0, JobKind::of)?, word(row, 1, JobState::of)?))
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The columns as they are kept.
struct Raw {
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
    collections: String,
}

impl Raw {
    fn whole(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: row.get(0)?,
            id: row.get(1)?,
            state: word(row, 2, JobState::of)?,
            caller: row.get(3)?,
            request: row.get(4)?,
            place: row.get(5)?,
            claims: row.get(6)?,
            created_ms: row.get(7)?,
            started_ms: row.get(8)?,
            ended_ms: row.get(9)?,
            milvus_version: row.get(10)?,
            targets: row.get(11)?,
            progress: row.get(12)?,
            outcome: row.get(13)?,
            failure: row.get(14)?,
            collections: row.get(15)?,
        })
    }

    fn record(self) -> Result<Record, Cause> {
        let id = &self.id;
        let mut progress: Progress = parsed(id, &self.progress)?;
        progress.collections = parsed(id, &self.collections)?;
        Ok(Record {
            seq: self.seq,
            claims: parsed(id, &self.claims)?,
            job: Job {
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
            },
        })
    }
}

/// How far a job is as a whole and, apart, how far its collections are: of those there may be thousands, and a list
/// does without.
fn split(id: &str, mut progress: Progress) -> Result<(String, String), Cause> {
    let collections = std::mem::take(&mut progress.collections);
    Ok((json(id, &progress)?, json(id, &collections)?))
}

fn json(id: &str, value: &impl Serialize) -> Result<String, Cause> {
    serde_json::to_string(value).map_err(|source| Cause::Form { id: id.to_owned(), source })
}

fn parsed<T: DeserializeOwned>(id: &str, text: &str) -> Result<T, Cause> {
    serde_json::from_str(text).map_err(|source| Cause::Form { id: id.to_owned(), source })
}

fn word<T>(row: &Row<'_>, at: usize, of: fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    of(&text).ok_or_else(|| {
        let unknown = format!("{text:?} is no kind and no state of a job");
        rusqlite::Error::FromSqlConversionFailure(at, rusqlite::types::Type::Text, unknown.into())
    })
}
