//! The two output streams: results on stdout, everything else on stderr.

use std::borrow::Cow;
use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use indicatif::MultiProgress;
use wire::{Failure, FailureDocument, Reword};

use super::advice::CommandTerms;
use super::json;
use super::mode::Format;

/// The target of log lines that are messages of the program; they are logged whatever the log level is.
pub(crate) const MESSAGE_TARGET: &str = "message";

/// The output of one run. Clones share the terminal.
#[derive(Clone)]
pub(crate) struct Out {
    format: Format,
    quiet: bool,
    colour: bool,
    /// Whether results are coloured.
    pub(crate) colours_results: bool,
    bars: MultiProgress,
    /// Whether stderr is a log for programs, so that messages must be log lines.
    messages_are_logged: Arc<AtomicBool>,
    /// The options of this run that advised commands need.
    terms: Arc<OnceLock<CommandTerms>>,
}

impl Out {
    /// Creates the output. Messages are coloured if stderr is a terminal and `no_color` is false, results if stdout is one.
    pub(crate) fn new(format: Format, quiet: bool, no_color: bool) -> Self {
        let colour = !no_color && io::stderr().is_terminal();
        Self {
            format,
            quiet,
            colour,
            colours_results: !no_color && io::stdout().is_terminal(),
            bars: MultiProgress::new(),
            messages_are_logged: Arc::default(),
            terms: Arc::default(),
        }
    }

    /// Writes all further messages as log lines. The log must have been started.
    pub(crate) fn log_messages(&self) {
        self.messages_are_logged.store(true, Ordering::Relaxed);
    }

    /// Sets the options of this run that advised commands need.
    pub(crate) fn set_terms(&self, terms: CommandTerms) {
        self.terms.get_or_init(|| terms);
    }

    /// Returns the terms in which advice is written.
    pub(crate) fn terms(&self) -> &CommandTerms {
        self.terms.get_or_init(CommandTerms::default)
    }

    /// Prints a result. A reader that closes the pipe early (`| head`) is not an error.
    pub(crate) fn print(&self, text: &str) -> io::Result<()> {
        let text = replace_control_characters(text);
        let written = self.bars.suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes())?;
            stdout.flush()
        });
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written.map_err(|error| stdout_error(&error)),
        }
    }

    /// Prints a part of a long result, which is not changed unless it could command a terminal. Breaks if the reader has
    /// closed the pipe.
    pub(crate) fn print_part(&self, text: &str) -> io::Result<ControlFlow<()>> {
        let text = if io::stdout().is_terminal() { replace_control_characters(text) } else { text.into() };
        match self.bars.suspend(|| io::stdout().lock().write_all(text.as_bytes())) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(stdout_error(&error)),
            Ok(()) => Ok(ControlFlow::Continue(())),
        }
    }

    /// Prints a note, unless quiet.
    pub(crate) fn note(&self, text: &str) {
        if !self.quiet {
            self.message("note", "2", text);
        }
    }

    /// Prints a warning, unless quiet.
    pub(crate) fn warning(&self, text: &str) {
        if !self.quiet {
            self.message("warning", "33", text);
        }
    }

    /// Prints why a run failed: on stderr for people, and as a document on stdout if JSON was requested.
    pub(crate) fn failure(&self, mut failure: Failure) {
        failure.reword(self.terms());
        self.error(&failure_text(&failure));
        self.failure_document(&failure);
    }

    /// Prints the document of a failure, if JSON was requested.
    pub(crate) fn failure_document(&self, failure: &Failure) {
        if self.format == Format::Json {
            // The failure is on stderr too, and there is no other way to report that stdout is closed.
            let _ = self.print(&json::text(&FailureDocument::from(failure)));
        }
    }

    /// Prints the text of an error, its first line after `error:`.
    pub(crate) fn error(&self, text: &str) {
        self.message("error", "1;31", text.trim_end());
    }

    /// Prints a line on stderr without a prefix.
    pub(crate) fn line(&self, text: &str) {
        if self.messages_are_logged.load(Ordering::Relaxed) {
            return tracing::info!(target: MESSAGE_TARGET, "{text}");
        }
        self.write_stderr(format!("{}\n", replace_control_characters(text)).as_bytes());
    }

    /// The progress bars of the terminal.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    fn message(&self, prefix: &str, colour: &str, text: &str) {
        if self.messages_are_logged.load(Ordering::Relaxed) {
            return match prefix {
                "error" => tracing::error!(target: MESSAGE_TARGET, "{text}"),
                "warning" => tracing::warn!(target: MESSAGE_TARGET, "{text}"),
                _ => tracing::info!(target: MESSAGE_TARGET, "{text}"),
            };
        }
        if self.colour {
            self.line(&format!("\x1b[{colour}m{prefix}:\x1b[0m {text}"));
        } else {
            self.line(&format!("{prefix}: {text}"));
        }
    }

    fn write_stderr(&self, bytes: &[u8]) {
        // There is no other way to report that stderr is closed.
        let _ = self.bars.suspend(|| io::stderr().lock().write_all(bytes));
    }
}

fn stdout_error(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write to stdout: {error}"))
}

/// Replaces control characters, which names and texts of a backup may contain, except line feeds, tabs and colours.
fn replace_control_characters(text: &str) -> Cow<'_, str> {
    let is_kept = |c: char| matches!(c, '\n' | '\t') || !c.is_control();
    if text.chars().all(is_kept) {
        return Cow::Borrowed(text);
    }
    let begins_colour = |rest: &str| {
        let parameters = rest
            .strip_prefix('[')
            .map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';'));
        parameters.is_some_and(|rest| rest.starts_with('m'))
    };
    let replace = |(at, c): (usize, char)| {
        let is_colour = c == '\x1b' && text.get(at + 1..).is_some_and(begins_colour);
        if is_kept(c) || is_colour { c } else { char::REPLACEMENT_CHARACTER }
    };
    Cow::Owned(text.char_indices().map(replace).collect())
}

/// Message, context and hint of a failure, as the command line prints them after `error:`.
pub(super) fn failure_text(failure: &Failure) -> String {
    let mut text = failure.message.clone();
    if let Some(context) = &failure.context {
        text.push_str("\n  ");
        text.push_str(context);
    }
    if let Some(hint) = &failure.hint {
        text.push_str("\n  hint: ");
        text.push_str(hint);
    }
    text
}

/// Writes log lines above the bars.
impl Write for &Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_stderr(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
