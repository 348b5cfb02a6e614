//! The jobs that export and restore snapshots; each call for the state of a job makes a step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proto::common::{ErrorCode, SegmentState};
use proto::milvus as wire;
use proto::milvus::RestoreSnapshotState as State;

use super::binlogs::{Rules, field_files, files_below, read_rows};
use super::cell::user_columns;
use super::delta_logs::read_deletes;
use super::fault::Fault;
use super::reply::{Refusal, Version};
use super::segment::{ALL_PARTITIONS, Segment};
use super::snapshot_bundle::{Bundle, copy_files, metadata_key};
use super::snapshots::{check_given, check_named, check_snapshot_name};
use super::state::FakeState;
use super::words::Kind;

type Answer<R> = Result<R, Refusal>;

/// The first release that exports snapshots and restores exported ones.
pub(super) const WITH_EXPORT: Version = (3, 0, 1);

/// An export or a restore of a snapshot.
#[derive(Clone, Debug)]
pub(super) struct SnapshotJob {
    bundle: Bundle,
    /// The source of an export, or the target of a restore.
    database: String,
    collection: String,
    /// In milliseconds since 1970.
    started: u64,
    /// The state; exports have the same ones.
    state: State,
    reason: String,
    work: Work,
    fault: Option<Fault>,
}

#[derive(Clone, Debug)]
enum Work {
    /// The URI of the target, the number of files, and the number and size of the copied ones.
    Export { target: String, total: i64, copied: (i64, u64) },
    /// The directory of the bundle, and the new partitions by the old ones.
    Restore { from: PathBuf, partitions: BTreeMap<i64, i64> },
}

impl SnapshotJob {
    /// Returns whether the job needs a snapshot, which cannot be dropped meanwhile.
    pub(super) fn holds(&self, snapshot: i64) -> bool {
        let is_over = matches!(self.state, State::RestoreSnapshotCompleted | State::RestoreSnapshotFailed);
        self.bundle.id == snapshot && !is_over
    }
}

impl FakeState {
    pub(super) fn export_snapshot(
        &mut self,
        request: &wire::ExportSnapshotRequest,
    ) -> Answer<wire::ExportSnapshotResponse> {
        check_snapshot_name(&request.name)?;
        let target = request.target_s3_path.trim_end_matches('/');
        check_uri("target_s3_path", target, "export snapshot")?;
        self.check_export("ExportSnapshot")?;
        check_given(&request.collection_name, "export snapshot")?;
        check_spec(&request.external_spec)?;
        if !["s3://", "minio://"].iter().any(|scheme| target.starts_with(scheme)) {
            return Err(Refusal::plain(format!("unsupported scheme of target_s3_path {target}")));
        }
        let snapshot = self.snapshot(&request.db_name, &request.collection_name, &request.name)?;
        let key = metadata_key(snapshot.collection, snapshot.id);
        let bundle = Bundle::read(&self.root.join(key)).map_err(Refusal::unexpected)?;
        let files = bundle.directories().map(|directory| files_below(&self.root.join(directory)).len());
        // The metadata is a file too.
        let total = i64::try_from(files.sum::<usize>() + 1).unwrap_or_default();
        let work = Work::Export { target: target.to_owned(), total, copied: (0, 0) };
        let job_id = self.add_snapshot_job(bundle, &request.db_name, &request.collection_name, work);
        Ok(wire::ExportSnapshotResponse { job_id, ..Default::default() })
    }

