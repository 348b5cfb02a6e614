//! Import jobs of 2.2 and 2.3, over gRPC.

use std::fmt;

use model::ids::SegmentId;
use model::manifest::KeyValue;
use model::name::CollectionRef;
use proto::common::{self, KeyValuePair};
use proto::milvus::{GetImportStateRequest, GetImportStateResponse, ImportRequest as Import};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{ErrorKind, MilvusError};
use crate::schema;

/// Identifies an import job within one Milvus.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImportJobId(pub i64);

impl fmt::Display for ImportJobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Binlogs to be read into one partition.
///
/// The server reads the prefixes itself; one that it cannot read ends as completed with no rows. On local storage
/// they are absolute paths as the server sees them, on an object store keys within its bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportRequest {
    /// The collection; it must exist, with the same fields in the same order.
    pub target: CollectionRef,
    /// The partition; it must exist.
    pub partition: String,
    /// Above segment directories with insert logs.
    pub insert_prefix: String,
    /// Above segment directories with delete logs; empty for none.
    pub delta_prefix: String,
    /// Options beside `backup=true`, which is always sent.
    pub options: Vec<KeyValue>,
}

/// How far an import job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportStatus {
    /// Where it stands.
    pub state: ImportState,
    /// Percent, where told.
    pub progress: Option<u8>,
    /// Rows imported, deletes subtracted; final once completed.
    pub rows: u64,
    /// The segments it made.
    pub segment_ids: Vec<SegmentId>,
}

/// Where an import job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportState {
    /// Waiting to be begun.
    Pending,
    /// Begun.
    Running,
    /// Done; whether it read anything is told by the rows.
    Completed,
    /// Given up, with the server's reason.
    Failed(String),
}

impl Milvus {
    /// Starts an import job. It is never sent twice, since that would import the rows twice.
    pub async fn import(&self, request: &ImportRequest) -> Result<ImportJobId, MilvusError> {
        let about = format!("partition {} of collection {}", request.partition, request.target);
        let call = Call::once("import into", &about, &request.target.database);
        let mut options = schema::pairs_to_wire(&request.options);
        options.push(KeyValuePair { key: "backup".to_owned(), value: "true".to_owned() });
        let message = Import {
            collection_name: request.target.collection.clone(),
            partition_name: request.partition.clone(),
            // always two: one alone is taken for another kind of file
            files: vec![request.insert_prefix.clone(), request.delta_prefix.clone()],
            options,
            db_name: request.target.database.clone(),
        };
        let reply = self.rpc.call(call, message, rpc!(import)).await?;
        let job = reply.tasks.first().copied().map(ImportJobId);
        job.ok_or_else(|| call.fails(ErrorKind::Server, "the server named no job"))
    }

    /// How far an import job is; one that the server does not know (any more) is not found.
    pub async fn import_state(&self, job: ImportJobId) -> Result<ImportStatus, MilvusError> {
        let call = Call::new("ask for import job", &job, "");
        let reply =
            self.rpc.call(call, GetImportStateRequest { task: job.0 }, rpc!(get_import_state)).await?;
        Ok(read(&reply))
    }
}

fn read(reply: &GetImportStateResponse) -> ImportStatus {
    let info = |key: &str| reply.infos.iter().find(|info| info.key == key).map(|info| info.value.clone());
    let state = match reply.state() {
        common::ImportState::ImportPending => ImportState::Pending,
        common::ImportState::ImportStarted | common::ImportState::ImportPersisted => ImportState::Running,
        common::ImportState::ImportCompleted | common::ImportState::ImportFlushed => ImportState::Completed,
        common::ImportState::ImportFailed | common::ImportState::ImportFailedAndCleaned => {
            ImportState::Failed(info("failed_reason").unwrap_or_default())
        }
    };
    ImportStatus {
        state,
        progress: info("progress_percent").and_then(|percent| percent.parse().ok()),
        rows: u64::try_from(reply.row_count).unwrap_or_default(),
        segment_ids: reply.segment_ids.iter().copied().map(SegmentId).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(state: common::ImportState, infos: &[(&str, &str)]) -> ImportStatus {
        let infos =
            infos.iter().map(|(key, value)| KeyValuePair { key: (*key).into(), value: (*value).into() });
        read(&GetImportStateResponse {
            state: state.into(),
            row_count: 3,
            infos: infos.collect(),
            ..GetImportStateResponse::default()
        })
    }

    #[test]
    fn states_that_end_a_job_are_told_apart() {
        use common::ImportState as Wire;
        assert_eq!(told(Wire::ImportPersisted, &[]).state, ImportState::Running);
        assert_eq!(told(Wire::ImportCompleted, &[]).state, ImportState::Completed);
        assert_eq!(told(Wire::ImportFlushed, &[]).state, ImportState::Completed);
        let failed =
            told(Wire::ImportFailedAndCleaned, &[("failed_reason", "no"), ("progress_percent", "30")]);
        assert_eq!(failed.state, ImportState::Failed("no".to_owned()));
        assert_eq!(failed.progress, Some(30));
    }
}
