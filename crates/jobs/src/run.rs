//! One job from its turn to its end.

use std::sync::Arc;
use std::time::Duration;

use engine::{Engine, JobCtx, now_ms};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};
use tracing::{Instrument, Span};

use crate::ending::Ending;
use crate::error::JobsError;
use crate::job::{Job, JobState, OtherPlace, Outcome, Request};
use crate::live::Live;
use crate::shared::Shared;
use crate::store::{Ended, StoreError, rows};

/// How often the progress of a job is kept while nothing but numbers changes.
const KEEP_PROGRESS: Duration = Duration::from_secs(5);

/// How long after it was kept it may be kept because a collection went on: what a crash leaves must be known.
const BETWEEN: Duration = Duration::from_secs(1);

/// How long a job waits for its progress, or its end, to be kept; it is not held up by a disk that hangs.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest time between two tries to keep the end of a job.
const RETRY: Duration = Duration::from_mins(1);

impl Shared {
    /// Begins as many jobs as may run.
    pub(crate) fn turn(self: &Arc<Self>) {
        let mut table = self.table();
        while let Some(live) = table.next() {
            tokio::spawn(run(Arc::clone(self), live));
        }
    }
}

async fn run(shared: Arc<Shared>, live: Arc<Live>) {
    let job = live.now();
    let span = tracing::info_span!(
        "job",
        id = job.id,
        kind = job.request.kind().as_str(),
        backup = job.request.backup()
    );
    async {
        let ending = match begin(&shared, &live).await {
            Ok(()) => work(&shared, &live).await,
            // what is not known to have begun could be begun twice
            Err(error) => Ending::failed(JobsError::from(error).failure()),
        };
        let ended = ended(&live, ending);
        let kept = timeout(PATIENCE, keep_end(&shared, &ended)).await;
        conclude(&shared, &live, ended, kept.is_ok_and(|kept| kept.is_ok()), true);
    }
    .instrument(span)
    .await;
    shared.turn();
}

async fn begin(shared: &Shared, live: &Live) -> Result<(), StoreError> {
    let (id, started_ms) = (live.id(), now_ms());
    shared.store.write(move |connection| rows::start(connection, &id, started_ms)).await?;
    let kind = live.job.borrow().request.kind();
    live.begin(started_ms);
    shared.table().count(kind, Some(JobState::Queued), Some(JobState::Running));
    tracing::info!("begins");
    Ok(())
}

/// Does the work on a thread of its own: what it reckons does not hold up those who ask meanwhile, and if it panics,
/// a job has failed and no more.
async fn work(shared: &Shared, live: &Arc<Live>) -> Ending {
    let Job { id, request, place, .. } = live.now();
    let sink = Arc::clone(live);
    let ctx = JobCtx::with_id(id, live.cancel.clone(), move |event| sink.take(&event));
    let (engine, abort) = (shared.engine.clone(), live.abort.clone());
    let (runtime, span) = (Handle::current(), Span::current());
    let mut task = spawn_blocking(move || {
        let _within = span.enter();
        runtime.block_on(abort.run_until_cancelled(perform(&engine, &request, &place, &ctx)))
    });
    let mut ticks = interval_at(Instant::now() + KEEP_PROGRESS, KEEP_PROGRESS);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut next = Instant::now();
    let done = loop {
        let step = async {
            sleep_until(next).await;
            live.step.notified().await;
        };
        tokio::select! {
            done = &mut task => break done,
            () = live.phase.notified() => {}
            () = step => {}
            _ = ticks.tick() => {}
        }
        let begun = Instant::now();
        let pause = if keep_progress(shared, live).await { BETWEEN } else { KEEP_PROGRESS };
        // of thousands of collections it takes long to write, which shall not be all that is done
        next = Instant::now() + pause.max(begun.elapsed() * 20);
    };
    let job = live.now();
    match done {
        Ok(Some(done)) => Ending::of(done, &job, live.stopped()),
        Ok(None) => Ending::crashed(&job),
        Err(error) => Ending::of(Err(engine::Error::Task(error.to_string())), &job, None),
    }
}

