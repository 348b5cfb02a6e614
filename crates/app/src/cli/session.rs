//! What a verb works with: the configuration, the engine, the terminal.

use engine::{Engine, JobCtx};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::args::{Globals, Shared, Style};
use super::{Format, ProgressMode};
use crate::config::{Config, Environment, FlagValue, Request};
use crate::remote::{Client, Server};
use crate::render::{self, CommandTerms, Out, Progress};
use crate::{logging, signals};
use wire::Failure;

/// What the first signal is answered.
const STOPPING: &str = "stopping; once more to leave at once";

/// What a verb asks for before it runs.
#[derive(Default)]
pub(super) struct Starting {
    /// Values that its flags set.
    pub flags: Vec<FlagValue>,
    /// Whether it logs without `-v`.
    pub logs: bool,
    /// The server that shall do it.
    pub server: Option<Server>,
}

/// One run of a verb.
pub(super) struct Session<'a> {
    /// The effective configuration.
    pub config: Config,
    environment: &'a Environment,
    style: Style,
    out: &'a Out,
    server: Option<Client>,
}

impl<'a> Session<'a> {
    /// Loads the configuration and starts logging.
    pub(super) fn new(
        environment: &'a Environment,
        globals: &Globals,
        style: Style,
        shared: &Shared,
        starting: Starting,
        out: &'a Out,
    ) -> Result<Self, Failure> {
        let mut flags = starting.flags;
        match shared.verbose {
            0 => {}
            1 => flags.push(("log.level", "debug".to_owned(), "-v")),
            _ => flags.push(("log.level", "trace".to_owned(), "-vv")),
        }
        let client = starting.server.as_ref().map(Client::new).transpose()?;
        let has_token = starting.server.as_ref().is_some_and(|server| server.token.is_some());
        // What a server does it does as configured there.
        let file = if client.is_some() { globals.given_file().unwrap_or_default() } else { globals.file() };
        let request = Request { file, set: globals.set(), flags: &flags };
        let config = Config::load(&request, environment)?;
        let log = config.log();
        logging::start(&log, starting.logs || shared.verbose > 0, out)?;
        if starting.logs && log.console && log.json {
            // What programs read shall be documents from the first line on.
            out.tell_the_log();
        }
        let mut terms = CommandTerms::new(globals.given_file(), !globals.set().is_empty());
        if let (Some(client), Some(server)) = (&client, &starting.server) {
            terms = terms.on_server(&client.to_string(), server.token_file.as_deref(), server.ca.as_deref());
        }
        out.set_terms(terms);
        for word in ignored(&shared.extra) {
            out.note(&format!("{word:?} is ignored: a verb takes flags only"));
        }
        match &client {
            Some(client) if has_token && client.is_open() => {
                out.warning(&format!("the token travels unencrypted to {client}; use https"));
            }
            Some(_) => {}
            None => config.warnings.iter().for_each(|warning| out.warning(warning)),
        }
        Ok(Self { config, environment, style, out, server: client })
    }

    /// The engine, ready to be asked.
    pub(super) fn engine(&self) -> Result<Engine, Failure> {
        Ok(Engine::new(self.config.engine(self.environment)?))
    }

    /// The server that shall do it, if it shall not be done here.
    pub(super) fn server(&self) -> Option<&Client> {
        self.server.as_ref()
    }

    /// A job whose progress is shown and which signals cancel.
    pub(super) fn job(&self) -> Result<Job, Failure> {
        self.start(self.style.progress(), STOPPING)
    }

    /// A job too short for progress.
    pub(super) fn silent_job(&self) -> Result<Job, Failure> {
        self.start(ProgressMode::None, STOPPING)
    }

    /// What shows the progress of a job of a server; `told` is what the first signal is answered.
    pub(super) fn job_there(&self, told: &'static str) -> Result<Job, Failure> {
        self.start(self.style.progress(), told)
    }

    /// What the first signal pulls; the second ends the program.
    pub(super) fn until_signal(&self) -> Result<CancellationToken, Failure> {
        self.until_signal_telling(STOPPING)
    }

    fn until_signal_telling(&self, told: &'static str) -> Result<CancellationToken, Failure> {
        let cancel = CancellationToken::new();
        let out = self.out.clone();
        signals::watch(cancel.clone(), move || out.note(told))?;
        Ok(cancel)
    }

    fn start(&self, mode: ProgressMode, told: &'static str) -> Result<Job, Failure> {
        let progress = Progress::new(mode, self.out);
        let cancel = self.until_signal_telling(told)?;
        let sink = progress.clone();
        Ok(Job { ctx: JobCtx::new(cancel, move |event| sink.take(event)), progress })
    }

    /// Returns the terms in which advice is written.
    pub(super) fn terms(&self) -> &CommandTerms {
        self.out.terms()
    }

    /// The format of results.
    pub(super) fn format(&self) -> Format {
        self.style.format()
    }

    /// Prints a result that was asked for.
    pub(super) fn print(&self, text: &str) -> Result<(), Failure> {
        Ok(self.out.print(text)?)
    }

    /// Prints a result that was asked for, as a text or as it is.
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

    /// Prints what was done: as a text, unless quiet, or as it is.
    pub(super) fn report<D: Serialize>(
        &self,
        document: &D,
        text: impl FnOnce(&D) -> String,
    ) -> Result<(), Failure> {
        if self.style.quiet() && self.format() == Format::Text { Ok(()) } else { self.show(document, text) }
    }

    /// Prints an account of a failure on stderr.
    pub(super) fn error_text(&self, text: &str) {
        self.out.error_text(text);
    }

    /// Tells on stderr what must be told.
    pub(super) fn line(&self, text: &str) {
        self.out.line(text);
    }

    /// Tells something on stderr, unless quiet.
    pub(super) fn note(&self, text: &str) {
        self.out.note(text);
    }

    /// `config show`.
    pub(super) fn show_config(&self) -> Result<(), Failure> {
        self.show(&render::json::config(&self.config), |_| render::text::config(&self.config))
    }
}

/// A job and what shows its progress.
pub(super) struct Job {
    ctx: JobCtx,
    progress: Progress,
}

impl Job {
    /// What the engine takes.
    pub(super) fn ctx(&self) -> &JobCtx {
        &self.ctx
    }

    /// Tells the warnings of the outcome that were not told while it ran.
    pub(super) fn warn_of(&self, warnings: &[String]) {
        self.progress.tell_rest(warnings);
    }

    /// Takes progress off the terminal if a step failed that others were to follow.
    pub(super) fn finish_if_failed<T>(&self, step: Result<T, engine::Error>) -> Result<T, Failure> {
        Ok(step.inspect_err(|_| self.finish())?)
    }

    /// Takes progress off the terminal.
    pub(super) fn finish(&self) {
        self.progress.finish();
    }
}

/// Words after a verb that mean nothing to it.
fn ignored(extra: &[String]) -> impl Iterator<Item = &String> {
    const ANSWERED: [&str; 2] = ["config", "backup_yaml"];
    extra.iter().filter(|word| !ANSWERED.contains(&word.as_str()))
}
