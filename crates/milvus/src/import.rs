//! Import jobs: over gRPC, and from 2.4 on over REST, where one job reads many prefixes.

use std::collections::BTreeMap;
use std::fmt;

use model::ids::{SegmentId, Tso};
use model::name::CollectionRef;
use proto::common::{self, KeyValuePair};
use proto::milvus::{
    GetImportStateRequest, GetImportStateResponse, ImportRequest as Import, ListImportTasksRequest,
};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};
use crate::reason::clean_reason;

/// Identifies an import job within one Milvus: a decimal number over gRPC, any text over REST.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportJobId(pub String);

impl fmt::Display for ImportJobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A request to import binlogs into a collection.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportRequest {
    /// The target collection, which must exist with the same fields in the same order.
    pub target: CollectionRef,
    /// The name of the target partition, which must exist; `None` for all partitions, which no import of rows accepts.
    pub partition: Option<String>,
    /// The files to import; exactly one pair of prefixes where [`Milvus::has_rest`] is false.
    pub files: Vec<ImportPrefixes>,
    /// Whether the files contain groups of columns (storage version 2).
    pub column_groups: bool,
    /// The time after which rows and delete entries are left out; `None` for none. Releases that take milliseconds leave
    /// out the rest of its millisecond too.
    pub until: Option<Tso>,
    /// The key of the encryption zone of the files, a secret; empty for files that are not encrypted.
    pub ezk: String,
}

/// The prefixes of segment directories that are imported together.
///
/// The server lists the prefixes itself; a job whose prefix it cannot read completes with 0 rows. A prefix is
/// an absolute path on the server for local storage, and a key in the server's bucket for an object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportPrefixes {
    /// The prefix of the segment directories with insert logs.
    pub insert: String,
    /// The prefix of the segment directories with delta logs; empty for none. From 2.4 on, a prefix that contains
    /// nothing is ignored without an error.
    pub delta: String,
}

impl ImportPrefixes {
    /// Returns the paths of one entry; 2.2 and 2.3 treat a single one as another kind of file.
    fn paths(&self, may_omit: bool) -> Vec<&str> {
        let Self { insert, delta } = self;
        if may_omit && delta.is_empty() { vec![insert] } else { vec![insert, delta] }
    }
}

/// An import job in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedImport {
    /// The id of the job.
    pub id: ImportJobId,
    /// The prefixes that it reads, joined by commas; `None` if the server does not tell.
    files: Option<String>,
}

impl ListedImport {
    /// Returns whether the job reads exactly these files, or whether the server does not tell what it reads.
    pub fn may_read(&self, files: &[ImportPrefixes]) -> bool {
        let joined = files.iter().flat_map(|pair| [pair.insert.as_str(), &pair.delta]).collect::<Vec<_>>();
        self.files.as_ref().is_none_or(|files| *files == joined.join(","))
    }
}

/// The state and progress of an import job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportStatus {
    /// The state of the job, with the reason if it failed.
    pub state: ImportState,
    /// The progress in percent, if the server reports it.
    pub progress: Option<u8>,
    /// The number of imported rows minus deleted rows; final when the job is completed.
    pub rows: u64,
    /// The segments that the job created.
    pub segment_ids: Vec<SegmentId>,
}

/// The state of an import job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportState {
    /// The job waits to be started.
    Pending,
    /// The job reads files or writes segments.
    Running,
    /// The job is completed; [`ImportStatus::rows`] shows whether it read any data.
    Completed,
    /// The job failed, with the reason given by the server.
    Failed(String),
}

impl Milvus {
    /// Starts an import job. The call is not retried if its outcome is unknown, because rows could be imported twice.
    pub async fn import(&self, request: &ImportRequest) -> Result<ImportJobId, MilvusError> {
        let subject = match &request.partition {
            Some(partition) => format!("partition {partition} of collection {}", request.target),
            None => format!("all partitions of collection {}", request.target),
        };
        let call = Call::unrepeatable("import into", &subject, &request.target.database);
        let may_omit = self.capabilities().rest;
        let options = self.import_options(request);
        if self.has_rest().await {
            return self.import_by_rest(call, request, options).await;
        }
        let [pair] = &request.files[..] else {
            let reason = format!("one job reads one pair of prefixes, not {}", request.files.len());
            return Err(call.error(MilvusErrorKind::Invalid, reason));
        };
        let options = options.into_iter().map(|(key, value)| KeyValuePair { key: key.to_owned(), value });
        let message = Import {
            collection_name: request.target.collection.clone(),
            partition_name: request.partition.clone().unwrap_or_default(),
            files: pair.paths(may_omit).into_iter().map(str::to_owned).collect(),
            options: options.collect(),
            db_name: request.target.database.clone(),
        };
        let reply = self.rpc.call(call, message, rpc!(import)).await?;
        let job = reply.tasks.first().map(|id| ImportJobId(id.to_string()));
        job.ok_or_else(|| call.error(MilvusErrorKind::Server, "the server named no job"))
    }

