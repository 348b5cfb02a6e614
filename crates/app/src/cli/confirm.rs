//! Questions on the terminal before something is deleted.

use std::io::{IsTerminal, Write};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use wire::{Failure, FailureKind};

use super::session::Session;

/// Returns whether somebody can answer.
pub(super) fn can_confirm() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks for confirmation on the terminal; every answer but `y` and `yes` means no, after which `unchanged` is shown.
///
/// Fails if `cancel` is cancelled before there is an answer. A command without a job of its own has no such token,
/// because a signal ends the program.
pub(super) async fn confirm(
    session: &Session<'_>,
    question: &str,
    unchanged: &str,
    cancel: Option<&CancellationToken>,
) -> Result<bool, Failure> {
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
    let never = CancellationToken::new();
    let answer = tokio::select! {
        answer = answer => answer.map_err(std::io::Error::other)??,
        () = cancel.unwrap_or(&never).cancelled() => {
            return Err(Failure::new(FailureKind::Interrupted, "interrupted"));
        }
    };
    let confirmed = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
    if !confirmed {
        session.note(unchanged);
    }
    Ok(confirmed)
}
