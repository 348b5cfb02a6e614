//! The execution of one job, from its start to its end.

use std::sync::Arc;
use std::time::Duration;

use engine::{Engine, JobCtx, now_ms};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};
use tracing::{Instrument, Span};

use crate::active_job::ActiveJob;
use crate::ending::Ending;
use crate::error::JobsError;
use crate::failure::JobFailure;
use crate::job::{JobSnapshot, JobState, OtherPlace};
use crate::kind::{EngineRequest, JobOutcome};
use crate::shared_state::SharedState;
use crate::store::{EndRecord, StoreError, statements};

/// The time between two saves of the progress of a job while no phase changes.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(5);

/// The time after a save before the next phase of a collection is saved; it limits what is unknown after a crash.
const COLLECTION_INTERVAL: Duration = Duration::from_secs(1);

/// The time that a job waits for its progress or its end to be saved, so that a disk that hangs does not delay it.
const SAVE_TIMEOUT: Duration = Duration::from_secs(5);

/// The longest time between two attempts to save the end of a job.
const MAX_RETRY_WAIT: Duration = Duration::from_mins(1);

impl SharedState {
    /// Starts queued jobs, in order, until the limit on running jobs is reached.
    pub(crate) fn start_queued_jobs(self: &Arc<Self>) {
        let mut table = self.lock_table();
        while let Some(active) = table.dequeue_next() {
            tokio::spawn(run_job(Arc::clone(self), active));
        }
    }
}

/// Runs a job, finishes it, and starts the next queued ones.
async fn run_job(shared: Arc<SharedState>, active: Arc<ActiveJob>) {
    let job = active.snapshot();
    let span = tracing::info_span!("job", id = job.id, kind = job.kind.as_str(), backup = job.backup);
    async {
        let ending = match start_job(&shared, &active).await {
            Ok(()) => execute_and_save_progress(&shared, &active).await,
            // A job whose start is not stored is not executed, because it could be executed twice.
            Err(error) => Ending::from_failure(JobFailure::from(&JobsError::from(error))),
        };
        let end = create_end_record(&active, ending);
        let saved = timeout(SAVE_TIMEOUT, save_end(&shared, &end)).await;
        finish_job(&shared, &active, end, saved.is_ok_and(|saved| saved.is_ok()), true);
    }
    .instrument(span)
    .await;
    shared.start_queued_jobs();
}

/// Stores that the job has started, then marks it as running in memory.
async fn start_job(shared: &SharedState, active: &ActiveJob) -> Result<(), StoreError> {
    let (id, started_ms) = (active.id(), now_ms());
    shared.store.write(move |connection| statements::update_start(connection, &id, started_ms)).await?;
    let kind = active.job.borrow().kind;
    active.mark_running(started_ms);
    shared.lock_table().count_transition(kind, Some(JobState::Queued), Some(JobState::Running));
    tracing::info!("begins");
    Ok(())
}

/// Executes a job on a thread of its own and saves its progress meanwhile.
///
/// On a thread of its own, the computations of the engine do not block request handlers, and a panic fails this job
/// only.
async fn execute_and_save_progress(shared: &SharedState, active: &Arc<ActiveJob>) -> Ending {
    let job = active.snapshot();
    let JobSnapshot { id, request: Some(request), place, .. } = job else {
        return Ending::of_unknown_request(&job);
    };
    let sink = Arc::clone(active);
    let ctx = JobCtx::with_id(id, active.cancel.clone(), move |event| sink.apply_event(&event));
    let (engine, abort) = (shared.engine.clone(), active.abort.clone());
    let (runtime, span) = (Handle::current(), Span::current());
    let mut task = spawn_blocking(move || {
        let _entered = span.enter();
        runtime.block_on(abort.run_until_cancelled(execute_request(&engine, &request, &place, &ctx)))
    });
    let mut ticks = interval_at(Instant::now() + PROGRESS_INTERVAL, PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next_collection_save = Instant::now();
    let result = loop {
        let collection_changed = async {
            sleep_until(next_collection_save).await;
            active.collection_changed.notified().await;
        };
        tokio::select! {
            result = &mut task => break result,
            () = active.phase_changed.notified() => {}
            () = collection_changed => {}
            _ = ticks.tick() => {}
        }
        let save_started = Instant::now();
        let pause = if save_progress(shared, active).await { COLLECTION_INTERVAL } else { PROGRESS_INTERVAL };
        // Writing the progress of thousands of collections takes long; these saves use at most 5 % of the time.
        next_collection_save = Instant::now() + pause.max(save_started.elapsed() * 20);
    };
    let job = active.snapshot();
    match result {
        Ok(Some(result)) => Ending::from_result(result, &job, active.stop_reason()),
        Ok(None) => Ending::after_crash(&job),
        Err(error) => Ending::from_result(Err(engine::Error::Task(error.to_string())), &job, None),
    }
}

/// Executes a request with the engine, at the given backup location.
async fn execute_request(
    engine: &Engine,
    request: &EngineRequest,
    place: &OtherPlace,
    ctx: &JobCtx,
) -> Result<JobOutcome, engine::Error> {
    let engine = engine.with_backup(place.bucket.as_deref(), place.root.as_deref())?;
    request.execute(&engine, ctx).await
}

/// Saves the progress of a job and returns whether that succeeded; a failure is logged, and the next save makes up
/// for it.
async fn save_progress(shared: &SharedState, active: &ActiveJob) -> bool {
    let JobSnapshot { id, progress, .. } = active.snapshot();
    let saved = shared.store.write(move |connection| statements::update_progress(connection, &id, progress));
    match timeout(SAVE_TIMEOUT, saved).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => tracing::warn!("its progress cannot be stored: {}", engine::chain(&error)),
        Err(_) => tracing::warn!("its progress cannot be stored: the disk does not answer"),
    }
    false
}

