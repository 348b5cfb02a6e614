//! The bars of a terminal: one for the job and one for each active collection.

use std::collections::HashMap;

use indicatif::{ProgressBar, ProgressStyle};
use wire::{Completion, JobCollection, JobProgress};

use super::super::Out;
use super::changes::Change;
use super::words;

/// The largest number of collections for which the terminal keeps a line for each one that succeeded.
const MAX_LINES_OF_SUCCESS: usize = 50;

/// The columns before the message of the total: its name, its bar, its percentage and the spaces between them.
const COLUMNS_BEFORE_MESSAGE: usize = 5 + 1 + 15 + 1 + 5 + 1;

/// The columns for the name of a collection.
const COLUMNS_OF_NAME: usize = 26;

/// The bars on the terminal.
#[derive(Default)]
pub(super) struct Bars {
    total: Option<ProgressBar>,
    /// By name of the collection.
    collections: HashMap<String, ProgressBar>,
}

impl Bars {
    /// Updates all bars, and prints a line for each collection that ended.
    pub(super) fn draw(&mut self, out: &Out, now: &JobProgress, changes: &[Change<'_>]) {
        if changes.contains(&Change::Overview) {
            out.line(&words::overview(now));
        }
        let bars = out.bars();
        let total = self.total.get_or_insert_with(|| {
            bars.add(new_bar("Total", "{prefix:5} {bar:15} {percent:>3} % {wide_msg}"))
        });
        let columns = usize::from(console::Term::stderr().size().1);
        let message = words::totals_within(now, columns.saturating_sub(COLUMNS_BEFORE_MESSAGE));
        update(total, Completion { done: now.percent.into(), all: 100 }, message);
        for collection in &now.collections {
            if words::phase(collection).is_empty() {
                // It has not begun.
                continue;
            }
            if words::has_ended(collection) {
                if let Some(bar) = self.collections.remove(&collection.name) {
                    bars.remove(&bar);
                }
                continue;
            }
            let bar = self.collections.entry(collection.name.clone()).or_insert_with(|| {
                bars.insert_before(
                    total,
                    new_bar(&shorten(collection.shown_name()), "  {prefix:26!} {bar:20} {wide_msg}"),
                )
            });
            update(bar, done_part(collection), words::collection(collection));
        }
        for change in changes {
            if let Change::CollectionPhase(collection) = change
                && words::has_ended(collection)
                && (words::has_failed(collection) || now.selected <= MAX_LINES_OF_SUCCESS)
            {
                out.line(&format!("  {:<26} {}", collection.shown_name(), words::collection(collection)));
            }
        }
    }
}

/// Shortens a name in its middle, because names often differ only in their ends.
fn shorten(name: &str) -> String {
    let length = name.chars().count();
    if length <= COLUMNS_OF_NAME {
        return name.to_owned();
    }
    let end = (COLUMNS_OF_NAME - 1) / 2;
    let beginning = COLUMNS_OF_NAME - 1 - end;
    name.chars().take(beginning).chain(['…']).chain(name.chars().skip(length - end)).collect()
}

/// The import jobs once the import has begun, the bytes before that.
fn done_part(collection: &JobCollection) -> Completion {
    let imports = collection.import_jobs.all > 0 || words::phase(collection) == "importing";
    if imports { collection.import_jobs } else { collection.bytes }
}

fn new_bar(name: &str, template: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_style(style.progress_chars("━╸ ")).with_prefix(name.to_owned())
}

fn update(bar: &ProgressBar, part: Completion, message: String) {
    bar.set_length(part.all.max(1));
    bar.set_position(part.done);
    bar.set_message(message);
}
