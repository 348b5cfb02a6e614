//! Follows a job until it ends, and reconnects after lost connections.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::{Failure, FailureKind, Job};

use super::Client;
use super::events::Events;

/// The longest time without a connection before following is given up.
const GIVE_UP_AFTER: Duration = Duration::from_mins(1);
/// The pause between two attempts to connect.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The effect of a signal while a job is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignalAction {
    /// Asks the server to cancel the job, and follows it until it ends.
    CancelJob,
    /// Stops following and leaves the job running.
    StopFollowing,
}

/// Follows a job until it ends, and returns it.
///
/// `show` receives each state of the job, `lost` the first reason of each loss of the connection. `signal` is cancelled
/// by a signal, `watch` is the command that follows the job again. Fails if the server cannot be reached for a minute.
pub(crate) async fn follow(
    client: &Client,
    id: &str,
    signal: &CancellationToken,
    action: SignalAction,
    mut show: impl FnMut(&Job),
    lost: impl Fn(&Failure),
    watch: &str,
) -> Result<Job, Failure> {
    let mut connection = Follower { client, id, signal, action, signalled: false, last_seen: Instant::now() };
    let mut reported = None;
    loop {
        let reason = match connection.follow_until_disconnect(&mut show).await {
            Ok(Some(job)) => return Ok(job),
            Ok(None) => None,
            Err(failure) if connection.signalled && action == SignalAction::StopFollowing => {
                return Err(
                    failure.hint(format!("the job continues on the server; to follow it again: {watch}"))
                );
            }
            Err(failure) if !is_temporary(failure.kind) => return Err(failure),
            Err(failure) => Some(failure),
        };
        if connection.last_seen.elapsed() > GIVE_UP_AFTER {
            return Err(gave_up(client, id, reason, watch));
        }
        // Once for each loss.
        if let Some(failure) = &reason
            && reported.replace(connection.last_seen) != Some(connection.last_seen)
        {
            lost(failure);
        }
        tokio::time::sleep(RETRY_PAUSE).await;
    }
}

struct Follower<'a> {
    client: &'a Client,
    id: &'a str,
    signal: &'a CancellationToken,
    action: SignalAction,
    /// Whether the signal was handled.
    signalled: bool,
    /// The time of the last event.
    last_seen: Instant,
}

impl Follower<'_> {
    /// Follows the job over one connection. Returns the job if it ended, `None` if the server closed the connection.
    async fn follow_until_disconnect(&mut self, show: &mut impl FnMut(&Job)) -> Result<Option<Job>, Failure> {
        let (client, id) = (self.client, self.id);
        let mut events: Option<Events> = None;
        loop {
            let next = async {
                let events = match &mut events {
                    Some(events) => events,
                    none => none.insert(Events::open(client, id).await?),
                };
                events.next().await
            };
            tokio::select! {
                next = next => {
                    let Some(job) = next? else { return Ok(None) };
                    self.last_seen = Instant::now();
                    show(&job);
                    if jobs::JobState::from(job.state).is_over() {
                        return Ok(Some(job));
                    }
                }
                () = self.signal.cancelled(), if !self.signalled => {
                    self.signalled = true;
                    self.handle_signal().await?;
                }
            }
        }
    }

    async fn handle_signal(&mut self) -> Result<(), Failure> {
        if self.action == SignalAction::StopFollowing {
            return Err(Failure::new(FailureKind::Interrupted, "interrupted"));
        }
        match self.client.act::<Job>(&["jobs", &format!("{}:cancel", self.id)]).await {
            Err(failure) if failure.kind == FailureKind::Forbidden => Err(failure),
            Err(failure) if is_temporary(failure.kind) => {
                self.signalled = false;
                Err(failure)
            }
            // The events report the effect. A job that has ended cannot be cancelled.
            _ => Ok(()),
        }
    }
}

/// Whether a retry may succeed.
fn is_temporary(kind: FailureKind) -> bool {
    matches!(
        kind,
        FailureKind::Unreachable | FailureKind::Timeout | FailureKind::TooMany | FailureKind::Interrupted
    )
}

fn gave_up(client: &Client, id: &str, reason: Option<Failure>, watch: &str) -> Failure {
    let reason = reason.unwrap_or_else(|| {
        Failure::new(
            FailureKind::Unreachable,
            format!("the server at {client} closes the connection repeatedly"),
        )
    });
    Failure { context: Some(format!("while following job {id}")), ..reason }
        .hint(format!("once the server is available again, run: {watch}"))
}
