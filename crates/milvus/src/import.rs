//! Import jobs of Milvus 2.2 and 2.3, over gRPC.

use std::fmt;

use model::ids::SegmentId;
use model::name::CollectionRef;
use proto::common::{self, KeyValuePair};
use proto::milvus::{
    GetImportStateRequest, GetImportStateResponse, ImportRequest as Import, ListImportTasksRequest,
};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};

/// Identifies an import job within one Milvus: a decimal number over gRPC, any text over REST.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportJobId(pub String);

impl fmt::Display for ImportJobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A request to import binlogs into a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRequest {
    /// The target collection, which must exist with the same fields in the same order.
    pub target: CollectionRef,
    /// The name of the target partition, which must exist; `None` for all partitions, which no import of rows accepts.
    pub partition: Option<String>,
    /// The files to import; exactly one pair of prefixes over gRPC.
    pub files: Vec<ImportPrefixes>,
}

/// The prefixes of segment directories that are imported together.
///
/// The server lists the prefixes itself; a job whose prefix it cannot read completes with 0 rows. A prefix is
/// an absolute path on the server for local storage, and a key in the server's bucket for an object store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportPrefixes {
    /// The prefix of the segment directories with insert logs.
    pub insert: String,
    /// The prefix of the segment directories with delta logs; empty for none.
    pub delta: String,
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
    /// Returns whether the job is known to read exactly these files.
    pub fn reads(&self, files: &[ImportPrefixes]) -> bool {
        let joined = files.iter().flat_map(|pair| [pair.insert.as_str(), &pair.delta]).collect::<Vec<_>>();
        self.files.as_ref().is_some_and(|files| *files == joined.join(","))
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
        let [ImportPrefixes { insert, delta }] = &request.files[..] else {
            let reason = format!("one job reads one pair of prefixes, not {}", request.files.len());
            return Err(call.error(MilvusErrorKind::Invalid, reason));
        };
        let message = Import {
            collection_name: request.target.collection.clone(),
            partition_name: request.partition.clone().unwrap_or_default(),
            // Always two prefixes: Milvus treats a single one as another kind of file.
            files: vec![insert.clone(), delta.clone()],
            options: vec![KeyValuePair { key: "backup".to_owned(), value: "true".to_owned() }],
            db_name: request.target.database.clone(),
        };
        let reply = self.rpc.call(call, message, rpc!(import)).await?;
        let job = reply.tasks.first().map(|id| ImportJobId(id.to_string()));
        job.ok_or_else(|| call.error(MilvusErrorKind::Server, "the server named no job"))
    }

    /// Returns the jobs that import or imported into a collection, as far as the server remembers them.
    pub async fn list_imports(&self, collection: &CollectionRef) -> Result<Vec<ListedImport>, MilvusError> {
        let call = Call::new("list the import jobs of collection", collection, &collection.database);
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

    /// Returns the status of an import job; fails with `NotFound` if the server does not know the job.
    ///
    /// A caller asks again and again, so a failure is not retried here.
    pub async fn import_state(&self, job: &ImportJobId) -> Result<ImportStatus, MilvusError> {
        let call = Call::new("ask for import job", job, "").retried_by_caller();
        let not_a_number = |_| call.error(MilvusErrorKind::Invalid, "the id of the job is not a number");
        let request = GetImportStateRequest { task: job.0.parse().map_err(not_a_number)? };
        Ok(status_from_wire(&self.rpc.call(call, request, rpc!(get_import_state)).await?))
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
            ImportState::Failed(find_info(reply, "failed_reason").unwrap_or_default().to_owned())
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
