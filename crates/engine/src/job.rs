//! The context of a job: its id, its cancellation, and the receiver of its events.

use std::fmt;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{Error, Event};

/// The context of one job, which every long call of the engine takes; clones share cancellation and receiver.
#[derive(Clone)]
pub struct JobCtx {
    id: String,
    cancel: CancellationToken,
    sink: Arc<dyn Fn(Event) + Send + Sync>,
}

impl JobCtx {
    /// Creates a context with a random id, whose events are passed to `sink`.
    pub fn new(cancel: CancellationToken, sink: impl Fn(Event) + Send + Sync + 'static) -> Self {
        Self::with_id(uuid::Uuid::new_v4().to_string(), cancel, sink)
    }

    /// Creates a context with the given id, which becomes the id of the backup that the job creates.
    pub fn with_id(
        id: impl Into<String>,
        cancel: CancellationToken,
        sink: impl Fn(Event) + Send + Sync + 'static,
    ) -> Self {
        Self { id: id.into(), cancel, sink: Arc::new(sink) }
    }

    /// Creates a context that ignores all events and is never cancelled.
    pub fn detached() -> Self {
        Self::new(CancellationToken::new(), |_| {})
    }

    /// Returns the id of the job, a random UUID unless one was given.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the token that cancels the job.
    pub fn cancel(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Passes an event to the receiver of this context.
    pub(crate) fn emit(&self, event: Event) {
        (self.sink)(event);
    }

    /// Logs a warning and emits it as an event.
    pub(crate) fn warn(&self, text: impl Into<String>) {
        let text = text.into();
        tracing::warn!("{text}");
        self.emit(Event::Warning(text));
    }

    /// Returns [`Error::Cancelled`] if the job was cancelled.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.cancel.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Awaits a future until it ends or the job is cancelled; a cancellation drops the future at any await point.
    pub(crate) async fn run<T, E: Into<Error>>(
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
