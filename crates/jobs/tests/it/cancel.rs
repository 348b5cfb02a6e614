//! Cancellation of jobs (simulated Milvus).

use engine::{Advice, CollectionPhase, DeleteRequest, FailureKind, JobCtx};
use jobs::{EngineRequest, JobOutcome, JobState, JobsError};
use model::plan::restore::ExistingTargetPolicy;
use testkit::fake::Fault;

use crate::fixtures::{TestEnvironment, backup_submission, restore_submission, watch_until, within_deadline};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_running_job_stops_and_describes_what_it_left() {
    let env = TestEnvironment::new().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    let id = within_deadline(jobs.submit(backup_submission("nightly"))).await.unwrap().id;
    env.wait_until_stalled().await;
    let cancelled = jobs.cancel(&id).unwrap();
    assert!(cancelled.cancelling || cancelled.state.is_over());
    let job = within_deadline(jobs.wait(&id)).await.unwrap();
    assert_eq!((job.state, job.cancelling), (JobState::Cancelled, false));
    let failure = job.failure.unwrap();
    assert_eq!(failure.kind, FailureKind::Interrupted);
    assert_eq!(failure.message, "cancelled: nightly is left unfinished");
    assert_eq!(failure.context.as_deref(), Some("in phase copy"));
    let expected = Advice::DeleteAndCreateAgain { backup: "nightly".to_owned() };
    assert_eq!(failure.advice, Some(expected));
    // The advice is followed.
    let request = DeleteRequest { name: "nightly".parse().unwrap(), force: false };
    let (engine, ctx) = (env.engine(), JobCtx::detached());
    let prepared = within_deadline(engine.plan_delete(&request, &ctx)).await.unwrap();
    within_deadline(engine.delete(prepared, &ctx)).await.unwrap();
    env.run_backup(&jobs, "nightly").await;

    let error = jobs.cancel(&id).unwrap_err();
    assert_eq!(error.to_string(), format!("job {id} is finished (cancelled)"));
    assert!(matches!(error, JobsError::Over { state: JobState::Cancelled, .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_queued_job_is_finished_at_once() {
    let env = TestEnvironment::with_one_slot().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    let first = within_deadline(jobs.submit(backup_submission("first"))).await.unwrap();
    env.wait_until_stalled().await;
    let second = within_deadline(jobs.submit(backup_submission("second"))).await.unwrap();
    let third = within_deadline(jobs.submit(backup_submission("third"))).await.unwrap();
    assert_eq!(third.ahead, Some(1));
    let cancelled = jobs.cancel(&second.id).unwrap();
    assert_eq!((cancelled.state, cancelled.started_ms), (JobState::Cancelled, None));
    assert_eq!(cancelled.failure.unwrap().message, "cancelled before it started: nothing was changed");
    watch_until(&jobs, &third.id, |job| job.ahead == Some(0)).await;
    assert_eq!(jobs.get(&second.id).unwrap().state, JobState::Cancelled);
    jobs.cancel(&first.id).unwrap();
    assert_eq!(within_deadline(jobs.wait(&third.id)).await.unwrap().state, JobState::Succeeded);
    assert!(!env.backup_path("second").exists());
}

#[tokio::test]
async fn a_restore_names_the_targets_that_are_incomplete() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    env.run_backup(&jobs, "nightly").await;
    env.fake.inject(Fault::ImportStuck);
    let id = within_deadline(jobs.submit(restore_submission("nightly", "_copy"))).await.unwrap().id;
    let importing = |phase: &Option<CollectionPhase>| *phase == Some(CollectionPhase::Importing);
    watch_until(&jobs, &id, |job| job.progress.collections.values().any(|c| importing(&c.phase))).await;
    jobs.cancel(&id).unwrap();
    let job = within_deadline(jobs.wait(&id)).await.unwrap();
    assert_eq!(job.state, JobState::Cancelled);
    assert!(matches!(job.outcome, Some(JobOutcome::Restore(_))));
    let failure = job.failure.unwrap();
    let message =
        "cancelled: 0 of 1 collections are restored, left in place and incomplete: default.books_copy";
    assert_eq!(failure.message, message);
    let Some(Advice::RestoreRemaining(remaining)) = failure.advice else { panic!("{:?}", failure.advice) };
    assert_eq!(remaining.options.existing, ExistingTargetPolicy::Drop);
    // The advice is followed.
    let mut resumed = restore_submission("nightly", "_copy");
    if let EngineRequest::Restore(request) = &mut resumed.request {
        request.options.existing = ExistingTargetPolicy::Drop;
    }
    let resumed = within_deadline(jobs.submit(resumed)).await.unwrap();
    assert_eq!(within_deadline(jobs.wait(&resumed.id)).await.unwrap().state, JobState::Succeeded);
}

#[tokio::test]
async fn an_unknown_id_is_not_found() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    assert_eq!(jobs.cancel("x").unwrap_err().kind(), FailureKind::NotFound);
    assert_eq!(jobs.get("x").unwrap_err().to_string(), "there is no job x");
    assert!(jobs.watch("x").is_err());
    assert!(within_deadline(jobs.wait("x")).await.is_err());
}
