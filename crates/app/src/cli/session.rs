//! The session of a command: configuration, engine or server, and output.

use std::io::IsTerminal;
use std::ops::ControlFlow;

use engine::{Engine, JobCtx};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use wire::{Failure, KeyNames};

use super::args::{CommonFlags, LeadingFlags, OutputFlags};
use crate::config::{Config, Environment, FlagValue, Request, Schema, Usage, keys};
use crate::remote::{Client, Server};
use crate::render::{self, CommandTerms, Format, Out, ProgressDisplay, ProgressMode};
use crate::{logging, signals};

/// The note at the first signal.
const STOPPING: &str = "stopping; press Ctrl-C again to quit immediately";

/// What a session needs beyond the common flags.
#[derive(Default)]
pub(super) struct SessionOptions {
    /// Configuration values that flags set.
    pub flags: Vec<FlagValue>,
    /// Whether the command writes a log to stderr without `-v`.
    pub logs: bool,
    /// The server that runs the command.
    pub server: Option<Server>,
}

/// The session of one command.
pub(super) struct Session<'a> {
    /// The effective configuration.
    pub config: Config,
    environment: &'a Environment,
    output_flags: OutputFlags,
    out: &'a Out,
    server: Option<Client>,
}

impl<'a> Session<'a> {
    /// Loads the configuration and starts the log.
    pub(super) fn new(
        environment: &'a Environment,
        before: &LeadingFlags,
        flags: &CommonFlags,
        options: SessionOptions,
        out: &'a Out,
    ) -> Result<Self, Failure> {
        let config_flags = flags.config.or(&before.config);
        let output_flags = flags.output.or(&before.output);
        let mut values = options.flags;
        match flags.verbose {
            0 => {}
            1 => values.push((keys::LOG_LEVEL.any(), "debug".to_owned(), "-v")),
            _ => values.push((keys::LOG_LEVEL.any(), "trace".to_owned(), "-vv")),
        }
        let server = options.server.as_ref().map(Client::new).transpose()?;
        // The server uses its own configuration.
        let default_file = if server.is_some() { "" } else { config_flags.file() };
        let file = config_flags.given_file().unwrap_or(default_file);
        let config = Config::load(&Request { file, set: config_flags.set(), flags: &values }, environment)?;
        let log = config.log();
        logging::start(&log, options.logs || flags.verbose > 0, out)?;
        if options.logs && log.console && log.json {
            // Every line of stderr is a JSON document then.
            out.log_messages();
        }
        let mut terms = CommandTerms::new(config_flags.given_file(), !config_flags.set().is_empty());
        if let (Some(client), Some(server)) = (&server, &options.server) {
            terms = terms.on_server(&client.to_string(), server.token_file.as_deref(), server.ca.as_deref());
        } else {
            terms = terms.with_key_names(match config.schema {
                Schema::V1 => KeyNames::V1,
                Schema::V2 => KeyNames::V2,
            });
        }
        out.set_terms(terms);
        if let Some(client) = &server {
            if client.is_unencrypted() && options.server.is_some_and(|server| server.token.is_some()) {
                out.warning(&format!("the token is sent to {client} unencrypted; use https"));
            }
        } else {
            config.warnings.iter().for_each(|warning| out.warning(warning));
        }
        Ok(Self { config, environment, output_flags, out, server })
    }

    /// Creates the engine for a command that uses these parts of the configuration.
    pub(super) fn engine(&self, usage: Usage) -> Result<Engine, Failure> {
        Ok(Engine::new(self.config.engine(self.environment, usage)?))
    }

    /// The client of the server that runs the command; `None` if it runs here.
    pub(super) fn server(&self) -> Option<&Client> {
        self.server.as_ref()
    }

    /// Starts a job whose progress is shown and which signals cancel.
    pub(super) fn job(&self) -> Result<ShownJob, Failure> {
        Ok(self.shown_job(self.cancelled_by_signal(STOPPING)?))
    }

    /// Starts a job without progress, which signals cancel.
    pub(super) fn silent_job(&self) -> Result<ShownJob, Failure> {
        Ok(self.start(ProgressMode::None, self.cancelled_by_signal(STOPPING)?))
    }

