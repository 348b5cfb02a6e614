//! The two streams: results on stdout, everything else on stderr.

use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use indicatif::MultiProgress;

use super::advice::CommandTerms;
use super::json;
use crate::cli::Format;
use wire::FailureDocument;
use wire::{Failure, Reword};

/// The target of log lines that are told whatever the level of the log.
pub(crate) const TOLD: &str = "told";

/// Where a run prints. Clones share the terminal.
#[derive(Clone)]
pub(crate) struct Out {
    format: Format,
    quiet: bool,
    colour: bool,
    bars: MultiProgress,
    /// Whether stderr is a log that programs read, so that what is told must be a line of it.
    logged: Arc<AtomicBool>,
    /// The options of this run that advised commands need.
    terms: Arc<OnceLock<CommandTerms>>,
}

impl Out {
    /// Looks at the terminal; colour is for terminals only.
    pub(crate) fn new(format: Format, quiet: bool, no_color: bool) -> Self {
        let colour = !no_color && io::stderr().is_terminal();
        Self {
            format,
            quiet,
            colour,
            bars: MultiProgress::new(),
            logged: Arc::default(),
            terms: Arc::default(),
        }
    }

    /// Has all that is told from now on told as lines of the log, which has begun.
    pub(crate) fn tell_the_log(&self) {
        self.logged.store(true, Ordering::Relaxed);
    }

    /// Sets the options of this run that advised commands need.
    pub(crate) fn set_terms(&self, terms: CommandTerms) {
        self.terms.get_or_init(|| terms);
    }

    /// Returns the terms in which advice is written.
    pub(crate) fn terms(&self) -> &CommandTerms {
        self.terms.get_or_init(CommandTerms::default)
    }

    /// Prints a result. A reader that has seen enough (`| head`) is no failure.
    pub(crate) fn print(&self, text: &str) -> io::Result<()> {
        let done = self.bars.suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        });
        match done {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => {
                done.map_err(|error| io::Error::new(error.kind(), format!("cannot write to stdout: {error}")))
            }
        }
    }

    /// Tells something that is good to know.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.say("note", "2", text);
        }
    }

    /// Tells something that may be wrong.
    pub(crate) fn warning(&self, text: &str) {
        if !self.quiet {
            self.say("warning", "33", text);
        }
    }

    /// Tells why a run failed: on stderr for people, and as the document of stdout for programs.
    pub(crate) fn failure(&self, mut failure: Failure) {
        failure.reword(self.terms());
        let mut text = failure.message.clone();
        if let Some(context) = &failure.context {
            text.push_str("\n  ");
            text.push_str(context);
        }
        if let Some(hint) = &failure.hint {
            text.push_str("\n  hint: ");
            text.push_str(hint);
        }
        self.error_text(&text);
        self.failure_document(&failure);
    }

    /// The document of a failure alone, if documents are asked for.
    pub(crate) fn failure_document(&self, failure: &Failure) {
        if self.format == Format::Json {
            // Nothing is left to tell it to, should stdout be gone.
            let _ = self.print(&json::text(&FailureDocument::from(failure)));
        }
    }

    /// An error's text, its first line behind `error:`.
    pub(crate) fn error_text(&self, text: &str) {
        self.say("error", "1;31", text.trim_end());
    }

    /// A line on stderr as it stands.
    pub(crate) fn line(&self, text: &str) {
        if self.logged.load(Ordering::Relaxed) {
            return tracing::info!(target: TOLD, "{text}");
        }
        self.raw(format!("{text}\n").as_bytes());
    }

    /// The bars of this terminal.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    fn say(&self, word: &str, colour: &str, text: &str) {
        if self.logged.load(Ordering::Relaxed) {
            return match word {
                "error" => tracing::error!(target: TOLD, "{text}"),
                "warning" => tracing::warn!(target: TOLD, "{text}"),
                _ => tracing::info!(target: TOLD, "{text}"),
            };
        }
        if self.colour {
            self.line(&format!("\x1b[{colour}m{word}:\x1b[0m {text}"));
        } else {
            self.line(&format!("{word}: {text}"));
        }
    }

    fn raw(&self, bytes: &[u8]) {
        // Nobody can be told that stderr is gone.
        let _ = self.bars.suspend(|| io::stderr().lock().write_all(bytes));
    }
}

/// Log lines go above the bars, as everything else does.
impl Write for &Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.raw(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