    pub(super) fn get_export_snapshot_state(
        &mut self,
        request: &wire::GetExportSnapshotStateRequest,
    ) -> Answer<wire::GetExportSnapshotStateResponse> {
        let job = self.snapshot_job(request.job_id, "export")?;
        let Work::Export { target, total, copied } = &job.work else {
            return Err(no_job(request.job_id, "export"));
        };
        let is_completed = job.state == State::RestoreSnapshotCompleted;
        let key = metadata_key(job.bundle.collection, job.bundle.id);
        let info = wire::ExportSnapshotInfo {
            job_id: request.job_id,
            snapshot_name: job.bundle.name.clone(),
            db_name: job.database.clone(),
            collection_name: job.collection.clone(),
            state: job.state.into(),
            progress: match job.state {
                State::RestoreSnapshotCompleted => 100,
                State::RestoreSnapshotExecuting => 50,
                _ => 0,
            },
            reason: job.reason.clone(),
            start_time: job.started,
            time_cost: u64::from(is_completed),
            total_files: *total,
            copied_files: copied.0,
            snapshot_metadata_uri: if is_completed { format!("{target}/{key}") } else { String::new() },
            total_bytes: i64::try_from(copied.1).unwrap_or_default(),
        };
        self.advance_snapshot_job(request.job_id);
        Ok(wire::GetExportSnapshotStateResponse { info: Some(info), ..Default::default() })
    }

    pub(super) fn restore_snapshot(
        &mut self,
        request: &wire::RestoreSnapshotRequest,
    ) -> Answer<wire::RestoreSnapshotResponse> {
        let wire::RestoreSnapshotRequest { name, db_name, target_collection_name, .. } = request;
        check_snapshot_name(name)?;
        if target_collection_name.is_empty() {
            let text = "target_collection_name is required for restore snapshot";
            return Err(Refusal::stated(Kind::Missing, text));
        }
        check_given(&request.collection_name, "restore snapshot")?;
        check_named("collection name", target_collection_name)?;
        let target_db = if request.target_db_name.is_empty() { db_name } else { &request.target_db_name };
        let version = self.version;
        self.database(target_db).map_err(|refusal| {
            refusal.within(&format!("failed to describe target database {target_db}"), version)
        })?;
        let snapshot = self
            .snapshot(db_name, &request.collection_name, name)
            .map_err(|refusal| refusal.within("failed to pin source snapshot under restore lock", version))?;
        let key = metadata_key(snapshot.collection, snapshot.id);
        let bundle = Bundle::read(&self.root.join(key)).map_err(Refusal::unexpected)?;
        let job_id = self.begin_restore(bundle, self.root.clone(), target_db, target_collection_name)?;
        Ok(wire::RestoreSnapshotResponse { job_id, ..Default::default() })
    }

    pub(super) fn restore_external_snapshot(
        &mut self,
        request: &wire::RestoreExternalSnapshotRequest,
    ) -> Answer<wire::RestoreExternalSnapshotResponse> {
        let uri = &request.snapshot_metadata_uri;
        check_uri("snapshot_metadata_uri", uri, "restore external snapshot")?;
        self.check_export("RestoreExternalSnapshot")?;
        check_named("collection name", &request.target_collection_name)?;
        check_spec(&request.external_spec)?;
        self.database(&request.db_name)?;
        let invalid = |cause: &str| Refusal::plain(format!("invalid snapshot_metadata_uri {uri}: {cause}"));
        let tail: Vec<&str> = uri.rsplit('/').take(4).collect();
        if !matches!(*tail, [file, "metadata", _, "snapshots"] if file.strip_suffix(".json").is_some()) {
            return Err(invalid("no metadata file of a snapshot"));
        }
        let file = self.place_of(uri).map_err(|cause| invalid(&cause))?;
        let bundle = Bundle::read(&file).map_err(|cause| {
            let text = format!("failed to read snapshot metadata {uri}: {cause}");
            Refusal::new(1001, ErrorCode::UnexpectedError, text)
        })?;
        let from = file.ancestors().nth(4).unwrap_or(&file).to_owned();
        let job_id = self.begin_restore(bundle, from, &request.db_name, &request.target_collection_name)?;
        Ok(wire::RestoreExternalSnapshotResponse { job_id, ..Default::default() })
    }

