//! Calls that stream end at the deadline of their caller; the door sees to those that answer once.

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::status::status;
use crate::grpc_timeout;
use wire::{Failure, Kind};

/// What is sent until the deadline of a call passes, which is told then.
pub(super) fn until_deadline<T: Send + 'static>(
    metadata: &MetadataMap,
    messages: impl Stream<Item = Result<T, Status>> + Send + 'static,
) -> BoxStream<'static, Result<T, Status>> {
    let asked = metadata.get("grpc-timeout").and_then(|time| grpc_timeout(time.to_str().ok()?));
    // A deadline so far away that no clock holds it is none.
    let Some(until) = asked.and_then(|time| Instant::now().checked_add(time)) else {
        return messages.boxed();
    };
    let steps = stream::unfold(Some(messages.boxed()), move |left| async move {
        let mut messages = left?;
        match timeout_at(until, messages.next()).await {
            Ok(message) => Some((message?, Some(messages))),
            Err(_) => Some((Err(late()), None)),
        }
    });
    steps.boxed()
}

fn late() -> Status {
    status(Failure::new(Kind::Timeout, "the deadline of the call has passed"))
}
