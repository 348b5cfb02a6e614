//! The queue: order, limits and admission (simulated Milvus).

use engine::{Advice, FailureKind};
use jobs::{EngineRequest, JobFailure, JobKind, JobOutcome, JobState, JobsError};
use model::plan::restore::ExistingTargetPolicy;

use crate::fixtures::{
    TestEnvironment, backup_submission, delete_submission, restore_submission, within_deadline,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_its_restore_and_its_deletion_succeed_and_are_stored() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    let job = env.run_backup(&jobs, "nightly").await;
    assert_eq!((job.by.as_str(), job.milvus_version.as_deref()), ("alice", Some("v2.3.6")));
    let Some(JobOutcome::Backup(report)) = &job.outcome else { panic!("{job:?}") };
    assert_eq!((report.rows, report.collections), (5, 1));
    assert!(job.started_ms >= Some(job.created_ms) && job.ended_ms >= job.started_ms);
    assert_eq!(job.progress.totals().percent, 100);

    let restored = within_deadline(jobs.submit(restore_submission("nightly", "_copy"))).await.unwrap();
    assert_eq!(restored.targets.len(), 1);
    assert_eq!(restored.targets[0].1.to_string(), "default.books_copy");
    let restored = within_deadline(jobs.wait(&restored.id)).await.unwrap();
    assert_eq!(restored.state, JobState::Succeeded, "{restored:?}");

    let deleted = within_deadline(jobs.submit(delete_submission("nightly"))).await.unwrap();
    let deleted = within_deadline(jobs.wait(&deleted.id)).await.unwrap();
    assert!(matches!(deleted.outcome, Some(JobOutcome::Delete(_))), "{deleted:?}");
    assert!(!env.backup_path("nightly").exists());

    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Succeeded)], 1);
    assert_eq!(jobs.last_backup(), job.ended_ms);
    // A finished job is read from the store.
    let stored = jobs.get(&job.id).unwrap();
    assert_eq!((stored.outcome, stored.progress), (job.outcome, job.progress));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_created_while_its_restore_is_queued_is_not_dropped() {
    let env = TestEnvironment::with_one_slot().await;
    let jobs = env.open_jobs();
    env.run_backup(&jobs, "nightly").await;
    env.stall_backups(1);
    let first = within_deadline(jobs.submit(backup_submission("first"))).await.unwrap();
    env.wait_until_stalled().await;
    let mut restore = restore_submission("nightly", "_copy");
    if let EngineRequest::Restore(request) = &mut restore.request {
        request.options.existing = ExistingTargetPolicy::Drop;
    }
    restore.idempotency_key = Some("key".to_owned());
    let waiting = within_deadline(jobs.submit(restore.clone())).await.unwrap();
    assert_eq!(
        within_deadline(jobs.submit(restore)).await.unwrap().id,
        waiting.id,
        "the request is repeated"
    );
    env.add_flushed_collection("books_copy", 9).await;
    jobs.cancel(&first.id).unwrap();
    let failure = within_deadline(jobs.wait(&waiting.id)).await.unwrap().failure.unwrap();
    assert_eq!(failure.kind, FailureKind::AlreadyExists);
    let message = "the drop of these existing target collections was not confirmed: default.books_copy";
    assert_eq!(failure.message, message);
    assert_eq!(env.count_rows("books_copy").await, 9);
}