/// Creates the record of the end of a job, with the current time and the final progress.
pub(crate) fn create_end_record(active: &ActiveJob, ending: Ending) -> EndRecord {
    let JobSnapshot { id, progress, .. } = active.snapshot();
    let Ending { state, outcome, failure } = ending;
    EndRecord { id, state, at_ms: now_ms(), outcome, failure, progress }
}

async fn save_end(shared: &SharedState, end: &EndRecord) -> Result<(), StoreError> {
    let end = end.clone();
    shared.store.write(move |connection| statements::update_end(connection, &end)).await
}

/// Marks a job as finished and announces its end.
///
/// `saved` says whether the end is stored already. If not, the write is retried in the background, and the job is
/// served from memory until it succeeds. `ran` says whether the job occupies a slot, which is given back.
pub(crate) fn finish_job(
    shared: &Arc<SharedState>,
    active: &Arc<ActiveJob>,
    end: EndRecord,
    saved: bool,
    ran: bool,
) {
    let job = active.snapshot();
    {
        let mut table = shared.lock_table();
        table.count_end(job.kind, job.state, &end);
        if ran {
            table.release_slot(active);
        }
        // The job is removed before its end is announced, so that whoever reacts to the end reads the stored job.
        if saved {
            table.remove_job(&end.id);
        }
    }
    active.mark_finished(end.clone());
    match &end.failure {
        None => tracing::info!("finished: {}", end.state.as_str()),
        Some(failure) => tracing::warn!("finished: {}: {}", end.state.as_str(), failure.message),
    }
    if !saved {
        tokio::spawn(save_end_with_retries(Arc::clone(shared), end).in_current_span());
    }
    shared.announce_end(&active.snapshot());
}

/// Makes a last attempt to save the ends that are not stored yet, and logs those that still cannot be stored.
pub(crate) async fn save_unsaved_ends(shared: &SharedState) {
    let unsaved = shared.lock_table().unsaved_jobs();
    for active in unsaved {
        let JobSnapshot { id, state, ended_ms, outcome, failure, progress, .. } = active.snapshot();
        let at_ms = ended_ms.unwrap_or_else(now_ms);
        let end = EndRecord { id, state, at_ms, outcome, failure, progress };
        if !timeout(SAVE_TIMEOUT, save_end(shared, &end)).await.is_ok_and(|saved| saved.is_ok()) {
            tracing::error!(
                job = end.id,
                "its result ({}) cannot be stored: {:?}",
                end.state.as_str(),
                end.outcome
            );
        }
    }
}

/// Retries to save the end of a job until it succeeds, with waits that grow from one second to one minute.
async fn save_end_with_retries(shared: Arc<SharedState>, end: EndRecord) {
    let mut wait = Duration::from_secs(1);
    while let Err(error) = save_end(&shared, &end).await {
        tracing::error!(
            "its result ({}) cannot be stored yet: {}",
            end.state.as_str(),
            engine::chain(&error)
        );
        sleep(wait).await;
        wait = (wait * 2).min(MAX_RETRY_WAIT);
    }
    shared.lock_table().remove_job(&end.id);
}
