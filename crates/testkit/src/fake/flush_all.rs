//! The flush of all collections.

use std::collections::HashMap;

use proto::common::{ErrorCode, ImmutableMessage, MessageId, SegmentState, WalName};
use proto::milvus as wire;

use super::reply::{Refusal, Version};
use super::state::FakeState;

type Answer<R> = Result<R, Refusal>;

/// The release whose answer contains a message for each physical channel.
const WITH_MESSAGES: Version = (2, 6, 11);
const CHANNELS: usize = 16;

fn channels() -> impl Iterator<Item = String> {
    (0..CHANNELS).map(|channel| format!("by-dev-rootcoord-dml_{channel}"))
}

impl FakeState {
    pub(super) fn flush_all(&mut self, _: &wire::FlushAllRequest) -> Answer<wire::FlushAllResponse> {
        for (database, name) in self.all_collections() {
            self.seal_segments(&database, &name)?;
        }
        let mut reply = wire::FlushAllResponse { flush_all_ts: self.next_timestamp(), ..Default::default() };
        if self.version >= WITH_MESSAGES {
            let message = |(number, channel): (u64, String)| {
                let virtual_channel = if number == 0 { format!("{channel}_vcchan") } else { channel.clone() };
                let time = in_base_36(reply.flush_all_ts + number);
                let properties = [
                    ("_t", "37".to_owned()),
                    ("_v", "2".to_owned()),
                    ("_h", String::new()),
                    ("_lc", time.clone()),
                    ("_tt", time.clone()),
                    ("_vc", virtual_channel),
                    ("_bh", "CAE=".to_owned()),
                ];
                let properties = properties.map(|(key, value)| (key.to_owned(), value));
                let id = MessageId { id: time, wal_name: WalName::RocksMq.into() };
                let message = ImmutableMessage {
                    id: Some(id),
                    properties: HashMap::from(properties),
                    ..Default::default()
                };
                (channel, message)
            };
            reply.flush_all_msgs = (0..).zip(channels()).map(message).collect();
            reply.cluster_info = Some(wire::ClusterInfo {
                cluster_id: "by-dev".to_owned(),
                cchannel: channels().next().unwrap_or_default(),
                pchannels: channels().collect(),
            });
            // The last message is later than the time of the call.
            for _ in 0..CHANNELS {
                self.next_timestamp();
            }
        }
        Ok(reply)
    }

    pub(super) fn get_flush_all_state(
        &mut self,
        request: &wire::GetFlushAllStateRequest,
    ) -> Answer<wire::GetFlushAllStateResponse> {
        let wire::GetFlushAllStateRequest { flush_all_ts: time, flush_all_tss: times } = request;
        let by_channel = self.version >= (2, 6, 0);
        if by_channel && *time == 0 && times.is_empty() {
            let text = "FlushAllTss or FlushAllTs is required: missing parameter";
            return Err(Refusal::new(1101, ErrorCode::IllegalArgument, text));
        }
        let missing = channels().find(|channel| !times.contains_key(channel));
        if let (true, false, Some(channel)) = (by_channel, times.is_empty(), missing) {
            let text = format!("FlushAllTs not found for pchannel {channel}: invalid parameter");
            return Err(Refusal::new(1100, ErrorCode::IllegalArgument, text));
        }
        let mut flushed = *time <= self.last_timestamp();
        for (database, name) in self.all_collections() {
            let segments = &self.collection(&database, &name)?.segments;
            let sealed = segments.iter().filter(|segment| segment.state != SegmentState::Growing);
            let sealed: Vec<i64> = sealed.map(|segment| segment.id).collect();
            flushed &= self.is_flushed(&database, &name, &sealed)? || *time == 0;
        }
        // 2.2 does not reach the time within any wait that was tried.
        if self.version < (2, 3, 0) && *time > 0 {
            flushed = false;
        }
        Ok(wire::GetFlushAllStateResponse { flushed, ..Default::default() })
    }
}

fn in_base_36(mut number: u64) -> String {
    let mut digits = Vec::new();
    while number > 0 {
        digits.extend(char::from_digit(u32::try_from(number % 36).unwrap_or_default(), 36));
        number /= 36;
    }
    digits.iter().rev().collect()
}
