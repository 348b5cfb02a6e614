//! Runs a command: prepares the session, ends the threads, prints the failure.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use wire::{Failure, exit_code};

use super::args::{CommonFlags, LeadingFlags, OutputFlags};
use super::remote::ServerFlags;
use super::session::{Session, SessionOptions};
use crate::config::Environment;
use crate::render::Out;
use crate::signals;

/// The longest time for threads to end after their work; only a hanging system call takes longer.
const THREAD_END_TIMEOUT: Duration = Duration::from_secs(3);

/// Runs a command that works in this process; the command returns its exit code.
pub(super) fn run_locally(
    environment: &Environment,
    before: &LeadingFlags,
    flags: &CommonFlags,
    command: impl AsyncFnOnce(&Session<'_>) -> Result<u8, Failure>,
) -> u8 {
    run(environment, before, flags, SessionOptions::default(), command)
}

/// Runs a command that a server may carry out. `default_url` is used if no flag or variable names a server.
pub(super) fn run_with_server(
    environment: &Environment,
    before: &LeadingFlags,
    (flags, server): (&CommonFlags, &ServerFlags),
    default_url: Option<&str>,
    command: impl AsyncFnOnce(&Session<'_>) -> Result<u8, Failure>,
) -> u8 {
    match server.server(default_url, environment) {
        Ok(server) => {
            let options = SessionOptions { server, ..SessionOptions::default() };
            run(environment, before, flags, options, command)
        }
        Err(failure) => end(&out(&flags.output.or(&before.output), environment), Err(failure)),
    }
}

/// Runs a command in a session with these options; the command returns its exit code.
pub(super) fn run(
    environment: &Environment,
    before: &LeadingFlags,
    flags: &CommonFlags,
    options: SessionOptions,
    command: impl AsyncFnOnce(&Session<'_>) -> Result<u8, Failure>,
) -> u8 {
    let out = out(&flags.output.or(&before.output), environment);
    let mut threads_ended = true;
    let result = Session::new(environment, before, flags, options, &out).and_then(|session| {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let result = runtime.block_on(command(&session));
        threads_ended = end_threads(runtime);
        result
    });
    let code = end(&out, result);
    if threads_ended { code } else { signals::exit_immediately(code) }
}

/// Ends all threads of a runtime, because a thread that ends while libc tears down crashes the program.
///
/// Returns whether all threads ended.
fn end_threads(runtime: Runtime) -> bool {
    let begun = Instant::now();
    runtime.shutdown_timeout(THREAD_END_TIMEOUT);
    begun.elapsed() < THREAD_END_TIMEOUT
}

/// Creates the output of a command.
pub(super) fn out(flags: &OutputFlags, environment: &Environment) -> Out {
    Out::new(flags.format(), flags.quiet(), environment.no_color())
}

/// Prints the failure, if any; returns the exit code.
pub(super) fn end(out: &Out, result: Result<u8, Failure>) -> u8 {
    result.unwrap_or_else(|failure| {
        let code = exit_code(failure.kind);
        out.failure(failure);
        code
    })
}
