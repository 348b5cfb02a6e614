//! Ctrl-C and SIGTERM: the first signal cancels the job, the second ends the program.

use std::io::Write;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use wire::{FailureKind, exit_code};

/// Cancels `job` after `notify` at the first signal, and exits immediately at the second.
///
/// The files of a job that was ended by the second signal are listed as unfinished and can be deleted.
pub(crate) fn cancel_on_signal(
    job: CancellationToken,
    notify: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        next().await;
        // First, because a job that ends immediately ends the program.
        notify();
        job.cancel();
        next().await;
        exit_immediately(exit_code(FailureKind::Interrupted));
    });
    Ok(())
}

/// Ends the process without cleanup, while threads may still run.
pub(crate) fn exit_immediately(code: u8) -> ! {
    // A closed stream cannot take the rest.
    let _ = std::io::stdout().flush();
    signal_hook::low_level::exit(i32::from(code))
}
