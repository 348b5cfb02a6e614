//! Calls on snapshots (Milvus 3.0): create, pin, export, drop, and restore from an exported bundle.

use std::fmt;
use std::time::Duration;

use model::ids::Tso;
use model::name::CollectionRef;
use proto::milvus::{
    CreateSnapshotRequest, DescribeSnapshotRequest, DropSnapshotRequest, ExportSnapshotRequest,
    GetExportSnapshotStateRequest, GetRestoreSnapshotStateRequest, ListSnapshotsRequest,
    PinSnapshotDataRequest, RestoreExternalSnapshotRequest, UnpinSnapshotDataRequest,
};

use secrecy::{ExposeSecret, SecretString};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};

/// The id of a job that exports or restores a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotJobId(pub i64);

impl fmt::Display for SnapshotJobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The id of a pin, which keeps Milvus from dropping a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SnapshotPinId(pub i64);

impl fmt::Display for SnapshotPinId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A snapshot of a collection; its name is unique within the collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotRef {
    /// The collection.
    pub collection: CollectionRef,
    /// The name of the snapshot: at most 255 letters, digits and `_`, the first of them not a digit.
    pub name: String,
}

impl fmt::Display for SnapshotRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.name, self.collection)
    }
}

/// Where Milvus writes or reads a bundle.
#[derive(Clone, Default)]
pub struct ExternalStore {
    /// The URI of the bundle's directory, or of its metadata file.
    pub uri: String,
    /// How Milvus reaches the store, as JSON with credentials; empty if it uses its own ones.
    pub spec: String,
    /// The secret among these credentials, which is removed from the texts of errors.
    pub secret: Option<SecretString>,
}

impl fmt::Debug for ExternalStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExternalStore").field("uri", &self.uri).finish_non_exhaustive()
    }
}

/// The state of a job that exports or restores a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotJobState {
    /// It waits for its turn.
    Pending,
    /// It copies files.
    Executing,
    /// All files are copied.
    Completed,
    /// It ended without success, for this reason.
    Failed(String),
}

/// The state of an export with its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportStatus {
    /// The state of the job.
    pub state: SnapshotJobState,
    /// The progress in percent.
    pub progress: i32,
    /// The number of files of the bundle; 0 while it is not known.
    pub total_files: u64,
    /// The number of files that are copied.
    pub copied_files: u64,
    /// The total size of the files in bytes; 0 while it is not known.
    pub total_bytes: u64,
    /// The URI of the metadata file of a completed export.
    pub metadata_uri: String,
}

impl ExternalStore {
    /// Removes the secret from a text of the server.
    fn redact(&self, text: &str) -> String {
        match self.secret.as_ref().map(SecretString::expose_secret) {
            None | Some("") => text.to_owned(),
            Some(secret) => text.replace(secret, "***"),
        }
    }

    /// Removes the secret from the error of a call.
    fn redact_error(&self, call: Call<'_>, error: MilvusError) -> MilvusError {
        let reason = self.redact(error.reason());
        if reason == error.reason() { error } else { call.error(error.kind(), reason) }
    }
}