#[tokio::test]
async fn a_deletion_does_not_wait_behind_backups_and_a_waiting_job_names_the_running_one() {
    let env = TestEnvironment::with_one_slot().await;
    let jobs = env.open_jobs();
    env.run_backup(&jobs, "old").await;
    env.stall_backups(1);
    let first = within_deadline(jobs.submit(backup_submission("first"))).await.unwrap();
    env.wait_until_stalled().await;
    let second = within_deadline(jobs.submit(backup_submission("second"))).await.unwrap();
    assert_eq!((second.ahead, second.waits_for), (Some(0), vec![format!("backup first (job {})", first.id)]));
    let deletion = within_deadline(jobs.submit(delete_submission("old"))).await.unwrap();
    assert_eq!(within_deadline(jobs.wait(&deletion.id)).await.unwrap().state, JobState::Succeeded);
    assert_eq!(jobs.get(&first.id).unwrap().state, JobState::Running);

    jobs.cancel(&first.id).unwrap();
    let second = within_deadline(jobs.wait(&second.id)).await.unwrap();
    assert_eq!((second.state, second.waits_for), (JobState::Succeeded, Vec::new()));
}

#[tokio::test]
async fn queued_jobs_run_in_the_order_of_submission() {
    let env = TestEnvironment::with_one_slot().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    let first = within_deadline(jobs.submit(backup_submission("first"))).await.unwrap();
    env.wait_until_stalled().await;
    let mut waiting = Vec::new();
    for (ahead, name) in ["second", "third", "fourth"].into_iter().enumerate() {
        let job = within_deadline(jobs.submit(backup_submission(name))).await.unwrap();
        assert_eq!((job.state, job.ahead), (JobState::Queued, Some(ahead)));
        waiting.push(job.id);
    }
    let error = within_deadline(jobs.submit(backup_submission("fifth"))).await.unwrap_err();
    assert!(matches!(error, JobsError::QueueFull(3)), "{error:?}");
    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Queued)], 3);

    jobs.cancel(&first.id).unwrap();
    let mut previous_end = 0;
    for id in waiting {
        let job = within_deadline(jobs.wait(&id)).await.unwrap();
        assert_eq!((job.state, job.ahead), (JobState::Succeeded, None), "{job:?}");
        assert!(job.started_ms >= Some(previous_end), "a job started before the previous one ended");
        previous_end = job.ended_ms.unwrap();
    }
    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Queued)], 0);
}

#[tokio::test]
async fn jobs_run_concurrently_up_to_the_limit() {
    let env = TestEnvironment::new().await;
    env.stall_backups(2);
    let jobs = env.open_jobs();
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(within_deadline(jobs.submit(backup_submission(name))).await.unwrap().id);
    }
    env.wait_until_stalled().await;
    assert_eq!(jobs.get(&ids[2]).unwrap().state, JobState::Queued);
    jobs.cancel(&ids[1]).unwrap();
    assert_eq!(within_deadline(jobs.wait(&ids[2])).await.unwrap().state, JobState::Succeeded);
    assert_eq!(jobs.get(&ids[0]).unwrap().state, JobState::Running);
}

#[tokio::test]
async fn a_job_runs_even_if_the_queue_has_no_room() {
    let mut env = TestEnvironment::with_one_slot().await;
    env.jobs.max_queued = 0;
    let jobs = env.open_jobs();
    env.run_backup(&jobs, "nightly").await;
}

#[tokio::test]
async fn a_submission_that_is_certain_to_fail_creates_no_job() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    env.run_backup(&jobs, "nightly").await;
    let existing_backup = within_deadline(jobs.submit(backup_submission("nightly"))).await.unwrap_err();
    assert_eq!(existing_backup.kind(), FailureKind::AlreadyExists);
    let failure = JobFailure::from(&existing_backup);
    assert_eq!(failure.message, "backup nightly exists already (complete)");
    assert!(matches!(failure.advice, Some(Advice::ChooseNameOrDelete { .. })));
    let missing_backup =
        within_deadline(jobs.submit(restore_submission("weekly", "_copy"))).await.unwrap_err();
    assert_eq!(missing_backup.kind(), FailureKind::NotFound);
    let existing_target = within_deadline(jobs.submit(restore_submission("nightly", ""))).await.unwrap_err();
    assert_eq!(existing_target.kind(), FailureKind::AlreadyExists);
    assert_eq!(jobs.list(&jobs::JobFilter::default(), None, 10).unwrap().jobs.len(), 1);
}
