//! `/jobs/{id}/events`: a job as it goes on.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive};
use axum::response::{IntoResponse, Response, Sse};
use futures::StreamExt;

use super::super::problem::{Answer, Refusal};
use super::extract::{By, Named, NoParameters};
use crate as server;
use wire::Job;

/// How often something is sent while nothing happens, so that the connection is seen to live.
const STILL_HERE: Duration = Duration::from_secs(10);
/// The name and id of the last event.
const END: &str = "end";

/// Follow a job
///
/// Server-sent events, each with the job as it is then: `progress` at once and whenever something changed, at most four
/// a second, and `end` once it is over, which ends the stream. Comments come while nothing happens. Who comes back with
/// the `Last-Event-ID` of the end is told by 204 that nothing more comes, and a browser then stops asking.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "jobs", operation_id = "watch_job",
    params(
        ("id" = String, Path, description = "The job's id"),
        ("Last-Event-ID" = Option<String>, Header, nullable = false, description = "The id of the last event that was seen"),
    ),
    responses(
        (status = 200, description = "Events whose data are jobs", content_type = "text/event-stream", body = String),
        (status = 204, description = "The end was seen already"),
        Refusal,
    ))]
pub(super) async fn watch(
    State(state): State<server::State>,
    By(asked): By,
    Named(id): Named,
    _: NoParameters,
    headers: HeaderMap,
) -> Answer<Response> {
    let jobs = state.service.watch(&asked.caller, &id)?;
    let last = headers.get("last-event-id").and_then(|last| last.to_str().ok());
    if last == Some(END) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let first = last.and_then(|last| last.parse().ok()).map_or(0, |last: usize| last.saturating_add(1));
    let events = jobs
        .enumerate()
        .map(move |(number, job)| Ok::<_, Infallible>(event(first.saturating_add(number), &Job::from(&job))));
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(STILL_HERE));
    // What nginx would hold back comes late.
    Ok(([("x-accel-buffering", "no")], events).into_response())
}

fn event(number: usize, job: &Job) -> Event {
    let over = jobs::JobState::from(job.state).is_over();
    let id = if over { END.to_owned() } else { number.to_string() };
    let event = Event::default().id(id).event(if over { END } else { "progress" });
    // Our documents have text keys and finite numbers, so this cannot fail.
    event.json_data(job).unwrap_or_default()
}
