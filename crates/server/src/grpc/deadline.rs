//! Deadlines of gRPC calls. The guard enforces those of calls with one response.

use std::time::Duration;

use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use http::HeaderMap;
use tokio::time::{Instant, timeout_at};
use tonic::Status;
use tonic::metadata::MetadataMap;

use super::status::status;
use wire::{Failure, FailureKind};

/// Ends a stream of messages at the deadline of its call, with that error.
pub(super) fn until_deadline<T: Send + 'static>(
    metadata: &MetadataMap,
    messages: impl Stream<Item = Result<T, Status>> + Send + 'static,
) -> BoxStream<'static, Result<T, Status>> {
    let timeout = grpc_timeout(metadata.as_ref());
    // A deadline that the clock cannot represent is no deadline.
    let Some(until) = timeout.and_then(|time| Instant::now().checked_add(time)) else {
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
    status(Failure::new(FailureKind::Timeout, "the deadline of the call has passed"))
}

/// Returns the time that the header `grpc-timeout` allows for a call: up to eight digits and a unit.
pub(crate) fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let number: u64 = number.parse().ok().filter(|_| number.len() <= 8)?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_of_calls_are_parsed() {
        let parsed = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            grpc_timeout(&headers)
        };
        assert_eq!(parsed("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parsed("100m"), Some(Duration::from_millis(100)));
        for wrong in ["", "S", "5", "5x", "123456789S", "-1S", "5é"] {
            assert_eq!(parsed(wrong), None, "{wrong}");
        }
    }
}
