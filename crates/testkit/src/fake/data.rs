//! Calls about flushes, segments and statistics.

use std::time::{Duration, Instant};

use proto::common::{ErrorCode, KeyValuePair, SegmentLevel, SegmentState, WalName};
use proto::milvus as wire;
use proto::msg::MsgPosition;
use proto::schema::LongArray;

use super::external::refuse_external;
use super::fault::Fault;
use super::reply::{Refusal, Version};
use super::state::{Collection, FakeState};

type Answer<R> = Result<R, Refusal>;

/// The time between two flushes of a collection that the limit of their rate allows.
const FLUSH_INTERVAL: Duration = Duration::from_secs(10);
const RATE_LIMITED: &str =
    "request is rejected by grpc RateLimiter middleware, please retry later: rate limit exceeded[rate=0.1]";

impl FakeState {
    pub(super) fn flush(&mut self, request: &wire::FlushRequest) -> Answer<wire::FlushResponse> {
        let mut reply = wire::FlushResponse::default();
        let is_limited = self.flush_limit && self.version >= (2, 4, 0);
        for name in &request.collection_names {
            let held = self.collection(&request.db_name, name)?;
            refuse_external(&held.schema, "flush")?;
            let flushed_at = held.history.flushed_at;
            if is_limited && flushed_at.is_some_and(|at| at.elapsed() < FLUSH_INTERVAL) {
                return Err(Refusal::new(8, ErrorCode::RateLimit, RATE_LIMITED));
            }
        }
        for name in &request.collection_names {
            let sealed = self.seal_segments(&request.db_name, name)?;
            let timestamp = self.next_timestamp();
            let version = self.version;
            let held = self.collection(&request.db_name, name)?;
            held.history.flushed_at = Some(Instant::now());
            let checkpoint = std::mem::replace(&mut held.history.checkpoint, timestamp);
            let seconds = i64::try_from((timestamp >> 18) / 1000).unwrap_or_default();
            reply.coll_seg_i_ds.insert(name.clone(), LongArray { data: sealed });
            reply.coll_seal_times.insert(name.clone(), seconds);
            if version >= (2, 3, 1) {
                reply.coll_flush_ts.insert(name.clone(), timestamp);
            }
            // A call that flushes several collections tells the positions of one of them only.
            if tells_positions(version) && reply.channel_cps.is_empty() {
                let timestamp = checkpoint.max(held.created);
                // A position after a flush names the group that read the channel, which 2.6 has no more.
                let has_group = checkpoint > 0 && version < (2, 6, 0);
                let msg_group = if has_group { "by-dev-dataNode-1-channel" } else { "" };
                let log = if version < (2, 6, 0) { WalName::Unknown } else { WalName::RocksMq };
                reply.channel_cps.extend((0..held.shards()).map(|shard| {
                    let channel_name = held.channel(shard);
                    let position = MsgPosition {
                        channel_name: channel_name.clone(),
                        msg_id: vec![1; 8],
                        wal_name: log.into(),
                        msg_group: msg_group.to_owned(),
                        timestamp,
                    };
                    (channel_name, position)
                }));
            }
        }
        Ok(reply)
    }

    pub(super) fn get_flush_state(
        &mut self,
        request: &wire::GetFlushStateRequest,
    ) -> Answer<wire::GetFlushStateResponse> {
        let ids = &request.segment_i_ds;
        let knows_time = self.version >= (2, 3, 1);
        let mut flushed = !(knows_time && request.flush_ts > self.last_timestamp());
        if request.collection_name.is_empty() || self.version < (2, 3, 0) {
            for (database, name) in self.all_collections() {
                flushed &= self.is_flushed(&database, &name, ids)?;
            }
        } else {
            flushed &= self.is_flushed(&request.db_name, &request.collection_name, ids)?;
        }
        Ok(wire::GetFlushStateResponse { flushed, ..Default::default() })
    }

