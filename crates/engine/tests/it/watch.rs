//! Jobs whose events are recorded, and which can be disturbed at a certain event.

use std::sync::{Arc, Mutex};

use engine::{Event, JobCtx};
use tokio_util::sync::CancellationToken;

/// The context of a job, with the events that the job emitted.
pub(crate) struct WatchedJob {
    pub(crate) ctx: JobCtx,
    events: Arc<Mutex<Vec<Event>>>,
}

impl WatchedJob {
    /// Creates a job that calls `act` at every event and waits for its end; the token cancels the job.
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

    /// Creates a job that is cancelled at the first event for which `is_moment` holds.
    pub(crate) fn cancelled_at(is_moment: impl Fn(&Event) -> bool + Send + Sync + 'static) -> Self {
        Self::new(move |event, cancel| {
            if is_moment(event) {
                cancel.cancel();
            }
        })
    }

    /// Returns the events so far.
    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// Returns the texts of all warnings and notes, one on each line.
    pub(crate) fn messages(&self) -> String {
        let messages = self.events().into_iter().filter_map(|event| match event {
            Event::Warning(text) | Event::Note(text) => Some(text),
            _ => None,
        });
        messages.collect::<Vec<_>>().join("\n")
    }
}

/// Creates a job that calls `act` only once, at the first event for which `is_moment` holds.
pub(crate) fn on_first_event(
    is_moment: impl Fn(&Event) -> bool + Send + Sync + 'static,
    act: impl Fn() + Send + Sync + 'static,
) -> WatchedJob {
    let done = std::sync::Once::new();
    WatchedJob::new(move |event, _| {
        if is_moment(event) {
            done.call_once(&act);
        }
    })
}