    /// Prepares to show a job of a server; prints `notice` at the first signal.
    pub(super) fn followed_job(&self, notice: &'static str) -> Result<ShownJob, Failure> {
        Ok(self.shown_job(self.cancelled_by_signal(notice)?))
    }

    /// Does the same for a job whose progress is the result that was requested, so it is shown without a terminal too.
    pub(super) fn watched_job(&self, notice: &'static str) -> Result<ShownJob, Failure> {
        let mode = match self.output_flags.progress() {
            ProgressMode::Auto if !std::io::stderr().is_terminal() => ProgressMode::Plain,
            mode => mode,
        };
        Ok(self.start(mode, self.cancelled_by_signal(notice)?))
    }

    /// Starts a job whose progress is shown.
    pub(super) fn shown_job(&self, cancel: CancellationToken) -> ShownJob {
        self.start(self.output_flags.progress(), cancel)
    }

    fn start(&self, mode: ProgressMode, cancel: CancellationToken) -> ShownJob {
        let display = ProgressDisplay::new(mode, self.out);
        let sink = display.clone();
        ShownJob { ctx: JobCtx::new(cancel, move |event| sink.handle_event(&event)), display }
    }

    /// A token that the first signal cancels; the second signal ends the program.
    pub(super) fn until_signal(&self) -> Result<CancellationToken, Failure> {
        self.cancelled_by_signal(STOPPING)
    }

    fn cancelled_by_signal(&self, notice: &'static str) -> Result<CancellationToken, Failure> {
        let cancel = CancellationToken::new();
        let out = self.out.clone();
        signals::cancel_on_signal(cancel.clone(), move || out.note(notice))?;
        Ok(cancel)
    }

    /// The terms in which advice is written.
    pub(super) fn terms(&self) -> &CommandTerms {
        self.out.terms()
    }

    /// The format of results.
    pub(super) fn format(&self) -> Format {
        self.output_flags.format()
    }

    /// Prints a requested result.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        Ok(self.out.print(text)?)
    }

    /// Prints a part of a long result; breaks if nobody reads it any more.
    pub(super) fn print_part(&self, text: &str) -> Result<ControlFlow<()>, Failure> {
        Ok(self.out.print_part(text)?)
    }

    /// Prints a requested result as text or JSON.
    pub(super) fn show<D: Serialize>(
        &self,
        document: &D,
        text: impl FnOnce(&D) -> String,
    ) -> Result<(), Failure> {
        match self.format() {
            Format::Text => self.print(&text(document)),
            Format::Json => self.print(&render::json::text(document)),
        }
    }

    /// Prints the text of an error on stderr.
    pub(super) fn error(&self, text: &str) {
        self.out.error(text);
    }

    /// Prints a line on stderr, even if quiet.
    pub(super) fn line(&self, text: &str) {
        self.out.line(text);
    }

    /// Returns whether results are coloured.
    pub(super) fn colours_results(&self) -> bool {
        self.out.colours_results
    }

    /// Prints a note on stderr, unless quiet.
    pub(super) fn note(&self, text: &str) {
        self.out.note(text);
    }

    /// Prints the configuration.
    pub(super) fn show_config(&self) -> Result<(), Failure> {
        self.show(&render::json::config(&self.config), |_| render::text::config(&self.config))
    }
}

/// A job and the display of its progress.
pub(super) struct ShownJob {
    ctx: JobCtx,
    display: ProgressDisplay,
}

impl ShownJob {
    /// The context for the engine.
    pub(super) fn ctx(&self) -> &JobCtx {
        &self.ctx
    }

    /// The display of the progress.
    pub(super) fn display(&self) -> &ProgressDisplay {
        &self.display
    }

    /// Finishes the display if a step failed that other steps were to follow.
    pub(super) fn finish_if_failed<T>(&self, step: Result<T, engine::Error>) -> Result<T, Failure> {
        Ok(step.inspect_err(|_| self.display.finish())?)
    }
}