    pub(super) fn get_restore_snapshot_state(
        &mut self,
        request: &wire::GetRestoreSnapshotStateRequest,
    ) -> Answer<wire::GetRestoreSnapshotStateResponse> {
        let job = self.snapshot_job(request.job_id, "restore")?;
        let is_completed = job.state == State::RestoreSnapshotCompleted;
        let is_empty = job.bundle.segments.is_empty();
        let info = wire::RestoreSnapshotInfo {
            job_id: request.job_id,
            snapshot_name: job.bundle.name.clone(),
            db_name: job.database.clone(),
            collection_name: job.collection.clone(),
            state: job.state.into(),
            progress: if is_completed || is_empty { 100 } else { 0 },
            reason: job.reason.clone(),
            start_time: job.started,
            time_cost: u64::from(is_completed && !is_empty),
        };
        self.advance_snapshot_job(request.job_id);
        Ok(wire::GetRestoreSnapshotStateResponse { info: Some(info), ..Default::default() })
    }

    /// Creates the target collection of a restore, which stays empty until the job is completed, and the job.
    fn begin_restore(&mut self, bundle: Bundle, from: PathBuf, database: &str, name: &str) -> Answer<i64> {
        let version = self.version;
        let within = |refusal: Refusal| refusal.within("failed to restore collection", version);
        let held = self.database(database)?;
        if held.collections.contains_key(name) {
            let text = format!("create duplicate collection with different parameters, collection: {name}");
            return Err(within(Refusal::plain(text)));
        }
        held.check_no_alias(database, name).map_err(within)?;
        self.check_collection_limit(database).map_err(within)?;
        let (collection, partitions) = bundle.make_collection(self, database, name);
        self.database(database)?.collections.insert(name.to_owned(), collection);
        Ok(self.add_snapshot_job(bundle, database, name, Work::Restore { from, partitions }))
    }

    fn add_snapshot_job(&mut self, bundle: Bundle, database: &str, collection: &str, work: Work) -> i64 {
        let is_due = |fault: &Fault| matches!(fault, Fault::SnapshotJobFails(_) | Fault::SnapshotJobStuck);
        let job = SnapshotJob {
            bundle,
            database: if database.is_empty() { "default" } else { database }.to_owned(),
            collection: collection.to_owned(),
            started: self.next_timestamp() >> 18,
            state: State::RestoreSnapshotPending,
            reason: String::new(),
            work,
            fault: self.faults.take_first(is_due),
        };
        let id = self.next_id();
        self.snapshot_jobs.insert(id, job);
        id
    }

    fn snapshot_job(&self, id: i64, kind: &str) -> Answer<&SnapshotJob> {
        let is_of_kind = |job: &&SnapshotJob| matches!(job.work, Work::Export { .. }) == (kind == "export");
        self.snapshot_jobs.get(&id).filter(is_of_kind).ok_or_else(|| no_job(id, kind))
    }

    fn advance_snapshot_job(&mut self, id: i64) {
        let Some(mut job) = self.snapshot_jobs.remove(&id) else { return };
        match job.state {
            State::RestoreSnapshotPending => job.state = State::RestoreSnapshotExecuting,
            State::RestoreSnapshotExecuting if job.fault == Some(Fault::SnapshotJobStuck) => {}
            State::RestoreSnapshotExecuting => {
                let done = match &job.fault {
                    Some(Fault::SnapshotJobFails(reason)) => Err(reason.clone()),
                    _ => self.finish_snapshot_job(&mut job),
                };
                job.state = match done {
                    Ok(()) => State::RestoreSnapshotCompleted,
                    Err(reason) => {
                        job.reason = reason;
                        State::RestoreSnapshotFailed
                    }
                };
            }
            _ => {}
        }
        self.snapshot_jobs.insert(id, job);
    }

    /// Does the work of a job, or returns why it fails.
    fn finish_snapshot_job(&mut self, job: &mut SnapshotJob) -> Result<(), String> {
        match &mut job.work {
            Work::Export { target, copied, .. } => {
                let place = self.place_of(target)?;
                let metadata = metadata_key(job.bundle.collection, job.bundle.id);
                for path in job.bundle.directories().chain([metadata]) {
                    let (files, bytes) = copy_files(&path, &self.root, &place)
                        .map_err(|error| format!("cannot copy {path}: {error}"))?;
                    *copied = (copied.0 + files, copied.1 + bytes);
                }
                Ok(())
            }
            Work::Restore { from, partitions } => {
                if job.bundle.segments.is_empty() {
                    "no segments to copy".clone_into(&mut job.reason);
                }
                let restored =
                    self.add_bundled_segments(&job.bundle, from, partitions, &job.database, &job.collection);
                restored.map_err(|refusal| refusal.into_status("RestoreSnapshot", self.version).reason)
            }
        }
    }