    pub(super) fn get_persistent_segment_info(
        &mut self,
        request: &wire::GetPersistentSegmentInfoRequest,
    ) -> Answer<wire::GetPersistentSegmentInfoResponse> {
        let asked = &request.collection_name;
        let hides_segment =
            |fault: &Fault| matches!(fault, Fault::SegmentUnlisted { collection, .. } if collection == asked);
        let hides_segment = self.faults.take_first(hides_segment).is_some();
        let version = self.version;
        let held = self.advance_segments(&request.db_name, &request.collection_name)?;
        let collection_id = held.id;
        let name = held.name().to_owned();
        let infos = held.list_segments().map(|segment| wire::PersistentSegmentInfo {
            segment_id: segment.id,
            collection_id,
            partition_id: segment.partition,
            num_rows: i64::try_from(segment.listed_rows(version >= (2, 4, 0))).unwrap_or_default(),
            state: segment.state.into(),
            level: if version < (2, 4, 7) { SegmentLevel::Legacy } else { segment.level }.into(),
            is_sorted: segment.is_sorted,
            storage_version: segment.storage_version,
        });
        let mut infos: Vec<_> = infos.collect();
        if hides_segment {
            let at = self.lists_with_gap % infos.len().max(1);
            self.lists_with_gap += 1;
            infos.drain(at..infos.len().min(at + 1));
        }
        if let Some(rows) = self.faults.other_import(&name) {
            infos.push(wire::PersistentSegmentInfo {
                segment_id: i64::MAX,
                collection_id,
                num_rows: i64::try_from(rows).unwrap_or_default(),
                state: SegmentState::Importing.into(),
                ..Default::default()
            });
        }
        if self.faults.take_equal(&Fault::Compacted { collection: name.clone() }) {
            self.compact_segments(&request.db_name, &name)?;
            self.collect_garbage(&request.db_name, &name)?;
        }
        if self.faults.take_equal(&Fault::CompactedKeepingFiles { collection: name.clone() }) {
            self.compact_segments(&request.db_name, &name)?;
        }
        Ok(wire::GetPersistentSegmentInfoResponse { infos, ..Default::default() })
    }

    /// Removes the files of the dropped segments, and forgets the segments.
    fn collect_garbage(&mut self, database: &str, name: &str) -> Answer<()> {
        let held = self.collection(database, name)?;
        let (collection, dropped) = (held.id, std::mem::take(&mut held.history.dropped));
        let kept: Vec<i64> = self.snapshots.iter().flat_map(|held| held.segments.clone()).collect();
        for segment in dropped.into_iter().filter(|segment| !kept.contains(&segment.id)) {
            for kind in ["insert_log", "delta_log"] {
                // A segment has only one of them, or both.
                let _ = std::fs::remove_dir_all(self.segment_dir(kind, collection, &segment));
            }
        }
        Ok(())
    }

    pub(super) fn get_collection_statistics(
        &mut self,
        request: &wire::GetCollectionStatisticsRequest,
    ) -> Answer<wire::GetCollectionStatisticsResponse> {
        let asked = &request.collection_name;
        let counts =
            |fault: &Fault| matches!(fault, Fault::CountsMore { collection, .. } if collection == asked);
        let more = match self.faults.take_first(counts) {
            Some(Fault::CountsMore { rows, .. }) => rows,
            _ => self.faults.other_import(asked).unwrap_or_default(),
        };
        let rows = self.collection(&request.db_name, &request.collection_name)?.counted_rows() + more;
        let stats = vec![KeyValuePair { key: "row_count".to_owned(), value: rows.to_string() }];
        Ok(wire::GetCollectionStatisticsResponse { stats, ..Default::default() })
    }
}

impl Collection {
    /// Returns the virtual channel of a shard.
    pub(super) fn channel(&self, shard: usize) -> String {
        format!("by-dev-rootcoord-dml_{shard}_{}v{shard}", self.id)
    }
}

/// Returns whether the reply to a flush tells the positions of channels.
fn tells_positions(version: Version) -> bool {
    match version {
        (2, 3, patch) => patch >= 15,
        (2, 4, patch) => patch >= 2,
        other => other >= (2, 5, 0),
    }
}
