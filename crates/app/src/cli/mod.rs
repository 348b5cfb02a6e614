//! The command line: one file a verb, each turning its flags into one request and one call of the engine.

mod args;
mod check;
mod config;
mod create;
mod delete;
mod docs;
mod get;
mod jobs;
mod later;
mod list;
mod remote;
mod restore;
mod selection;
mod server;
mod session;

use std::ffi::OsString;
use std::io::Write;
use std::time::{Duration, Instant};

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tokio::runtime::Runtime;

use crate::config::Environment;
use crate::render::Out;
use crate::signals;
pub(crate) use args::{Format, ProgressMode};
use args::{Globals, Shared, Style};
use remote::ServerFlags;
use session::{Session, Starting};
use wire::parse_existing_name;
use wire::{DONE, Failure, Kind, exit_code};

/// Back up Milvus collections and restore them.
#[derive(Parser, Debug)]
#[command(
    name = "milvus-backup",
    bin_name = "milvus-backup",
    version = concat!(env!("CARGO_PKG_VERSION"), " (", env!("MILVUS_BACKUP_BUILD"), ")"),
    disable_version_flag = true,
    disable_help_subcommand = false,
    arg_required_else_help = true,
    after_help = "\
Examples:
  milvus-backup check                       try Milvus and both storages
  milvus-backup create -n nightly           back up everything
  milvus-backup restore -n nightly --suffix _copy
  milvus-backup list

Exit codes:
  0 done, 1 failed, 2 usage or configuration, 3 no such backup or collection, 4 exists already,
  5 cannot reach or not authorised, 6 done in part, 7 damaged backup, 130 interrupted

`milvus-backup VERB --help` tells more."
)]
struct Cli {
    #[command(flatten)]
    globals: Globals,
    #[command(flatten)]
    style: Style,
    /// Print version, commit and build
    #[arg(long, short = 'v', short_alias = 'V', action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    Create(Box<create::Arguments>),
    List(list::Arguments),
    Get(get::Arguments),
    Delete(delete::Arguments),
    Restore(Box<restore::Arguments>),
    Check(check::Arguments),
    Jobs(jobs::Arguments),
    Server(server::Arguments),
    Config(config::Arguments),
    Completion(docs::Completion),
    Man(docs::Man),
    Openapi(docs::Openapi),
    #[command(flatten)]
    Later(later::Verb),
}

/// What stands before the verb.
#[derive(Clone, Debug)]
struct Before {
    globals: Globals,
    style: Style,
}

/// Runs the program and returns its exit code.
pub(crate) fn main(arguments: impl Iterator<Item = OsString>, environment: &Environment) -> u8 {
    let arguments: Vec<OsString> = arguments.collect();
    let command = args::as_go_does(Cli::command());
    let matches = match command.try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) => return answer(&error, &arguments, environment),
    };
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => return answer(&error, &arguments, environment),
    };
    let before = Before { globals: cli.globals, style: cli.style };
    match cli.verb {
        Verb::Create(verb) => {
            let flags = (&verb.shared, &verb.there.server);
            run_there(environment, &before, flags, None, async |session| verb.run(session).await)
        }
        Verb::List(verb) => {
            let flags = (&verb.shared, &verb.server);
            run_there(environment, &before, flags, None, async |session| verb.run(session).await)
        }
        Verb::Get(verb) => {
            let flags = (&verb.shared, &verb.server);
            run_there(environment, &before, flags, None, async |session| verb.run(session).await)
        }
        Verb::Delete(verb) => {
            let flags = (&verb.shared, &verb.there.server);
            run_there(environment, &before, flags, None, async |session| verb.run(session).await)
        }
        Verb::Jobs(verb) => {
            let usual = Some(jobs::USUAL_SERVER);
            run_there(environment, &before, verb.flags(), usual, async |session| verb.run(session).await)
        }
        Verb::Restore(verb) if verb.is_secondary() => {
            let style = verb.shared.style.over(&before.style);
            end(&out(&style, environment), Err(restore::secondary()))
        }
        Verb::Restore(verb) => {
            let flags = (&verb.shared, &verb.there.server);
            run_there(environment, &before, flags, None, async |session| verb.run(session).await)
        }
        Verb::Check(verb) => run(environment, &before, &verb.shared, async |session| verb.run(session).await),
        Verb::Server(verb) => verb.run(&before, environment),
        Verb::Config(verb) => verb.run(&before, environment),
        Verb::Completion(verb) => {
            let out = out(&before.style, environment);
            end(&out, verb.run(&Cli::command(), &out))
        }
        Verb::Openapi(verb) => {
            let out = out(&before.style, environment);
            end(&out, verb.run(&out))
        }
        Verb::Man(verb) => end(&out(&before.style, environment), verb.run(Cli::command())),
        Verb::Later(verb) => end(&out(&before.style, environment), Err(verb.answer())),
    }
}

