//! `/jobs/{id}/events`: a job as it goes on.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures::{Stream, StreamExt};

use super::super::problem::{Answer, Refusal};
use super::extract::{By, Named};
use crate::server;
use crate::wire::Job;

/// How often something is sent while nothing happens, so that the connection is seen to live.
const STILL_HERE: Duration = Duration::from_secs(10);

/// Follow a job
///
/// Server-sent events, each with the job as it is then: `progress` at once and whenever something changed, at most four
/// a second, and `end` once it is over, which ends the stream. Comments come while nothing happens.
#[utoipa::path(get, path = "/jobs/{id}/events", tag = "jobs", operation_id = "watch_job", params(("id" = String, Path, description = "The job's id")),
    responses((status = 200, description = "Events whose data are jobs", content_type = "text/event-stream", body = String), Refusal))]
pub(super) async fn watch(
    State(state): State<server::State>,
    By(asked): By,
    Named(id): Named,
) -> Answer<Sse<impl Stream<Item = Result<Event, Infallible>>>> {
    let jobs = state.service.watch(&asked.caller, &id)?;
    let events = jobs.enumerate().map(|(number, job)| Ok(event(number, &Job::from(&job))));
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(STILL_HERE)))
}

fn event(number: usize, job: &Job) -> Event {
    let over = jobs::JobState::from(job.state).is_over();
    let event = Event::default().id(number.to_string()).event(if over { "end" } else { "progress" });
    // Our documents have text keys and finite numbers, so this cannot fail.
    event.json_data(job).unwrap_or_default()
}
