//! Flushing of collections, which writes all their rows to the store.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use model::ids::{SegmentId, Tso};
use model::manifest::ClusterFlush;
use model::name::CollectionRef;
use prost::Message;
use proto::common::ImmutableMessage;
use proto::milvus::{FlushAllRequest, FlushRequest, GetFlushAllStateRequest, GetFlushStateRequest};
use proto::msg::MsgPosition;
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

/// The result of a completed flush of the whole cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlushedCluster {
    /// What Milvus reported about it.
    pub flush: ClusterFlush,
    /// The earliest and the latest timestamp of a channel's flush: all rows written before the earliest are flushed.
    pub cut: Option<(Tso, Tso)>,
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
        let is_flushed =
            || async { Ok(self.rpc.call(call, state_request.clone(), rpc!(get_flush_state)).await?.flushed) };
        self.wait_for_flush(call, started, is_flushed).await?;
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

    /// Flushes all collections of all databases, and waits until the server reports them as flushed (2.6.11 and later).
    ///
    /// What [`Milvus::flush`] says about segments in state Flushing holds here too.
    pub async fn flush_cluster(&self) -> Result<FlushedCluster, MilvusError> {
        let started = Instant::now();
        let call = Call::new("flush", &"all collections", "");
        let reply = self.rpc.call(call, FlushAllRequest {}, rpc!(flush_all)).await?;
        let times: HashMap<String, u64> = reply
            .flush_all_msgs
            .iter()
            .filter_map(|(channel, message)| Some((channel.clone(), time_of(message)?)))
            .collect();
        let state_request =
            GetFlushAllStateRequest { flush_all_ts: reply.flush_all_ts, flush_all_tss: times.clone() };
        let is_flushed = || async {
            Ok(self.rpc.call(call, state_request.clone(), rpc!(get_flush_all_state)).await?.flushed)
        };
        self.wait_for_flush(call, started, is_flushed).await?;
        let times = || times.values().copied().map(Tso);
        let cluster = reply.cluster_info.unwrap_or_default();
        let messages = reply.flush_all_msgs.into_iter();
        Ok(FlushedCluster {
            cut: times().min().zip(times().max()),
            flush: ClusterFlush {
                messages: messages.map(|(channel, message)| (channel, message.encode_to_vec())).collect(),
                control_channel: cluster.cchannel,
                physical_channels: cluster.pchannels,
            },
        })
    }

    /// Asks for the state of a flush until it is complete; fails if that takes longer than the limit.
    async fn wait_for_flush<F>(
        &self,
        call: Call<'_>,
        started: Instant,
        is_flushed: impl Fn() -> F,
    ) -> Result<(), MilvusError>
    where
        F: Future<Output = Result<bool, MilvusError>>,
    {
        let mut delays = poll_delays();
        while !is_flushed().await? {
            let limit = self.rpc.limits.flush;
            if started.elapsed() > limit {
                return Err(call.error(MilvusErrorKind::Timeout, format!("not on the store after {limit:?}")));
            }
            sleep(delays.next().unwrap_or(MAX_POLL_DELAY)).await;
        }
        Ok(())
    }
}

/// Returns the time of an encoded `MsgPosition`, such as a checkpoint; `None` if it has none.
pub fn checkpoint_time(position: &[u8]) -> Option<Tso> {
    let time = MsgPosition::decode(position).ok()?.timestamp;
    (time > 0).then_some(Tso(time))
}

/// Returns the time of a flush message, which its properties contain in base 36.
fn time_of(message: &ImmutableMessage) -> Option<u64> {
    u64::from_str_radix(message.properties.get("_tt")?, 36).ok()
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