/// Runs a verb on a session; the verb returns its exit code.
fn run(
    environment: &Environment,
    before: &Before,
    shared: &Shared,
    verb: impl AsyncFnOnce(&Session<'_>) -> Result<u8, Failure>,
) -> u8 {
    run_with(environment, before, shared, Starting::default(), verb)
}

/// Runs a verb that a server may carry out; `usual` is the one meant where none is named.
fn run_there(
    environment: &Environment,
    before: &Before,
    (shared, server): (&Shared, &ServerFlags),
    usual: Option<&str>,
    verb: impl AsyncFnOnce(&Session<'_>) -> Result<u8, Failure>,
) -> u8 {
    match server.server(usual, environment) {
        Ok(server) => run_with(environment, before, shared, Starting { server, ..Starting::default() }, verb),
        Err(failure) => end(&out(&shared.style.over(&before.style), environment), Err(failure)),
    }
}

/// Runs a verb that asks for something before it runs.
fn run_with(
    environment: &Environment,
    before: &Before,
    shared: &Shared,
    starting: Starting,
    verb: impl AsyncFnOnce(&Session<'_>) -> Result<u8, Failure>,
) -> u8 {
    let style = shared.style.over(&before.style);
    let out = out(&style, environment);
    let mut ended = true;
    let result =
        Session::new(environment, &shared.globals.over(&before.globals), style, shared, starting, &out)
            .and_then(|session| {
                let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
                let result = runtime.block_on(verb(&session));
                ended = end_threads(runtime);
                result
            });
    let code = end(&out, result);
    if ended { code } else { signals::leave(code) }
}

/// How long threads may take to end once their work is done; only a call into the system that hangs takes longer.
const THREADS_END: Duration = Duration::from_secs(3);

/// Ends all threads of a runtime before the program does: one that ended while libc tears down would crash it.
/// Returns whether all ended.
fn end_threads(runtime: Runtime) -> bool {
    let begun = Instant::now();
    runtime.shutdown_timeout(THREADS_END);
    begun.elapsed() < THREADS_END
}

fn out(style: &Style, environment: &Environment) -> Out {
    Out::new(style.format(), style.quiet(), environment.no_color())
}

/// Tells why it failed, if it did.
fn end(out: &Out, result: Result<u8, Failure>) -> u8 {
    match result {
        Ok(code) => code,
        Err(failure) => {
            let code = exit_code(failure.kind);
            out.failure(failure);
            code
        }
    }
}

/// Prints what clap answers: help and version on stdout, errors on stderr.
fn answer(error: &clap::Error, arguments: &[OsString], environment: &Environment) -> u8 {
    // A stream that is gone cannot be told anything.
    match error.kind() {
        ErrorKind::DisplayHelp => {
            let _ = help_of(arguments).print_help();
            DONE
        }
        ErrorKind::DisplayVersion => {
            let _ = error.print();
            DONE
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = write!(std::io::stderr(), "{}", help_of(arguments).render_help());
            exit_code(Kind::Usage)
        }
        _ => {
            let _ = error.print();
            if wants_json(arguments) {
                let text = error.render().to_string();
                let first = text.lines().next().unwrap_or_default();
                let failure = Failure::usage(first.trim_start_matches("error: "));
                Out::new(Format::Json, false, environment.no_color()).failure_document(&failure);
            }
            exit_code(Kind::Usage)
        }
    }
}

/// Whether words that could not be parsed ask for JSON.
fn wants_json(arguments: &[OsString]) -> bool {
    let words: Vec<_> = arguments.iter().filter_map(|word| word.to_str()).collect();
    // There -o names a file.
    if words.contains(&"migrate") {
        return false;
    }
    let pairs = words.windows(2).any(|pair| matches!(pair, ["-o" | "--output", "json"]));
    pairs || words.iter().any(|word| matches!(*word, "-ojson" | "-o=json" | "--output=json"))
}

/// The command whose help was asked for: the verbs among the words, `help` apart.
///
/// Made anew, since help shows plain flags and not how they were taught to read `=false`.
fn help_of(arguments: &[OsString]) -> clap::Command {
    let mut command = Cli::command();
    command.build();
    for word in arguments.iter().skip(1).filter_map(|word| word.to_str()) {
        if let Some(next) = command.find_subcommand(word).filter(|next| next.get_name() != "help") {
            command = next.clone();
        }
    }
    let command = command.mut_arg("help", |help| help.help("Print help"));
    match command.get_long_about().cloned() {
        Some(about) => command.about(about).long_about(None),
        None => command,
    }
}

/// Flags that name a backup.
#[derive(Args, Debug)]
struct Named {
    /// The backup
    #[arg(long, short, value_name = "NAME")]
    name: Option<String>,
}

impl Named {
    fn parse(&self) -> Result<model::name::BackupName, Failure> {
        parse_existing_name(self.name.as_deref())
    }
}
