//! What every long call takes along: how it is cancelled and where its events go.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{Error, Event};

/// The context of one job.
#[derive(Clone)]
pub struct JobCtx {
    id: String,
    cancel: CancellationToken,
    sink: Arc<dyn Fn(Event) + Send + Sync>,
}

impl JobCtx {
    /// Makes a context whose events go to `sink`.
    pub fn new(cancel: CancellationToken, sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self::with_id(uuid::Uuid::new_v4().to_string(), cancel, sink)
    }

    /// Makes a context of a job that has its id already; of a backup it becomes the backup's id.
    pub fn with_id(
        id: impl Into<String>,
        cancel: CancellationToken,
        sink: impl Fn(Event) + Send + Sync + 'static,
    ) -> Self {
        Self { id: id.into(), cancel, sink: Arc::new(sink) }
    }

    /// Makes a context that nobody watches or cancels.
    pub fn detached() -> Self {
        Self::new(CancellationToken::new(), |_| {})
    }

    /// The job's id, a random UUID where none was given.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The token that cancels the job.
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Sends an event to whoever watches.
    pub fn emit(&self, event: Event) {
        (self.sink)(event);
    }

    /// Tells whoever watches what they should know.
    pub fn warn(&self, text: impl Into<String>) {
        let text = text.into();
        tracing::warn!("{text}");
        self.emit(Event::Warning(text));
    }

    /// Ends the job here if it was cancelled.
    pub fn check(&self) -> Result<(), Error> {
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Runs a future until it ends or the job is cancelled; the future must be safe to drop.
    pub async fn run<T, E: Into<Error>>(
        &self,
        future: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(Error::Cancelled),
            done = future => done.map_err(Into::into),
        }
    }
}

impl fmt::Debug for JobCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobCtx").field("id", &self.id).finish_non_exhaustive()
    }
}
