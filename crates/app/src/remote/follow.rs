//! Follows a job to its end, over lost connections.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Client;
use super::events::Events;
use wire::Job;
use wire::{Failure, Kind};

/// How long a server may be away before following is given up.
const GIVE_UP: Duration = Duration::from_mins(1);
/// How long to wait before the next attempt to reach it.
const BETWEEN: Duration = Duration::from_secs(1);

/// What a signal means while a job is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnSignal {
    /// The server is asked to cancel the job, which is followed on.
    Cancel,
    /// The job is left alone.
    Leave,
}

/// Shows a job again and again, and returns it once it is over.
///
/// `signal` is pulled at a signal. Gives up if the server is away for a minute; `lost` is told why it is tried again, and `watch` is the
/// command that follows the job again.
pub(crate) async fn follow(
    client: &Client,
    id: &str,
    signal: &CancellationToken,
    means: OnSignal,
    mut show: impl FnMut(&Job),
    lost: impl Fn(&Failure),
    watch: &str,
) -> Result<Job, Failure> {
    let mut asked = false;
    let mut seen = Instant::now();
    let mut told_at = None;
    loop {
        let why = match one_connection(client, id, signal, means, &mut asked, &mut seen, &mut show).await {
            Ok(Some(job)) => return Ok(job),
            Ok(None) => None,
            // A server that stops is waited for, who leaves is not.
            Err(failure) if asked && means == OnSignal::Leave => {
                return Err(failure.hint(format!("the job continues; to follow it again: {watch}")));
            }
            Err(failure) if !may_pass(failure.kind) => return Err(failure),
            Err(failure) => Some(failure),
        };
        if seen.elapsed() > GIVE_UP {
            return Err(given_up(client, id, why, watch));
        }
        // Once, until something was seen again.
        if let Some(failure) = &why
            && told_at.replace(seen) != Some(seen)
        {
            lost(failure);
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Follows a job as long as one connection holds.
async fn one_connection(
    client: &Client,
    id: &str,
    signal: &CancellationToken,
    means: OnSignal,
    asked: &mut bool,
    seen: &mut Instant,
    show: &mut impl FnMut(&Job),
) -> Result<Option<Job>, Failure> {
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
                *seen = Instant::now();
                show(&job);
                if jobs::JobState::from(job.state).is_over() {
                    return Ok(Some(job));
                }
            }
            () = signal.cancelled(), if !*asked => {
                *asked = true;
                match means {
                    OnSignal::Leave => return Err(Failure::new(Kind::Interrupted, "interrupted")),
                    // The events will tell what came of it, and a job that is over cannot be cancelled any more.
                    OnSignal::Cancel => match client.act::<Job>(&["jobs", &format!("{id}:cancel")]).await {
                        Err(failure) if failure.kind == Kind::Forbidden => return Err(failure),
                        Err(failure) if may_pass(failure.kind) => { *asked = false; return Err(failure); }
                        _ => {}
                    },
                }
            }
        }
    }
}

/// Whether a failure may be over in a moment.
fn may_pass(kind: Kind) -> bool {
    matches!(kind, Kind::Unreachable | Kind::Timeout | Kind::TooMany | Kind::Interrupted)
}

fn given_up(client: &Client, id: &str, lost: Option<Failure>, watch: &str) -> Failure {
    let lost = lost.unwrap_or_else(|| {
        Failure::new(Kind::Unreachable, format!("the server at {client} ends the connection again and again"))
    });
    Failure { context: Some(format!("while following job {id}")), ..lost }
        .hint(format!("when the server is available again: {watch}"))
}
