//! Progress on stderr: bars on a terminal, lines elsewhere, JSON lines for programs.

use std::collections::{HashMap, HashSet};
use std::io::{self, IsTerminal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use engine::{CollectionPhase, Completion, Event};
use indicatif::{ProgressBar, ProgressStyle};
use model::name::CollectionRef;
use serde_json::json;

use super::Out;
use super::tracker::{Tracker, words};
use super::units::counted;
use crate::cli::ProgressMode;

/// How often lines tell how far a job is.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How often JSON lines do.
const JSON_EVERY: Duration = Duration::from_millis(500);

/// Up to how many collections a terminal keeps a line of each that is done.
const LINES_KEPT: usize = 50;

/// Columns before the message of the total: its name, its bar and the spaces.
const BEFORE_MESSAGE: usize = 28 + 1 + 20 + 1;

/// Shows the events of one job. Clones share it.
#[derive(Clone)]
pub(crate) struct Progress {
    out: Out,
    way: Way,
    shown: Arc<Mutex<Shown>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Bars,
    Lines,
    Json,
    Nothing,
}

#[derive(Default)]
struct Shown {
    tracker: Tracker,
    bars: HashMap<CollectionRef, ProgressBar>,
    total: Option<ProgressBar>,
    told: Option<Instant>,
    warned: HashSet<String>,
    over: bool,
}

impl Progress {
    /// Starts to show a job; within a runtime, since lines come by the clock.
    pub(crate) fn new(mode: ProgressMode, out: &Out) -> Self {
        let way = match mode {
            ProgressMode::Auto if io::stderr().is_terminal() => Way::Bars,
            ProgressMode::Auto | ProgressMode::Plain => Way::Lines,
            ProgressMode::Json => Way::Json,
            ProgressMode::None => Way::Nothing,
        };
        let progress = Self { out: out.clone(), way, shown: Arc::default() };
        if way == Way::Lines {
            tokio::spawn(progress.clone().tell_by_the_clock());
        }
        progress
    }

    /// Shows an event.
    pub(crate) fn take(&self, event: Event) {
        let mut shown = self.lock();
        if shown.over {
            return;
        }
        let collection = shown.tracker.take(&event);
        match self.way {
            Way::Bars => self.draw(&mut shown, &event, collection),
            Way::Lines => self.tell(&event),
            Way::Json => self.tell_json(&mut shown, &event),
            Way::Nothing => {}
        }
        if let Event::Warning(text) = &event {
            shown.warned.insert(text.clone());
        }
        drop(shown);
        // JSON mode tells these as events.
        match event {
            Event::Warning(text) if self.way != Way::Json => self.out.warning(&text),
            Event::Note(text) if self.way != Way::Json => self.out.note(&text),
            _ => {}
        }
    }

    /// Tells the warnings of a report that no event told.
    pub(crate) fn tell_rest(&self, warnings: &[String]) {
        for warning in warnings {
            if self.lock().warned.insert(warning.clone()) {
                match self.way {
                    Way::Json => self.out.line(&json!({"event": "warning", "text": warning}).to_string()),
                    _ => self.out.warning(warning),
                }
            }
        }
    }

    /// Takes the bars off the terminal; later events are not shown.
    pub(crate) fn finish(&self) {
        let mut shown = self.lock();
        shown.over = true;
        if self.way == Way::Bars {
            // A terminal that is gone shows no bars either.
            let _ = self.out.bars().clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell_by_the_clock(self) {
        loop {
            tokio::time::sleep(LINE_EVERY).await;
            let shown = self.lock();
            if shown.over {
                return;
            }
            let line = shown.tracker.line();
            drop(shown);
            self.out.line(&line);
        }
    }

    fn draw(&self, shown: &mut Shown, event: &Event, collection: Option<&CollectionRef>) {
        if let Event::Overview { .. } = event {
            self.out.line(&overview(event));
        }
        let bars = self.out.bars();
        let tracker = &shown.tracker;
        let progress = tracker.progress();
        let total =
            shown.total.get_or_insert_with(|| bars.add(bar("Total", "{prefix:28} {bar:20} {wide_msg}")));
        let width = usize::from(console::Term::stderr().size().1).saturating_sub(BEFORE_MESSAGE);
        show(total, progress.part(), tracker.line_within(width));
        let Some((collection, state)) = collection.and_then(|name| progress.collections.get_key_value(name))
        else {
            return;
        };
        if state.is_over() {
            if let Some(bar) = shown.bars.remove(collection) {
                bars.remove(&bar);
            }
            let ends = matches!(event, Event::Collection { .. });
            if ends && (!state.is_done() || progress.selected <= LINES_KEPT) {
                self.out.line(&format!("  {:<26} {}", collection.to_string(), words(state)));
            }
            return;
        }
        let bar = shown.bars.entry(collection.clone()).or_insert_with(|| {
            bars.insert_before(total, bar(&collection.to_string(), "  {prefix:26} {bar:20} {wide_msg}"))
        });
        show(bar, state.part(), words(state));
    }

    fn tell(&self, event: &Event) {
        match event {
            Event::Overview { .. } => self.out.line(&overview(event)),
            Event::Phase(phase) => self.out.line(phase.as_str()),
            Event::Collection {
                collection,
                phase: phase @ (CollectionPhase::Failed(_) | CollectionPhase::Vanished),
            } => {
                // The account at the end says why.
                self.out.line(&format!("{collection} {}", phase.as_str()));
            }
            _ => {}
        }
    }

    fn tell_json(&self, shown: &mut Shown, event: &Event) {
        let line = match event {
            Event::Phase(phase) => json!({"event": "phase", "phase": phase.as_str()}),
            Event::Overview { server, address, collections, databases, how } => json!({
                "event": "overview", "milvus": server, "address": address,
                "collections": collections, "databases": databases, "how": how,
            }),
            Event::Collection { collection, phase } => {
                let reason = if let CollectionPhase::Failed(reason) = phase { Some(reason) } else { None };
                json!({"event": "collection", "collection": collection.to_string(), "phase": phase.as_str(), "reason": reason})
            }
            Event::Planned { collection, objects, bytes } => {
                json!({"event": "planned", "collection": collection.to_string(), "objects": objects, "bytes": bytes})
            }
            Event::Import { collection, done, jobs, rows } => json!({
                "event": "import", "collection": collection.to_string(),
                "jobs_done": done, "jobs": jobs, "rows": rows,
            }),
            // Objects come by the thousand: they are summed up.
            Event::ObjectCopied { .. } | Event::Deleted { .. } if !shown.is_time() => return,
            Event::ObjectCopied { .. } => {
                let (objects, bytes) = (shown.tracker.progress().objects(), shown.tracker.progress().bytes());
                json!({
                    "event": "progress", "objects_done": objects.done, "objects": objects.all,
                    "bytes_done": bytes.done, "bytes": bytes.all,
                })
            }
            Event::Deleted { objects } => json!({"event": "deleted", "objects": objects}),
            Event::Warning(text) => json!({"event": "warning", "text": text}),
            Event::Note(text) => json!({"event": "note", "text": text}),
        };
        self.out.line(&line.to_string());
    }
}

impl Shown {
    fn is_time(&mut self) -> bool {
        let due = self.told.is_none_or(|told| told.elapsed() >= JSON_EVERY);
        if due {
            self.told = Some(Instant::now());
        }
        due
    }
}

fn bar(name: &str, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style.progress_chars("━╸ ")).with_prefix(name.to_owned())
}

fn show(bar: &ProgressBar, part: Completion, words: String) {
    bar.set_length(part.all.max(1));
    bar.set_position(part.done);
    bar.set_message(words);
}

fn overview(event: &Event) -> String {
    let Event::Overview { server, address, collections, databases, how } = event else {
        return String::new();
    };
    format!(
        "Milvus {} at {address} · {} in {} · {how}",
        server.trim_start_matches('v'),
        counted(*collections, "collection"),
        counted(*databases, "database"),
    )
}
