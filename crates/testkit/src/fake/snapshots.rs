//! Snapshots of 3.0 and later: their names, their pins, and the calls about them.

use std::time::{Duration, Instant};

use proto::common::{ErrorCode, SegmentState, Status};
use proto::milvus as wire;

use super::reply::Refusal;
use super::segment::Segment;
use super::snapshot_bundle::{Bundle, metadata_key};
use super::state::FakeState;
use super::words::Kind;

type Answer<R> = Result<R, Refusal>;

const LONGEST_NAME: usize = 255;

/// A snapshot of a collection.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) collection: i64,
    description: String,
    created: u64,
    partitions: Vec<String>,
    /// The segments whose files the snapshot keeps.
    pub(super) segments: Vec<i64>,
    /// The ids of the pins, each with its end.
    pins: Vec<(i64, Option<Instant>)>,
}

impl FakeState {
    /// Takes a snapshot of what is flushed.
    pub(super) fn create_snapshot(&mut self, request: &wire::CreateSnapshotRequest) -> Answer<Status> {
        let wire::CreateSnapshotRequest { name, db_name, collection_name, .. } = request;
        check_snapshot_name(name)?;
        check_seconds("compaction_protection_seconds", request.compaction_protection_seconds)?;
        self.database(db_name)?;
        if collection_name.is_empty() {
            return Err(Refusal::new(
                100,
                ErrorCode::CollectionNotExists,
                "collection not found[collection=0]",
            ));
        }
        let collection = self.collection(db_name, collection_name)?.id;
        if self.snapshots.iter().any(|held| held.collection == collection && held.name == *name) {
            return Err(Refusal::plain(format!(
                "snapshot name {name} already exists in collection {collection}"
            )));
        }
        let (id, created) = (self.next_id(), self.next_timestamp());
        let held = self.advance_segments(db_name, collection_name)?;
        let flushed = |segment: &&Segment| segment.state == SegmentState::Flushed;
        let segments: Vec<&Segment> = held.segments.iter().filter(flushed).collect();
        let snapshot = Snapshot {
            id,
            name: name.clone(),
            collection,
            description: request.description.clone(),
            created,
            partitions: held.partitions.iter().map(|partition| partition.name.clone()).collect(),
            segments: segments.iter().map(|segment| segment.id).collect(),
            pins: Vec::new(),
        };
        let bundle = Bundle::new(id, name, held, &segments);
        bundle.write(&self.root)?;
        self.snapshots.push(snapshot);
        Ok(Status::default())
    }

    pub(super) fn drop_snapshot(&mut self, request: &wire::DropSnapshotRequest) -> Answer<Status> {
        let wire::DropSnapshotRequest { name, db_name, collection_name } = request;
        check_snapshot_name(name)?;
        check_given(collection_name, "drop snapshot")?;
        let collection = self.collection(db_name, collection_name)?.id;
        // A snapshot that does not exist counts as dropped.
        let Ok(snapshot) = self.snapshot(db_name, collection_name, name) else {
            return Ok(Status::default());
        };
        let is_active = |(_, end): &(i64, Option<Instant>)| end.is_none_or(|end| end > Instant::now());
        let (id, is_pinned) = (snapshot.id, snapshot.pins.iter().any(is_active));
        if is_pinned || self.snapshot_jobs.values().any(|job| job.holds(id)) {
            let text =
                format!("active pins exist, unpin before dropping: snapshot is pinned[snapshot={name}]");
            return Err(Refusal::new(2601, ErrorCode::UnexpectedError, text));
        }
        self.snapshots.retain(|held| held.id != id);
        // The file may be gone already.
        let _ = std::fs::remove_file(self.root.join(metadata_key(collection, id)));
        Ok(Status::default())
    }

    pub(super) fn list_snapshots(
        &mut self,
        request: &wire::ListSnapshotsRequest,
    ) -> Answer<wire::ListSnapshotsResponse> {
        self.database(&request.db_name)?;
        check_given(&request.collection_name, "ListSnapshots")?;
        let collection = self.collection(&request.db_name, &request.collection_name)?.id;
        let own = self.snapshots.iter().filter(|snapshot| snapshot.collection == collection);
        let snapshots = own.map(|snapshot| snapshot.name.clone()).collect();
        Ok(wire::ListSnapshotsResponse { snapshots, ..Default::default() })
    }

