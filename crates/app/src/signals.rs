//! Ctrl-C and SIGTERM: the first asks the job to end, the second ends the program.

use std::io::Write;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use wire::Kind;

use wire::exit_code;

/// Calls `told` and cancels `job` at the first signal; leaves at once at the second.
///
/// The work of a job that was left at once shows as unfinished and can be deleted.
pub(crate) fn watch(job: CancellationToken, told: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
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
        // told first: a job that ends at once takes the program with it
        told();
        job.cancel();
        next().await;
        leave(exit_code(Kind::Interrupted));
    });
    Ok(())
}

/// Ends the process without tearing anything down, while threads may still run.
pub(crate) fn leave(code: u8) -> ! {
    // A stream that is gone cannot take the rest.
    let _ = std::io::stdout().flush();
    signal_hook::low_level::exit(i32::from(code))
}