    /// Adds the segments of a bundle to a collection. Files that are missing or damaged are not noticed.
    fn add_bundled_segments(
        &mut self,
        bundle: &Bundle,
        from: &Path,
        partitions: &BTreeMap<i64, i64>,
        database: &str,
        name: &str,
    ) -> Answer<()> {
        let version = self.version;
        let columns = user_columns(self.collection(database, name)?, version);
        let rules = Rules { version, has_groups: true, start: 0, end: u64::MAX };
        for segment in &bundle.segments {
            let place = |kind: &str| from.join(bundle.directory(kind, segment));
            let partition = partitions.get(&segment.partition).copied().unwrap_or(ALL_PARTITIONS);
            let deletes = read_deletes(&files_below(&place("delta_log"))).unwrap_or_default();
            let mut copy = Segment {
                is_sorted: segment.is_sorted,
                committed: segment.committed,
                storage_version: 2,
                deletes: deletes.clone(),
                ..Segment::new(self.next_id(), partition, segment.shard, SegmentState::Flushed)
            };
            if !segment.has_rows {
                copy = Segment::of_deletes(copy.id, partition, segment.shard, deletes.clone());
            } else if let Ok(files) = field_files(&place("insert_log"), version) {
                copy.rows = read_rows(&files, &[], &columns, &rules).unwrap_or_default();
            }
            // Of a server on a local disk, the copies are elsewhere.
            match self.objects {
                None => {}
                Some(_) if segment.has_rows => self.write_files(database, name, &mut copy)?,
                Some(_) => self.write_deletes(database, name, &mut copy, &deletes)?,
            }
            self.collection(database, name)?.segments.push(copy);
        }
        Ok(())
    }

    /// Returns the place of a URI below the directory of the object store.
    fn place_of(&self, uri: &str) -> Result<PathBuf, String> {
        let (endpoint, directory) = self.objects.as_ref().ok_or("the server has no object store")?;
        let path = match uri.strip_prefix("minio://") {
            Some(rest) => rest.strip_prefix(endpoint.as_str()).and_then(|rest| rest.strip_prefix('/')),
            None => uri.strip_prefix("s3://"),
        };
        let path = path.ok_or_else(|| format!("the server does not know the endpoint of {uri}"))?;
        let bucket = path.split('/').next().unwrap_or_default();
        if bucket.is_empty() || !directory.join(bucket).is_dir() || path.split('/').any(|part| part == "..") {
            return Err(format!("NoSuchBucket: the bucket of {uri} does not exist"));
        }
        Ok(directory.join(path))
    }

    /// Fails if the release neither exports snapshots nor restores exported ones.
    fn check_export(&self, call: &str) -> Answer<()> {
        if self.version < WITH_EXPORT {
            let text = format!("service unimplemented: {call} is not implemented");
            return Err(Refusal::new(10, ErrorCode::UnexpectedError, text));
        }
        Ok(())
    }
}

fn check_uri(name: &str, uri: &str, call: &str) -> Answer<()> {
    if uri.is_empty() {
        return Err(Refusal::plain(format!("{name} is required for {call}")));
    }
    Ok(())
}

fn check_spec(spec: &str) -> Answer<()> {
    let is_object = serde_json::from_str::<serde_json::Value>(spec).is_ok_and(|spec| spec.is_object());
    if spec.is_empty() || is_object { Ok(()) } else { Err(Refusal::plain("failed to parse external_spec")) }
}

fn no_job(id: i64, kind: &str) -> Refusal {
    let text = format!("{kind} job not found: jobID={id}: importing data failed on server side");
    Refusal::new(2101, ErrorCode::UnexpectedError, text)
}