    pub(super) fn describe_snapshot(
        &mut self,
        request: &wire::DescribeSnapshotRequest,
    ) -> Answer<wire::DescribeSnapshotResponse> {
        check_snapshot_name(&request.name)?;
        check_given(&request.collection_name, "describe snapshot")?;
        let root = self.root.clone();
        let place = self.objects.as_ref().and_then(|(_, directory)| root.strip_prefix(directory).ok());
        // A key does not name its bucket.
        let root = place.map_or(root.clone(), |place| place.components().skip(1).collect());
        let snapshot = self.snapshot(&request.db_name, &request.collection_name, &request.name)?;
        Ok(wire::DescribeSnapshotResponse {
            status: None,
            name: snapshot.name.clone(),
            description: snapshot.description.clone(),
            collection_name: request.collection_name.clone(),
            partition_names: snapshot.partitions.clone(),
            create_ts: i64::try_from(snapshot.created).unwrap_or_default(),
            s3_location: root.join(metadata_key(snapshot.collection, snapshot.id)).display().to_string(),
        })
    }

    pub(super) fn pin_snapshot_data(
        &mut self,
        request: &wire::PinSnapshotDataRequest,
    ) -> Answer<wire::PinSnapshotDataResponse> {
        check_snapshot_name(&request.name)?;
        check_seconds("ttl_seconds", request.ttl_seconds)?;
        check_given(&request.collection_name, "pin snapshot data")?;
        let pin_id = self.next_id();
        let seconds = u64::try_from(request.ttl_seconds).unwrap_or_default();
        let end = (seconds > 0).then(|| Instant::now().checked_add(Duration::from_secs(seconds))).flatten();
        self.snapshot(&request.db_name, &request.collection_name, &request.name)?.pins.push((pin_id, end));
        Ok(wire::PinSnapshotDataResponse { pin_id, ..Default::default() })
    }

    /// Removes a pin; one that does not exist counts as removed.
    pub(super) fn unpin_snapshot_data(&mut self, request: &wire::UnpinSnapshotDataRequest) -> Answer<Status> {
        if request.pin_id == 0 {
            return Err(Refusal::stated(Kind::Missing, "pin_id is required for unpin snapshot data"));
        }
        for snapshot in &mut self.snapshots {
            snapshot.pins.retain(|(pin, _)| *pin != request.pin_id);
        }
        Ok(Status::default())
    }

    /// Returns a snapshot of a collection.
    pub(super) fn snapshot(&mut self, database: &str, collection: &str, name: &str) -> Answer<&mut Snapshot> {
        let collection = self.collection(database, collection)?.id;
        let is_it = |snapshot: &&mut Snapshot| snapshot.collection == collection && snapshot.name == name;
        self.snapshots.iter_mut().find(is_it).ok_or_else(|| {
            let text = format!("collection {collection}: snapshot not found[snapshot={name}]");
            Refusal::new(2600, ErrorCode::UnexpectedError, text)
        })
    }

    /// Removes the snapshots of collections that are gone, pinned or not.
    pub(super) fn forget_snapshots(&mut self) {
        let held = self.databases.values().flat_map(|held| held.collections.values());
        let ids: Vec<i64> = held.map(|collection| collection.id).collect();
        self.snapshots.retain(|snapshot| ids.contains(&snapshot.collection));
    }

    /// Returns the number of pins that no call removed.
    pub(super) fn snapshot_pins(&self) -> usize {
        self.snapshots.iter().map(|snapshot| snapshot.pins.len()).sum()
    }
}

/// Fails if the name of a snapshot breaks the rules.
pub(super) fn check_snapshot_name(name: &str) -> Answer<()> {
    check_named("snapshot name", name)
}

/// Fails if a name breaks the rules for the names of snapshots, which restores apply to their targets too.
pub(super) fn check_named(what: &str, name: &str) -> Answer<()> {
    let refuse = |text: String| Err(Refusal::invalid(text));
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    match name.chars().next() {
        None => refuse(format!(
            "{what} should be not empty: invalid parameter[expected=not empty][actual={name}]"
        )),
        Some(_) if name.len() > LONGEST_NAME => refuse(format!(
            "the length of {what} must be not greater than limit: invalid parameter[{} out of range 0 <= value <= {LONGEST_NAME}]",
            name.len()
        )),
        Some(first) if !first.is_ascii_alphabetic() && first != '_' => refuse(format!(
            "the first character of {what} must be an underscore or letter: invalid parameter[expected=95][actual={}]",
            u32::from(first)
        )),
        Some(_) => match name.char_indices().find(|(_, c)| !allowed(*c)) {
            None => Ok(()),
            Some((at, c)) => refuse(format!(
                "{what} can only contain numbers, letters, underscores, and allowed characters ($), found {} at {at}: invalid parameter",
                c.to_string().trim()
            )),
        },
    }
}

/// Fails if a call names no collection.
pub(super) fn check_given(collection: &str, call: &str) -> Answer<()> {
    if collection.is_empty() {
        return Err(Refusal::stated(Kind::Missing, format!("collection_name is required for {call}")));
    }
    Ok(())
}

fn check_seconds(name: &str, seconds: i64) -> Answer<()> {
    if seconds < 0 {
        return Err(Refusal::stated(Kind::Invalid, format!("{name} must be non-negative")));
    }
    Ok(())
}
