//! The route `/jobs/{id}/events`, which follows a job.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures::StreamExt;

use super::super::problem::{ProblemOr, ProblemResponses};
use super::extract::{Authenticated, NoQueryParameters, PathName};
use crate as server;
use wire::Job;

/// The interval of comments that keep an idle connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// The name and id of the last event.
const END: &str = "end";

/// Follow a job
///
/// Sends server-sent events with the job: `progress` immediately and after each change, at most four times a second,
/// and `end` when the job is finished, which ends the stream. Comments keep an idle connection open. A request with the
/// `Last-Event-ID` of the end gets 204, which stops a browser from reconnecting.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "jobs", operation_id = "watch_job",
    params(
        ("id" = String, Path, description = "Id of the job"),
        ("Last-Event-ID" = Option<String>, Header, nullable = false, description = "Id of the last received event"),
    ),
    responses(
        (status = 200, description = "Events with the job as data", content_type = "text/event-stream", body = String),
        (status = 204, description = "The last event was already received"),
        ProblemResponses,
    ))]
pub(super) async fn watch(
    State(state): State<server::ServerState>,
    Authenticated(context): Authenticated,
    PathName(id): PathName,
    _: NoQueryParameters,
    headers: HeaderMap,
) -> ProblemOr<Response> {
    let jobs = state.service.watch(&context.caller, &id)?;
    let last = headers.get("last-event-id").and_then(|last| last.to_str().ok());
    if last == Some(END) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let first = last.and_then(|last| last.parse().ok()).map_or(0, |last: usize| last.saturating_add(1));
    let events = jobs
        .enumerate()
        .map(move |(number, job)| Ok::<_, Infallible>(event(first.saturating_add(number), &Job::from(&job))));
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // Without this header nginx buffers the events.
    Ok(([("x-accel-buffering", "no")], events).into_response())
}

fn event(number: usize, job: &Job) -> Event {
    let over = jobs::JobState::from(job.state).is_over();
    let id = if over { END.to_owned() } else { number.to_string() };
    let event = Event::default().id(id).event(if over { END } else { "progress" });
    // Documents have text keys and finite numbers, so this cannot fail.
    event.json_data(job).unwrap_or_default()
}
