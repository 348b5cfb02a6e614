//! Calls about imports, which are tasks up to 2.3 and jobs since.

use proto::common::{ImportState, KeyValuePair};
use proto::milvus as wire;

use super::fault::Fault;
use super::jobs::{Job, NewJob};
use super::reply::{Refusal, Version};
use super::state::FakeState;

type Answer<R> = Result<R, Refusal>;

/// The first release with jobs.
const WITH_JOBS: Version = (2, 4, 0);

impl FakeState {
    pub(super) fn import(&mut self, request: &wire::ImportRequest) -> Answer<wire::ImportResponse> {
        if self.faults.take_equal(&Fault::ImportArrivesLate) {
            self.late_import = Some(request.clone());
            return Ok(wire::ImportResponse::default());
        }
        let reply =
            if self.version < WITH_JOBS { self.import_task(request) } else { self.import_job(request) }?;
        if let Some(late) = self.late_import.take() {
            self.import(&late)?;
        }
        Ok(reply)
    }

    fn import_job(&mut self, request: &wire::ImportRequest) -> Answer<wire::ImportResponse> {
        let options = request.options.iter().map(|pair| (pair.key.clone(), pair.value.clone()));
        let id = self.create_job(NewJob {
            database: request.db_name.clone(),
            collection: request.collection_name.clone(),
            partition: request.partition_name.clone(),
            files: vec![request.files.clone()],
            options: options.collect(),
        })?;
        Ok(wire::ImportResponse { tasks: vec![id], ..Default::default() })
    }

    pub(super) fn list_import_tasks(
        &mut self,
        request: &wire::ListImportTasksRequest,
    ) -> Answer<wire::ListImportTasksResponse> {
        let name = &request.collection_name;
        let collection =
            if name.is_empty() { None } else { Some(self.collection(&request.db_name, name)?.id) };
        let tasks = if self.version < WITH_JOBS {
            let mut tasks = self.list_tasks(collection);
            // The newest ones count.
            let limit = usize::try_from(request.limit).unwrap_or_default();
            if limit > 0 && limit < tasks.len() {
                tasks.drain(..tasks.len() - limit);
            }
            tasks
        } else {
            let jobs = self.imports.iter();
            let jobs =
                jobs.filter(|(_, job)| collection.is_none_or(|collection| job.collection_id == collection));
            jobs.map(|(_, job)| wire::GetImportStateResponse { row_count: 0, ..job_state(job) }).collect()
        };
        Ok(wire::ListImportTasksResponse { tasks, status: None })
    }

    pub(super) fn get_import_state(
        &mut self,
        request: &wire::GetImportStateRequest,
    ) -> Answer<wire::GetImportStateResponse> {
        if self.version < WITH_JOBS {
            return self.task_state(request.task);
        }
        let state = job_state(self.job(request.task)?);
        self.advance_job(request.task);
        Ok(state)
    }
}

/// Describes a job; gRPC has no state for a job that waits for its commit, and calls it failed.
fn job_state(job: &Job) -> wire::GetImportStateResponse {
    let (name, progress) = job.state();
    let state = match name {
        "Pending" => ImportState::ImportPending,
        "Importing" => ImportState::ImportStarted,
        "Completed" => ImportState::ImportCompleted,
        _ => ImportState::ImportFailed,
    };
    let pair = |key: &str, value: String| KeyValuePair { key: key.to_owned(), value };
    let rows: usize = job.details().iter().map(|details| details.rows).sum();
    wire::GetImportStateResponse {
        state: state.into(),
        row_count: if progress >= 70 { i64::try_from(rows).unwrap_or_default() } else { 0 },
        infos: vec![
            pair("failed_reason", job.reason().unwrap_or_default().to_owned()),
            pair("progress_percent", progress.to_string()),
        ],
        ..Default::default()
    }
}
