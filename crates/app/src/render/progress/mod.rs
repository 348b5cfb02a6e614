//! The progress of a job on stderr: bars on a terminal, lines, JSON lines, or only warnings.
//!
//! The display compares each snapshot of the job with the one before. A local job makes snapshots from its events; a
//! job of a server is shown from the documents that the server sends.

mod bars;
mod changes;
mod json_lines;
pub(super) mod words;

use std::collections::HashSet;
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::Event;
use serde_json::json;
use wire::JobProgress;

use super::Out;
use super::mode::ProgressMode;
use bars::Bars;
use changes::{Change, changes};

/// The interval between two lines with the totals in line mode.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// The shortest interval between two updates of bars because of copied or deleted objects.
const BAR_INTERVAL: Duration = Duration::from_millis(100);
/// The shortest interval between two JSON lines with totals.
const JSON_INTERVAL: Duration = Duration::from_millis(500);

/// Shows the progress of one job. Clones share the display.
#[derive(Clone)]
pub(crate) struct ProgressDisplay {
    out: Out,
    form: Form,
    state: Arc<Mutex<State>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Bars,
    Lines,
    Json,
    /// Warnings, and nothing while all is well.
    Warnings,
    /// Warnings and notes.
    Nothing,
}

#[derive(Default)]
struct State {
    /// The sum of the events, if the job runs in this process.
    local: Option<engine::Progress>,
    /// The last snapshot that was shown.
    shown: JobProgress,
    /// The time when the totals were shown last.
    totals_shown: Option<Instant>,
    bars: Bars,
    /// The warnings and notes that were shown.
    messages: HashSet<String>,
    finished: bool,
}

impl ProgressDisplay {
    /// Starts to show a job. Must be called within a runtime, because line mode has a timer.
    pub(crate) fn new(mode: ProgressMode, out: &Out) -> Self {
        let form = match mode {
            ProgressMode::Auto if io::stderr().is_terminal() => Form::Bars,
            ProgressMode::Auto => Form::Warnings,
            ProgressMode::Plain => Form::Lines,
            ProgressMode::Json => Form::Json,
            ProgressMode::None => Form::Nothing,
        };
        let display = Self { out: out.clone(), form, state: Arc::default() };
        if form == Form::Lines {
            tokio::spawn(display.clone().print_totals_periodically());
        }
        display
    }

    /// Updates the display by an event of a job of this process.
    pub(crate) fn handle_event(&self, event: &Event) {
        match event {
            Event::Warning(text) => self.warn(text),
            Event::Note(text) => self.note(text),
            _ => self.update_locally(event),
        }
    }

    fn update_locally(&self, event: &Event) {
        if self.shows_messages_only() {
            return;
        }
        let mut state = self.lock();
        let progress = state.local.get_or_insert_default();
        progress.take(event, engine::now_ms());
        // There are thousands of these events.
        let frequent = matches!(event, Event::ObjectCopied { .. } | Event::Deleted { .. });
        if !frequent || self.totals_are_due(&state) {
            let snapshot = state.local.as_ref().map(JobProgress::from).unwrap_or_default();
            self.draw(&mut state, snapshot);
        }
    }

    /// Shows the state of a job as a server reports it.
    pub(crate) fn show(&self, progress: &JobProgress) {
        self.draw(&mut self.lock(), progress.clone());
        self.warn_of_new(&progress.warnings);
        for note in &progress.notes {
            if self.lock().messages.insert(note.clone()) {
                self.note(note);
            }
        }
    }

    /// Prints the warnings that were not printed yet.
    pub(crate) fn warn_of_new(&self, warnings: &[String]) {
        for warning in warnings {
            if self.lock().messages.insert(warning.clone()) {
                self.warn(warning);
            }
        }
    }

    /// Prints a warning in the form of the display.
    pub(crate) fn warn(&self, text: &str) {
        let mut state = self.lock();
        state.messages.insert(text.to_owned());
        drop(state);
        match self.form {
            Form::Json => self.out.line(&json!({"event": "warning", "text": text}).to_string()),
            _ => self.out.warning(text),
        }
    }

    /// Prints a note in the form of the display.
    pub(crate) fn note(&self, text: &str) {
        match self.form {
            Form::Json => self.out.line(&json!({"event": "note", "text": text}).to_string()),
            Form::Warnings => {}
            _ => self.out.note(text),
        }
    }

    /// Removes the bars from the terminal; later events are not shown.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        if self.form == Form::Bars {
            // Fails only if the terminal is gone, and its bars with it.
            let _ = self.out.bars().clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn print_totals_periodically(self) {
        loop {
            tokio::time::sleep(LINE_INTERVAL).await;
            let mut state = self.lock();
            if state.finished {
                return;
            }
            if let Some(local) = &state.local {
                state.shown = JobProgress::from(local);
            }
            let line = words::totals_line(&state.shown);
            drop(state);
            self.out.line(&line);
        }
    }

    /// Returns whether only messages are shown.
    fn shows_messages_only(&self) -> bool {
        matches!(self.form, Form::Warnings | Form::Nothing)
    }

    fn totals_are_due(&self, state: &State) -> bool {
        let interval = match self.form {
            Form::Bars => BAR_INTERVAL,
            Form::Json => JSON_INTERVAL,
            // Lines have a timer of their own.
            Form::Lines | Form::Warnings | Form::Nothing => return false,
        };
        state.totals_shown.is_none_or(|shown| shown.elapsed() >= interval)
    }

    /// Shows what changed since the last snapshot.
    fn draw(&self, state: &mut State, now: JobProgress) {
        if state.finished || self.shows_messages_only() {
            return;
        }
        let totals_are_due = self.totals_are_due(state);
        let changes = changes(&state.shown, &now);
        match self.form {
            Form::Bars => state.bars.draw(&self.out, &now, &changes),
            Form::Lines => changes.iter().for_each(|change| self.print_line(change, &now)),
            Form::Json => {
                let printed = changes.iter().filter(|change| totals_are_due || !change.is_total());
                printed.for_each(|change| self.out.line(&json_lines::line(change, &now).to_string()));
            }
            Form::Warnings | Form::Nothing => {}
        }
        if totals_are_due && (self.form == Form::Bars || changes.iter().any(Change::is_total)) {
            state.totals_shown = Some(Instant::now());
        }
        state.shown = now;
    }

    fn print_line(&self, change: &Change<'_>, now: &JobProgress) {
        match change {
            Change::Overview => self.out.line(&words::overview(now)),
            Change::Phase(phase) => self.out.line(&phase.to_string()),
            // The report at the end contains the reason.
            Change::CollectionPhase(collection) if words::has_failed(collection) => {
                self.out.line(&format!("{} {}", collection.shown_name(), words::phase(collection)));
            }
            _ => {}
        }
    }
}