    async fn import_by_rest(
        &self,
        call: Call<'_>,
        request: &ImportRequest,
        options: Vec<(&str, String)>,
    ) -> Result<ImportJobId, MilvusError> {
        let files: Vec<Vec<&str>> = request.files.iter().map(|pair| pair.paths(true)).collect();
        let mut body = json!({
            "dbName": request.target.database,
            "collectionName": request.target.collection,
            "files": files,
            "options": BTreeMap::from_iter(options),
        });
        if let Some(partition) = &request.partition {
            body["partitionName"] = json!(partition);
        }
        let job: JobRecord = self.rest_data(call, "jobs/import/create", body).await?;
        Ok(job.id)
    }

    /// Returns the jobs that import or imported into a collection, as far as the server remembers them.
    pub async fn list_imports(&self, collection: &CollectionRef) -> Result<Vec<ListedImport>, MilvusError> {
        let call = Call::new("list the import jobs of collection", collection, &collection.database);
        if self.has_rest().await {
            let CollectionRef { database, collection } = collection;
            let body = json!({ "dbName": database, "collectionName": collection });
            let reply: JobRecords = self.rest_data(call, "jobs/import/list", body).await?;
            let listed = |job: JobRecord| ListedImport { id: job.id, files: None };
            return Ok(reply.records.unwrap_or_default().into_iter().map(listed).collect());
        }
        let request = ListImportTasksRequest {
            collection_name: collection.collection.clone(),
            limit: 0,
            db_name: collection.database.clone(),
        };
        let reply = self.rpc.call(call, request, rpc!(list_import_tasks)).await?;
        let listed = |task: &GetImportStateResponse| ListedImport {
            id: ImportJobId(task.id.to_string()),
            files: find_info(task, "files").map(str::to_owned),
        };
        Ok(reply.tasks.iter().map(listed).collect())
    }

    /// Returns the import jobs of all databases that wait for their commit, each with its collection.
    ///
    /// Their segments are listed and counted already. Returns none for releases without such jobs (before 3.0).
    pub async fn uncommitted_imports(&self) -> Result<Vec<(ImportJobId, String)>, MilvusError> {
        if !self.capabilities().commits_imports || !self.has_rest().await {
            return Ok(Vec::new());
        }
        let call = Call::new("list the import jobs of", &self.server().address, "");
        let reply: JobRecords =
            self.rest_data(call, "jobs/import/list", json!({ "dbName": "default" })).await?;
        let waits = |job: &JobRecord| matches!(job.state.as_str(), "Uncommitted" | "Committing");
        let jobs = reply.records.unwrap_or_default().into_iter().filter(waits);
        Ok(jobs.map(|job| (job.id, job.collection_name)).collect())
    }

    fn import_options(&self, request: &ImportRequest) -> Vec<(&'static str, String)> {
        let mut options = vec![("backup", "true".to_owned())];
        if self.capabilities().rest {
            // Milvus counts the rows of a restore against the quota of the disk although they are there already.
            options.push(("skip_disk_quota_check", "true".to_owned()));
        }
        if request.column_groups {
            options.push(("storage_version", "2".to_owned()));
        }
        if let Some(until) = request.until {
            let in_ms = self.capabilities().import_ends_in_ms;
            let end = if in_ms { until.milliseconds().to_string() } else { until.0.to_string() };
            options.push(("end_ts", end));
        }
        if !request.ezk.is_empty() {
            options.push(("ezk", request.ezk.clone()));
        }
        options
    }