impl Milvus {
    /// Lists the names of the snapshots of a collection.
    pub async fn list_snapshots(&self, collection: &CollectionRef) -> Result<Vec<String>, MilvusError> {
        let call = Call::new("list the snapshots of collection", collection, &collection.database);
        let request = ListSnapshotsRequest {
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        Ok(self.rpc.call(call, request, rpc!(list_snapshots)).await?.snapshots)
    }

    /// Creates a snapshot of the flushed rows of a collection; fails if the collection has one of this name.
    pub async fn create_snapshot(
        &self,
        snapshot: &SnapshotRef,
        description: &str,
    ) -> Result<(), MilvusError> {
        let SnapshotRef { collection, name } = snapshot;
        let call = Call::unrepeatable("create snapshot", snapshot, &collection.database);
        let request = CreateSnapshotRequest {
            name: name.clone(),
            description: description.to_owned(),
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            compaction_protection_seconds: 0,
        };
        // The code is that of any invalid request.
        self.rpc.call(call, request, rpc!(create_snapshot)).await.map(drop).map_err(|error| {
            if error.reason().contains("already exist") {
                call.error(MilvusErrorKind::AlreadyExists, error.reason())
            } else {
                error
            }
        })
    }

    /// Returns the time of a snapshot.
    pub async fn snapshot_time(&self, snapshot: &SnapshotRef) -> Result<Tso, MilvusError> {
        let SnapshotRef { collection, name } = snapshot;
        let call = Call::new("describe snapshot", snapshot, &collection.database);
        let request = DescribeSnapshotRequest {
            name: name.clone(),
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        let reply = self.rpc.call(call, request, rpc!(describe_snapshot)).await?;
        Ok(Tso(reply.create_ts.try_into().unwrap_or_default()))
    }

    /// Drops a snapshot; succeeds if there is none, and fails with [`MilvusErrorKind::SnapshotPinned`] while it is pinned.
    pub async fn drop_snapshot(&self, snapshot: &SnapshotRef) -> Result<(), MilvusError> {
        let SnapshotRef { collection, name } = snapshot;
        let call = Call::new("drop snapshot", snapshot, &collection.database);
        let request = DropSnapshotRequest {
            name: name.clone(),
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
        };
        self.rpc.call(call, request, rpc!(drop_snapshot)).await.map(drop)
    }

    /// Pins a snapshot, so that it cannot be dropped before it is unpinned or the time is over.
    pub async fn pin_snapshot(
        &self,
        snapshot: &SnapshotRef,
        time: Duration,
    ) -> Result<SnapshotPinId, MilvusError> {
        let SnapshotRef { collection, name } = snapshot;
        // A pin whose id is lost ends with its time only, so the call is not repeated.
        let call = Call::unrepeatable("pin snapshot", snapshot, &collection.database);
        let request = PinSnapshotDataRequest {
            name: name.clone(),
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            ttl_seconds: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        };
        Ok(SnapshotPinId(self.rpc.call(call, request, rpc!(pin_snapshot_data)).await?.pin_id))
    }

    /// Removes a pin; succeeds if there is none.
    pub async fn unpin_snapshot(&self, pin: SnapshotPinId) -> Result<(), MilvusError> {
        let call = Call::new("remove the pin of a snapshot,", &pin, "");
        let request = UnpinSnapshotDataRequest { pin_id: pin.0 };
        self.rpc.call(call, request, rpc!(unpin_snapshot_data)).await.map(drop)
    }

    /// Starts a job that copies a snapshot with its files below `to` (3.0.1 and later).
    pub async fn export_snapshot(
        &self,
        snapshot: &SnapshotRef,
        to: &ExternalStore,
    ) -> Result<SnapshotJobId, MilvusError> {
        let SnapshotRef { collection, name } = snapshot;
        let call = Call::unrepeatable("export snapshot", snapshot, &collection.database);
        let request = ExportSnapshotRequest {
            name: name.clone(),
            db_name: collection.database.clone(),
            collection_name: collection.collection.clone(),
            target_s3_path: to.uri.clone(),
            external_spec: to.spec.clone(),
        };
        let reply = self.rpc.call(call, request, rpc!(export_snapshot)).await;
        match reply.map_err(|error| to.redact_error(call, error))?.job_id {
            0 => Err(call.error(MilvusErrorKind::Unsupported, "the server names no job")),
            job => Ok(SnapshotJobId(job)),
        }
    }

    /// Returns the state of an export to `to`.
    pub async fn export_status(
        &self,
        job: SnapshotJobId,
        to: &ExternalStore,
    ) -> Result<ExportStatus, MilvusError> {
        let call = Call::new("ask for the state of snapshot export", &job, "");
        let request = GetExportSnapshotStateRequest { job_id: job.0 };
        let info = self.rpc.call(call, request, rpc!(get_export_snapshot_state)).await?.info;
        let info =
            info.ok_or_else(|| call.error(MilvusErrorKind::NotFound, "the server describes no job"))?;
        let count = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(ExportStatus {
            state: state_of(call, info.state, to.redact(&info.reason))?,
            progress: info.progress,
            total_files: count(info.total_files),
            copied_files: count(info.copied_files),
            total_bytes: count(info.total_bytes),
            metadata_uri: info.snapshot_metadata_uri,
        })
    }

    /// Starts a job that creates a collection from the bundle with the metadata file `from` (3.0.1 and later).
    ///
    /// The database must exist, and the collection must not.
    pub async fn restore_snapshot(
        &self,
        target: &CollectionRef,
        from: &ExternalStore,
    ) -> Result<SnapshotJobId, MilvusError> {
        let call = Call::unrepeatable("restore a snapshot into", target, &target.database);
        let request = RestoreExternalSnapshotRequest {
            db_name: target.database.clone(),
            target_collection_name: target.collection.clone(),
            snapshot_metadata_uri: from.uri.clone(),
            external_spec: from.spec.clone(),
        };
        let reply = self.rpc.call(call, request, rpc!(restore_external_snapshot)).await;
        Ok(SnapshotJobId(reply.map_err(|error| from.redact_error(call, error))?.job_id))
    }

    /// Returns the state of a restore from `from`, and its progress in percent.
    pub async fn snapshot_restore_status(
        &self,
        job: SnapshotJobId,
        from: &ExternalStore,
    ) -> Result<(SnapshotJobState, i32), MilvusError> {
        let call = Call::new("ask for the state of snapshot restore", &job, "");
        let request = GetRestoreSnapshotStateRequest { job_id: job.0 };
        let info = self.rpc.call(call, request, rpc!(get_restore_snapshot_state)).await?.info;
        let info =
            info.ok_or_else(|| call.error(MilvusErrorKind::NotFound, "the server describes no job"))?;
        Ok((state_of(call, info.state, from.redact(&info.reason))?, info.progress))
    }
}

/// Converts the state of a job; both kinds of jobs have the same numbers.
fn state_of(call: Call<'_>, state: i32, reason: String) -> Result<SnapshotJobState, MilvusError> {
    match state {
        0 | 1 => Ok(SnapshotJobState::Pending),
        2 => Ok(SnapshotJobState::Executing),
        3 => Ok(SnapshotJobState::Completed),
        4 => Ok(SnapshotJobState::Failed(reason)),
        other => {
            Err(call.error(MilvusErrorKind::Server, format!("the server reports the unknown state {other}")))
        }
    }
}
