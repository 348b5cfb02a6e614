//! Jobs that are watched: their events are kept, and things can be made to happen at one of them.

use std::sync::{Arc, Mutex};

use engine::{Event, JobCtx};
use tokio_util::sync::CancellationToken;

/// A job's context and what it told.
pub(crate) struct Watched {
    pub(crate) ctx: JobCtx,
    events: Arc<Mutex<Vec<Event>>>,
}

impl Watched {
    /// Calls `act` at every event, before the job goes on; the token cancels the job.
    pub(crate) fn new(act: impl Fn(&Event, &CancellationToken) + Send + Sync + 'static) -> Self {
        let cancel = CancellationToken::new();
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = {
            let (cancel, events) = (cancel.clone(), Arc::clone(&events));
            move |event: Event| {
                act(&event, &cancel);
                events.lock().unwrap().push(event);
            }
        };
        Self { ctx: JobCtx::new(cancel, sink), events }
    }

    /// Cancels the job at its first event of a kind.
    pub(crate) fn cancelled_at(at: impl Fn(&Event) -> bool + Send + Sync + 'static) -> Self {
        Self::new(move |event, cancel| {
            if at(event) {
                cancel.cancel();
            }
        })
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// Everything it told in words.
    pub(crate) fn words(&self) -> String {
        let words = self.events().into_iter().filter_map(|event| match event {
            Event::Warning(text) | Event::Note(text) => Some(text),
            _ => None,
        });
        words.collect::<Vec<_>>().join("\n")
    }
}

/// Makes something happen at the first event of a kind, and never again.
pub(crate) fn once(
    at: impl Fn(&Event) -> bool + Send + Sync + 'static,
    act: impl Fn() + Send + Sync + 'static,
) -> Watched {
    let done = std::sync::Once::new();
    Watched::new(move |event, _| {
        if at(event) {
            done.call_once(&act);
        }
    })
}
