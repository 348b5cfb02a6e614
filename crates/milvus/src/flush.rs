//! Flushing of collections, which writes all their rows to the store.

use std::collections::BTreeMap;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use model::ids::{SegmentId, Tso};
use model::name::CollectionRef;
use prost::Message;
use proto::milvus::{FlushRequest, GetFlushStateRequest};
use tokio::time::{Instant, sleep};

use crate::call::{Call, rpc};
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};

/// The result of a completed flush.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// The segments that this flush sealed; empty if nothing was written since the previous flush.
    pub sealed: Vec<SegmentId>,
    /// The time at which the segments were sealed, in seconds since 1970.
    pub seal_time_s: Option<i64>,
    /// The timestamp up to which rows are flushed (2.3.1 and later).
    pub flush_ts: Option<Tso>,
    /// The encoded `MsgPosition` of each virtual channel, by channel name (2.3.15, 2.4.2 and later).
    pub checkpoints: BTreeMap<String, Vec<u8>>,
    /// The latest timestamp of the checkpoints; `None` if the server reports no checkpoints.
    pub backup_timestamp: Option<Tso>,
}

impl Milvus {
    /// Returns the time limit of a flush, [`CallLimits::flush`](crate::CallLimits::flush).
    pub fn flush_limit(&self) -> Duration {
        self.rpc.limits.flush
    }

    /// Flushes a collection and waits until the server reports it as flushed.
    ///
    /// The server counts a segment in state [`Flushing`](model::segment::SegmentState::Flushing) as flushed, so segments that
    /// are listed immediately afterwards may not be in the store yet. Before 2.3, a flush does not include deletes of
    /// rows that had been flushed earlier. Fails after [`CallLimits::flush`](crate::CallLimits::flush).
    pub async fn flush(&self, collection: &CollectionRef) -> Result<Flushed, MilvusError> {
        let CollectionRef { database, collection: name } = collection;
        let started = Instant::now();
        let call = Call::new("flush collection", collection, database);
        let request = FlushRequest { db_name: database.clone(), collection_names: vec![name.clone()] };
        let mut reply = self.rpc.call(call, request, rpc!(flush)).await?;

        let flush_ts = reply.coll_flush_ts.get(name).copied();
        let sealed = reply.coll_seg_i_ds.remove(name).map(|ids| ids.data).unwrap_or_default();
        let state_request = GetFlushStateRequest {
            segment_i_ds: sealed.clone(),
            flush_ts: flush_ts.unwrap_or_default(),
            db_name: database.clone(),
            collection_name: name.clone(),
        };
        let mut delays = poll_delays();
        while !self.rpc.call(call, state_request.clone(), rpc!(get_flush_state)).await?.flushed {
            let limit = self.rpc.limits.flush;
            if started.elapsed() > limit {
                return Err(call.error(MilvusErrorKind::Timeout, format!("not on the store after {limit:?}")));
            }
            sleep(delays.next().unwrap_or(MAX_POLL_DELAY)).await;
        }
        Ok(Flushed {
            sealed: sealed.into_iter().map(SegmentId).collect(),
            seal_time_s: reply.coll_seal_times.get(name).copied(),
            flush_ts: flush_ts.map(Tso),
            backup_timestamp: reply.channel_cps.values().map(|position| Tso(position.timestamp)).max(),
            checkpoints: reply
                .channel_cps
                .into_iter()
                .map(|(channel, position)| (channel, position.encode_to_vec()))
                .collect(),
        })
    }
}

const MAX_POLL_DELAY: Duration = Duration::from_secs(1);

/// Returns the growing delays between requests for the state of a flush, without end.
fn poll_delays() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(MAX_POLL_DELAY)
        .without_max_times()
        .build()
}
