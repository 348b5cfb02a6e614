//! Runs decoders on threads that may block.

use crate::error::Reason;

/// Runs a decoder on a thread of its own.
///
/// Decoding is long work, and the decoders of the `parquet` crate read from the store synchronously. A panic of one
/// of them, which hostile input might cause, becomes an error.
pub(crate) async fn run_blocking<T: Send + 'static>(
    decode: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Reason> {
    tokio::task::spawn_blocking(decode).await.map_err(|error| match error.try_into_panic() {
        Ok(payload) => {
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            Reason::Panicked(text.unwrap_or_default())
        }
        Err(error) => Reason::Panicked(error.to_string()),
    })
}
