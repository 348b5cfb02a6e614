//! Calls about import jobs, which run as in 2.2 and 2.3.

use std::collections::BTreeMap;
use std::path::Path;

use proto::common::{ImportState, KeyValuePair};
use proto::milvus as wire;

use super::fault::Fault;
use super::files::{self, Log};
use super::import_job::{FakeImportJob, ImportOutcome};
use super::reply::Refusal;
use super::state::FakeState;

type Answer<R> = Result<R, Refusal>;

impl FakeState {
    pub(super) fn import(&mut self, request: &wire::ImportRequest) -> Answer<wire::ImportResponse> {
        if self.faults.take_equal(&Fault::ImportArrivesLate) {
            self.late_import = Some(request.clone());
            return Ok(wire::ImportResponse::default());
        }
        let old = self.version < (2, 3, 0);
        let held = self.collection(&request.db_name, &request.collection_name)?;
        let is_backup = request.options.iter().any(|pair| pair.key == "backup" && pair.value == "true");
        if is_backup && request.partition_name.is_empty() {
            let text =
                if old { "partition name not specified when backup" } else { "partition not specified" };
            return Err(Refusal::invalid(text));
        }
        let partition = held.partition(&request.partition_name)?.id;
        let (collection, name) = (held.id, held.name().to_owned());
        let columns = files::segment_columns(&held.schema);
        let mut segments = Vec::new();
        let outcome = match self.faults.take_first(|fault| {
            matches!(fault, Fault::ImportFails(_) | Fault::ImportStuck | Fault::ImportEmpty)
        }) {
            Some(Fault::ImportFails(reason)) => ImportOutcome::Failed(reason),
            Some(Fault::ImportStuck) => ImportOutcome::Stuck,
            Some(_) => ImportOutcome::Rows(0),
            None => match count_rows(&request.files, is_backup, &columns) {
                Err(reason) => ImportOutcome::Failed(reason),
                Ok(rows) => {
                    for rows in rows.iter().copied().filter(|rows| *rows > 0) {
                        segments.push(self.add_segment(&request.db_name, &name, partition, rows)?);
                    }
                    ImportOutcome::Rows(rows.iter().sum())
                }
            },
        };
        let id = self.next_id();
        self.jobs.insert(
            id,
            FakeImportJob { outcome, polls: 0, collection, files: request.files.join(","), segments },
        );
        if let Some(late) = self.late_import.take() {
            self.import(&late)?;
        }
        Ok(wire::ImportResponse { tasks: vec![id], ..Default::default() })
    }

    pub(super) fn list_import_tasks(
        &mut self,
        request: &wire::ListImportTasksRequest,
    ) -> Answer<wire::ListImportTasksResponse> {
        let collection = self.collection(&request.db_name, &request.collection_name)?.id;
        let jobs = self.jobs.iter().filter(|(_, job)| job.collection == collection);
        let tasks = jobs.map(|(id, job)| wire::GetImportStateResponse {
            id: *id,
            infos: vec![key_value("files", &job.files)],
            ..Default::default()
        });
        Ok(wire::ListImportTasksResponse { tasks: tasks.collect(), status: None })
    }

    pub(super) fn get_import_state(
        &mut self,
        request: &wire::GetImportStateRequest,
    ) -> Answer<wire::GetImportStateResponse> {
        let Some(job) = self.jobs.get_mut(&request.task) else {
            return Err(Refusal::import_job());
        };
        job.polls += 1;
        let (state, percent) = match (job.polls, &job.outcome) {
            (1, _) | (_, ImportOutcome::Stuck) => (ImportState::ImportStarted, 20),
            (_, ImportOutcome::Failed(_)) => (ImportState::ImportFailed, 20),
            (2, ImportOutcome::Rows(_)) => (ImportState::ImportPersisted, 90),
            (_, ImportOutcome::Rows(_)) => (ImportState::ImportCompleted, 100),
        };
        let mut infos =
            vec![key_value("files", &job.files), key_value("progress_percent", &percent.to_string())];
        let mut row_count = 0;
        match &job.outcome {
            ImportOutcome::Failed(reason) if state == ImportState::ImportFailed => {
                infos.push(key_value("failed_reason", reason));
            }
            ImportOutcome::Rows(rows) if job.polls > 1 => {
                row_count = i64::try_from(*rows).unwrap_or_default();
            }
            _ => {}
        }
        Ok(wire::GetImportStateResponse {
            status: None,
            state: state.into(),
            row_count,
            infos,
            id: request.task,
            collection_id: job.collection,
            segment_ids: job.segments.clone(),
        })
    }
}

fn key_value(key: &str, value: &str) -> KeyValuePair {
    KeyValuePair { key: key.to_owned(), value: value.to_owned() }
}

/// Returns the number of rows of each segment below the insert prefix, or the reason why the job fails.
fn count_rows(
    paths: &[String],
    is_backup: bool,
    columns: &BTreeMap<i64, (i32, u64)>,
) -> Result<Vec<u64>, String> {
    let (true, [inserts, deltas]) = (is_backup, paths) else {
        return Err("unsupported file type".to_owned());
    };
    // like the real server, the fake silently finds nothing below a path that is not absolute
    let absolute = |path: &str| !path.is_empty() && Path::new(path).is_absolute();
    if absolute(deltas) && !files::read_logs(Path::new(deltas))?.is_empty() {
        return Err("the fake reads no delete logs".to_owned());
    }
    if !absolute(inserts) {
        return Ok(Vec::new());
    }
    files::read_logs(Path::new(inserts))?.values().map(|fields| count_segment_rows(fields, columns)).collect()
}

/// Returns the number of rows of one segment; fails unless its files match the columns of the collection.
fn count_segment_rows(
    fields: &BTreeMap<i64, Vec<Log>>,
    columns: &BTreeMap<i64, (i32, u64)>,
) -> Result<u64, String> {
    if let Some(field) = fields.keys().find(|field| !columns.contains_key(field)) {
        return Err(format!("could not read binlog file: no field ID {field} in the collection"));
    }
    let mut rows = None;
    for (field, (data_type, dim)) in columns {
        let logs = fields.get(field).ok_or_else(|| format!("the field {field} has no binlog file"))?;
        for log in logs {
            if log.data_type != *data_type {
                return Err(format!(
                    "binlog type {} of field {field} is not equal to {data_type}",
                    log.data_type
                ));
            }
            if log.dim != *dim {
                return Err(format!("dimension {} is not equal to schema dimension {dim}", log.dim));
            }
        }
        let counted = (logs.len(), logs.iter().map(|log| log.rows).sum::<u64>());
        if *rows.get_or_insert(counted) != counted {
            return Err("binlog file count of each field must be equal".to_owned());
        }
    }
    Ok(rows.map(|(_, rows)| rows).unwrap_or_default())
}
