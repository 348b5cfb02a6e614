//! Runs decoders on threads that may block.

use tokio::sync::Semaphore;

use crate::error::Reason;

/// Limits the decoders that work at the same time.
///
/// They wait for the store on Tokio's threads for blocking work (512 by default), which a store on a disk needs too:
/// if decoders had all of them, none could continue.
static DECODERS: Semaphore = Semaphore::const_new(64);

/// Runs a decoder on a thread of its own.
///
/// Decoding is long work, and the decoders of the `parquet` crate read from the store synchronously. A panic of one
/// of them, which hostile input might cause, becomes an error.
pub(crate) async fn run_blocking<T: Send + 'static>(
    decode: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Reason> {
    let permit = DECODERS.acquire().await.map_err(|error| Reason::Panicked(error.to_string()))?;
    let decode = move || {
        let result = decode();
        // Only now, because the thread continues to work if nobody waits for it.
        drop(permit);
        result
    };
    tokio::task::spawn_blocking(decode).await.map_err(|error| match error.try_into_panic() {
        Ok(payload) => {
            let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
            Reason::Panicked(text.unwrap_or_default())
        }
        Err(error) => Reason::Panicked(error.to_string()),
    })
}
