//! JSON with the escapes of the Go tool, in memory or streamed.

use std::io::{self, Write};
use std::time::Duration;

use axum::body::{Body, Bytes};
use model::manifest::json::{self, JsonError};
use serde::Serialize;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};

/// The number of chunks of up to 64 KiB that wait for a client.
const CHUNKS: usize = 16;
/// The time after which a client that reads nothing is disconnected.
const STALL: Duration = Duration::from_mins(1);
/// Limits the documents that are written at once, because each needs a thread.
static WRITERS: Semaphore = Semaphore::const_new(16);

/// Serializes a small document in memory.
pub(super) fn bytes(document: &impl Serialize) -> Result<Bytes, JsonError> {
    let mut bytes = Vec::new();
    json::write_document(document, &mut bytes)?;
    Ok(bytes.into())
}

/// The writing end of a body.
#[derive(Clone)]
pub(super) struct Sink {
    chunks: mpsc::Sender<io::Result<Bytes>>,
}

/// Creates a body and its writing end; the body ends when that is dropped.
pub(super) fn body() -> (Sink, Body) {
    let (chunks, received) = mpsc::channel(CHUNKS);
    let stream = tokio_stream::wrappers::ReceiverStream::new(received);
    (Sink { chunks }, Body::from_stream(stream))
}

impl Sink {
    /// Writes a document of any size on a thread of its own.
    pub(super) async fn document(&self, document: impl Serialize + Send + 'static) -> io::Result<()> {
        let permit = WRITERS.acquire().await.map_err(io::Error::other)?;
        let to = Blocking { chunks: self.chunks.clone(), runtime: Handle::current() };
        let written = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            json::write_document(&document, to)
        });
        written.await.map_err(io::Error::other)?.map_err(io::Error::other)
    }

    /// Writes a short text.
    pub(super) async fn text(&self, text: impl Into<Bytes>) -> io::Result<()> {
        send(&self.chunks, text.into()).await
    }

    /// Aborts the body, so that the client does not take it for complete.
    pub(super) async fn fail(&self, error: io::Error) {
        // The client may be gone.
        let _ = self.chunks.send(Err(error)).await;
    }
}

async fn send(to: &mpsc::Sender<io::Result<Bytes>>, chunk: Bytes) -> io::Result<()> {
    match tokio::time::timeout(STALL, to.send(Ok(chunk))).await {
        Ok(sent) => sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe)),
        Err(_) => Err(io::Error::from(io::ErrorKind::TimedOut)),
    }
}

/// A writer for a thread that may block.
struct Blocking {
    chunks: mpsc::Sender<io::Result<Bytes>>,
    runtime: Handle,
}

impl Write for Blocking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.runtime.block_on(send(&self.chunks, Bytes::copy_from_slice(bytes)))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn documents_larger_than_the_buffer_arrive_whole() {
        let (sink, body) = body();
        let document: Vec<u32> = (0..1_000_000).collect();
        let wanted = serde_json::to_string(&document).unwrap();
        let writing = tokio::spawn(async move {
            sink.text("[").await.unwrap();
            sink.document(document).await.unwrap();
            sink.text("]").await.unwrap();
        });
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        writing.await.unwrap();
        assert!(bytes == format!("[{wanted}]"));
    }

    #[tokio::test]
    async fn an_aborted_body_is_an_error() {
        let (sink, body) = body();
        sink.text("[").await.unwrap();
        sink.fail(io::Error::other("gone")).await;
        drop(sink);
        assert!(axum::body::to_bytes(body, usize::MAX).await.is_err());
    }

    #[test]
    fn texts_are_escaped_as_in_go() {
        assert_eq!(bytes(&"<a&b>").unwrap(), r#""\u003ca\u0026b\u003e""#);
    }
}
