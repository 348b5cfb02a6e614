//! The server-sent events of a job.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use reqwest::Response;
use sse_stream::{Sse, SseByteStream};
use wire::{Failure, FailureKind, Job};

use super::Client;

/// The longest time without any byte; a server sends comments every 10 s while nothing happens.
const MAX_SILENCE: Duration = Duration::from_secs(30);
/// The longest accepted line in bytes; the document of a job with thousands of collections has some MiB.
const MAX_LINE_BYTES: usize = 256 << 20;

type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, ReadError>> + Send>>;

/// The events of a job.
pub(super) struct Events {
    client: Client,
    events: SseByteStream<ByteStream>,
}

/// Carries a failure through the decoder.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.message)]
struct ReadError(Failure);

impl Events {
    /// Requests the events of a job.
    pub(super) async fn open(client: &Client, id: &str) -> Result<Self, Failure> {
        let response = client.events(id).await?;
        let bytes: ByteStream = Box::pin(read(client.clone(), response));
        Ok(Self { client: client.clone(), events: SseByteStream::new(bytes) })
    }

    /// Returns the job as of the next event; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> Result<Option<Job>, Failure> {
        loop {
            match self.events.next().await {
                None => return Ok(None),
                // The name and the id of the event add nothing to the document.
                Some(Ok(Sse { data: Some(data), .. })) => {
                    let job = serde_json::from_str(&data).map_err(|error| self.unreadable(&error))?;
                    return Ok(Some(job));
                }
                Some(Ok(_)) => {}
                Some(Err(sse_stream::Error::Body(error))) => {
                    return Err(match error.downcast::<ReadError>() {
                        Ok(error) => error.0,
                        Err(error) => self.unreadable(error.as_ref()),
                    });
                }
                Some(Err(error)) => return Err(self.unreadable(&error)),
            }
        }
    }

    fn unreadable(&self, error: &dyn std::error::Error) -> Failure {
        let client = &self.client;
        Failure::new(
            FailureKind::Failed,
            format!("cannot read the job that the server at {client} sent: {error}"),
        )
    }
}

/// The bytes of a response. A long silence and a line without an end are errors.
fn read(client: Client, response: Response) -> impl Stream<Item = Result<Bytes, ReadError>> {
    stream::unfold((client, response, 0), async |(client, mut response, mut line_bytes)| {
        let chunk = match tokio::time::timeout(MAX_SILENCE, response.chunk()).await {
            Err(_) => {
                let reason = format!("has sent nothing for {} s", MAX_SILENCE.as_secs());
                Err(read_error(&client, FailureKind::Timeout, &reason))
            }
            Ok(Err(error)) => Err(ReadError(client.unreachable(&error))),
            Ok(Ok(None)) => return None,
            Ok(Ok(Some(chunk))) => {
                line_bytes = if chunk.contains(&b'\n') { 0 } else { line_bytes + chunk.len() };
                if line_bytes <= MAX_LINE_BYTES {
                    Ok(chunk)
                } else {
                    let reason = format!("has sent a line of more than {MAX_LINE_BYTES} bytes");
                    Err(read_error(&client, FailureKind::Failed, &reason))
                }
            }
        };
        Some((chunk, (client, response, line_bytes)))
    })
}

fn read_error(client: &Client, kind: FailureKind, reason: &str) -> ReadError {
    ReadError(Failure::new(kind, format!("the server at {client} {reason}")))
}