async fn perform(
    engine: &Engine,
    request: &Request,
    place: &OtherPlace,
    ctx: &JobCtx,
) -> Result<Outcome, engine::Error> {
    let engine = engine.with_backup(place.bucket.as_deref(), place.root.as_deref())?;
    match request {
        Request::Backup(request) => {
            let prepared = engine.plan_backup(request, ctx).await?;
            engine.backup(prepared, ctx).await.map(Outcome::Backup)
        }
        Request::Restore(request) => {
            let prepared = engine.plan_restore(request, ctx).await?;
            engine.restore(prepared, ctx).await.map(Outcome::Restore)
        }
        Request::Delete(request) => {
            let prepared = engine.plan_delete(request, ctx).await?;
            engine.delete(prepared, ctx).await.map(Outcome::Delete)
        }
    }
}

/// Returns whether it is kept; a miss is made up by the next time.
async fn keep_progress(shared: &Shared, live: &Live) -> bool {
    let Job { id, progress, .. } = live.now();
    let kept = shared.store.write(move |connection| rows::keep_progress(connection, &id, progress));
    match timeout(PATIENCE, kept).await {
        Ok(Ok(())) => return true,
        Ok(Err(error)) => tracing::warn!("its progress is not kept: {}", engine::chain(&error)),
        Err(_) => tracing::warn!("its progress is not kept: the disk does not answer"),
    }
    false
}

/// How a job ended, as it is kept.
pub(crate) fn ended(live: &Live, ending: Ending) -> Ended {
    let Job { id, progress, .. } = live.now();
    let Ending { state, outcome, failure } = ending;
    Ended { id, state, at_ms: now_ms(), outcome, failure, progress }
}

async fn keep_end(shared: &Shared, ended: &Ended) -> Result<(), StoreError> {
    let ended = ended.clone();
    shared.store.write(move |connection| rows::end(connection, &ended)).await
}

/// Tells everybody that a job is over; where its end could not be kept, that is tried on and on, and the job is
/// answered from memory meanwhile.
pub(crate) fn conclude(shared: &Arc<Shared>, live: &Arc<Live>, ended: Ended, kept: bool, ran: bool) {
    let job = live.now();
    {
        let mut table = shared.table();
        table.count_end(job.request.kind(), job.state, &ended);
        if ran {
            table.leave();
        }
        // before anybody hears of the end: who then asks gets what is kept
        if kept {
            table.forget(&ended.id);
        }
    }
    live.end(ended.clone());
    match &ended.failure {
        None => tracing::info!("is over: {}", ended.state.as_str()),
        Some(failure) => tracing::warn!("is over: {}: {}", ended.state.as_str(), failure.message),
    }
    if !kept {
        tokio::spawn(keep_on(Arc::clone(shared), ended).in_current_span());
    }
    shared.tell_ended(&live.now());
}

/// Tries a last time to keep the ends that could not be kept; one that cannot is at least in the log.
pub(crate) async fn keep_last(shared: &Shared) {
    let unkept = shared.table().unkept();
    for live in unkept {
        let Job { id, state, ended_ms, outcome, failure, progress, .. } = live.now();
        let at_ms = ended_ms.unwrap_or_else(now_ms);
        let ended = Ended { id, state, at_ms, outcome, failure, progress };
        if !timeout(PATIENCE, keep_end(shared, &ended)).await.is_ok_and(|kept| kept.is_ok()) {
            tracing::error!(
                job = ended.id,
                "its end ({}) is not kept: {:?}",
                ended.state.as_str(),
                ended.outcome
            );
        }
    }
}

async fn keep_on(shared: Arc<Shared>, ended: Ended) {
    let mut pause = Duration::from_secs(1);
    while let Err(error) = keep_end(&shared, &ended).await {
        tracing::error!("its end ({}) is not kept yet: {}", ended.state.as_str(), engine::chain(&error));
        sleep(pause).await;
        pause = (pause * 2).min(RETRY);
    }
    shared.table().forget(&ended.id);
}