    /// Returns the status of an import job; fails with `NotFound` if the server does not know the job.
    ///
    /// A caller asks again and again, so a failure is not retried here.
    pub async fn import_state(&self, job: &ImportJobId) -> Result<ImportStatus, MilvusError> {
        let call = Call::new("ask for import job", job, "").retried_by_caller();
        if self.has_rest().await {
            // Every release with REST has this route; only later ones call it "describe" too.
            let body = json!({ "dbName": "default", "jobId": job.0 });
            let job: JobRecord = self.rest_data(call, "jobs/import/get_progress", body).await?;
            return Ok(job.status());
        }
        let not_a_number = |_| call.error(MilvusErrorKind::Invalid, "the id of the job is not a number");
        let request = GetImportStateRequest { task: job.0.parse().map_err(not_a_number)? };
        Ok(status_from_wire(&self.rpc.call(call, request, rpc!(get_import_state)).await?))
    }
}

/// A list of jobs in an answer.
#[derive(Deserialize)]
struct JobRecords {
    records: Option<Vec<JobRecord>>,
}

/// A job in an answer over REST.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobRecord {
    #[serde(rename = "jobId", deserialize_with = "text_or_number")]
    id: ImportJobId,
    #[serde(default)]
    collection_name: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    progress: Option<u8>,
    #[serde(default)]
    imported_rows: u64,
    #[serde(default)]
    reason: String,
}

impl JobRecord {
    fn status(self) -> ImportStatus {
        let state = match self.state.as_str() {
            "Pending" => ImportState::Pending,
            "Completed" => ImportState::Completed,
            "Failed" => ImportState::Failed(clean_reason(&self.reason)),
            // Importing; from 3.0 on also Uncommitted and Committing.
            _ => ImportState::Running,
        };
        let (progress, rows) = (self.progress, self.imported_rows);
        ImportStatus { state, progress, rows, segment_ids: Vec::new() }
    }
}

/// Reads the id of a job, which is a text or, in some answers, a number.
fn text_or_number<'de, D: Deserializer<'de>>(from: D) -> Result<ImportJobId, D::Error> {
    match Value::deserialize(from)? {
        Value::String(id) => Ok(ImportJobId(id)),
        Value::Number(id) => Ok(ImportJobId(id.to_string())),
        _ => Err(D::Error::custom("the id of a job is a text or a number")),
    }
}

/// Returns the value of a fact that the server reports about a job.
fn find_info<'a>(reply: &'a GetImportStateResponse, key: &str) -> Option<&'a str> {
    reply.infos.iter().find(|info| info.key == key).map(|info| info.value.as_str())
}

fn status_from_wire(reply: &GetImportStateResponse) -> ImportStatus {
    let state = match reply.state() {
        common::ImportState::ImportPending => ImportState::Pending,
        common::ImportState::ImportStarted | common::ImportState::ImportPersisted => ImportState::Running,
        common::ImportState::ImportCompleted | common::ImportState::ImportFlushed => ImportState::Completed,
        common::ImportState::ImportFailed | common::ImportState::ImportFailedAndCleaned => {
            ImportState::Failed(clean_reason(find_info(reply, "failed_reason").unwrap_or_default()))
        }
    };
    ImportStatus {
        state,
        progress: find_info(reply, "progress_percent").and_then(|percent| percent.parse().ok()),
        rows: u64::try_from(reply.row_count).unwrap_or_default(),
        segment_ids: reply.segment_ids.iter().copied().map(SegmentId).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: common::ImportState, infos: &[(&str, &str)]) -> ImportStatus {
        let infos =
            infos.iter().map(|(key, value)| KeyValuePair { key: (*key).into(), value: (*value).into() });
        status_from_wire(&GetImportStateResponse {
            state: state.into(),
            row_count: 3,
            infos: infos.collect(),
            ..GetImportStateResponse::default()
        })
    }

    #[test]
    fn final_states_of_a_job_are_distinguished() {
        use common::ImportState as Wire;
        assert_eq!(status(Wire::ImportPersisted, &[]).state, ImportState::Running);
        assert_eq!(status(Wire::ImportCompleted, &[]).state, ImportState::Completed);
        assert_eq!(status(Wire::ImportFlushed, &[]).state, ImportState::Completed);
        let failed =
            status(Wire::ImportFailedAndCleaned, &[("failed_reason", "no"), ("progress_percent", "30")]);
        assert_eq!(failed.state, ImportState::Failed("no".to_owned()));
        assert_eq!(failed.progress, Some(30));
    }
}
