//! Questions on the terminal before something is deleted.

use std::io::{IsTerminal, Write};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use wire::{Failure, FailureKind};

/// Returns whether somebody can answer.
pub(super) fn can_confirm() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks for confirmation on the terminal; every answer but `y` and `yes` means no.
///
/// Fails if `cancel` is cancelled before there is an answer.
pub(super) async fn confirm(question: &str, cancel: &CancellationToken) -> Result<bool, Failure> {
    let mut stderr = std::io::stderr();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let (sender, answer) = oneshot::channel();
    // A blocked read cannot be interrupted, so it must not belong to the runtime, whose end would wait for it.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line).map(|_| line);
        // After an interruption, the answer has no receiver.
        let _ = sender.send(read);
    });
    tokio::select! {
        answer = answer => {
            let answer = answer.map_err(std::io::Error::other)??;
            Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
        }
        () = cancel.cancelled() => Err(Failure::new(FailureKind::Interrupted, "interrupted")),
    }
}
