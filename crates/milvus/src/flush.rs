//! Flush: everything written so far goes to the store.

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
use crate::error::{ErrorKind, MilvusError};

/// The reply of a finished flush.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// The segments that this flush sealed; empty where nothing was written since the flush before.
    pub sealed: Vec<SegmentId>,
    /// When the segments were sealed, seconds since 1970.
    pub seal_time_s: Option<i64>,
    /// What was waited for (2.3.1 and later).
    pub flush_ts: Option<Tso>,
    /// Each virtual channel's encoded `MsgPosition` (2.3.15, 2.4.2 and later).
    pub checkpoints: BTreeMap<String, Vec<u8>>,
    /// The largest of the checkpoints: everything before it is on the store.
    pub backup_timestamp: Option<Tso>,
}

impl Milvus {
    /// How long a flush is waited for: [`Limits::flush`](crate::Limits::flush).
    pub fn flush_limit(&self) -> Duration {
        self.rpc.limits.flush
    }

    /// Flushes a collection and waits until the server says that it is flushed.
    ///
    /// The server counts a segment in state [`Flushing`](crate::SegmentState::Flushing) as flushed, so a list of
    /// segments taken at once may hold some that are not on the store yet. Before 2.3, deletes of rows that had been
    /// flushed earlier are not part of a flush. A wait longer than [`Limits::flush`](crate::Limits::flush) is an error.
    pub async fn flush(&self, collection: &CollectionRef) -> Result<Flushed, MilvusError> {
        let CollectionRef { database, collection: name } = collection;
        let begun = Instant::now();
        let call = Call::new("flush collection", collection, database);
        let request = FlushRequest { db_name: database.clone(), collection_names: vec![name.clone()] };
        let mut reply = self.rpc.call(call, request, rpc!(flush)).await?;

        let flush_ts = reply.coll_flush_ts.get(name).copied();
        let sealed = reply.coll_seg_i_ds.remove(name).map(|ids| ids.data).unwrap_or_default();
        let question = GetFlushStateRequest {
            segment_i_ds: sealed.clone(),
            flush_ts: flush_ts.unwrap_or_default(),
            db_name: database.clone(),
            collection_name: name.clone(),
        };
        let mut pauses = pauses();
        while !self.rpc.call(call, question.clone(), rpc!(get_flush_state)).await?.flushed {
            let limit = self.rpc.limits.flush;
            if begun.elapsed() > limit {
                return Err(call.fails(ErrorKind::Timeout, format!("not on the store after {limit:?}")));
            }
            sleep(pauses.next().unwrap_or(LONGEST_PAUSE)).await;
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

const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The growing pauses between looks at a flush.
fn pauses() -> impl Iterator<Item = Duration> {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(LONGEST_PAUSE)
        .without_max_times()
        .build()
}
