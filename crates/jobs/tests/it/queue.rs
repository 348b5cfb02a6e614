//! Who runs when (simulated Milvus).

use engine::Kind;
use jobs::{JobKind, JobState, JobsError, Outcome, Request};
use model::plan::restore::Existing;

use crate::world::{World, backup, delete, in_time, restore};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_its_restore_and_its_deletion_are_done_and_kept() {
    let world = World::new().await;
    let jobs = world.open();
    let job = world.backed_up(&jobs, "nightly").await;
    assert_eq!((job.by.as_str(), job.milvus_version.as_deref()), ("alice", Some("v2.3.6")));
    let Some(Outcome::Backup(report)) = &job.outcome else { panic!("{job:?}") };
    assert_eq!((report.rows, report.collections), (5, 1));
    assert!(job.started_ms >= Some(job.created_ms) && job.ended_ms >= job.started_ms);
    assert_eq!(job.progress.over(), 1);

    let restored = in_time(jobs.submit(restore("nightly", "_copy"))).await.unwrap();
    assert_eq!(restored.targets.len(), 1);
    assert_eq!(restored.targets[0].1.to_string(), "default.books_copy");
    let restored = in_time(jobs.wait(&restored.id)).await.unwrap();
    assert_eq!(restored.state, JobState::Succeeded, "{restored:?}");

    let deleted = in_time(jobs.submit(delete("nightly"))).await.unwrap();
    let deleted = in_time(jobs.wait(&deleted.id)).await.unwrap();
    assert!(matches!(deleted.outcome, Some(Outcome::Delete(_))), "{deleted:?}");
    assert!(!world.backup_path("nightly").exists());

    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Succeeded)], 1);
    assert_eq!(jobs.last_backup(), job.ended_ms);
    // read from the store, where it lies once it is over
    let kept = jobs.get(&job.id).unwrap();
    assert_eq!((kept.outcome, kept.progress), (job.outcome, job.progress));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collection_that_is_created_while_its_restore_waits_is_not_dropped() {
    let world = World::one_at_a_time().await;
    let jobs = world.open();
    world.backed_up(&jobs, "nightly").await;
    world.hold(1);
    let first = in_time(jobs.submit(backup("first"))).await.unwrap();
    world.held().await;
    let mut restore = restore("nightly", "_copy");
    if let Request::Restore(request) = &mut restore.request {
        request.existing = Existing::Drop;
    }
    restore.idempotency_key = Some("key".to_owned());
    let waiting = in_time(jobs.submit(restore.clone())).await.unwrap();
    assert_eq!(in_time(jobs.submit(restore)).await.unwrap().id, waiting.id, "it is the same request");
    world.fill("books_copy", 9).await;
    jobs.cancel(&first.id).unwrap();
    let failure = in_time(jobs.wait(&waiting.id)).await.unwrap().failure.unwrap();
    assert_eq!(failure.kind, Kind::AlreadyExists);
    let told = "target collections exist whose drop was not confirmed: default.books_copy";
    assert_eq!(failure.message, told);
    assert_eq!(world.rows("books_copy").await, 9);
}

#[tokio::test]
async fn those_that_wait_run_in_the_order_they_came() {
    let world = World::one_at_a_time().await;
    world.hold(1);
    let jobs = world.open();
    let first = in_time(jobs.submit(backup("first"))).await.unwrap();
    world.held().await;
    let mut waiting = Vec::new();
    for (ahead, name) in ["second", "third", "fourth"].into_iter().enumerate() {
        let job = in_time(jobs.submit(backup(name))).await.unwrap();
        assert_eq!((job.state, job.ahead), (JobState::Queued, Some(ahead)));
        waiting.push(job.id);
    }
    let full = in_time(jobs.submit(backup("fifth"))).await.unwrap_err();
    assert!(matches!(full, JobsError::QueueFull(3)), "{full:?}");
    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Queued)], 3);

    jobs.cancel(&first.id).unwrap();
    let mut ended = 0;
    for id in waiting {
        let job = in_time(jobs.wait(&id)).await.unwrap();
        assert_eq!((job.state, job.ahead), (JobState::Succeeded, None), "{job:?}");
        assert!(job.started_ms >= Some(ended), "one began before the one before it was over");
        ended = job.ended_ms.unwrap();
    }
    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Queued)], 0);
}

#[tokio::test]
async fn as_many_run_at_once_as_may() {
    let world = World::new().await;
    world.hold(2);
    let jobs = world.open();
    let mut ids = Vec::new();
    for name in ["a", "b", "c"] {
        ids.push(in_time(jobs.submit(backup(name))).await.unwrap().id);
    }
    world.held().await;
    assert_eq!(jobs.get(&ids[2]).unwrap().state, JobState::Queued);
    jobs.cancel(&ids[1]).unwrap();
    assert_eq!(in_time(jobs.wait(&ids[2])).await.unwrap().state, JobState::Succeeded);
    assert_eq!(jobs.get(&ids[0]).unwrap().state, JobState::Running);
}

#[tokio::test]
async fn where_none_may_wait_one_runs_all_the_same() {
    let mut world = World::one_at_a_time().await;
    world.jobs.max_queued = 0;
    let jobs = world.open();
    world.backed_up(&jobs, "nightly").await;
}

#[tokio::test]
async fn what_is_certain_to_fail_is_no_job() {
    let world = World::new().await;
    let jobs = world.open();
    world.backed_up(&jobs, "nightly").await;
    let taken = in_time(jobs.submit(backup("nightly"))).await.unwrap_err();
    assert_eq!(taken.kind(), Kind::AlreadyExists);
    let failure = taken.failure();
    assert_eq!(failure.message, "backup nightly exists already (complete)");
    assert!(failure.hint.unwrap().contains("delete it first"));
    let missing = in_time(jobs.submit(restore("weekly", "_copy"))).await.unwrap_err();
    assert_eq!(missing.kind(), Kind::NotFound);
    let there = in_time(jobs.submit(restore("nightly", ""))).await.unwrap_err();
    assert_eq!(there.kind(), Kind::AlreadyExists);
    assert_eq!(jobs.list(&jobs::JobFilter::default(), None, 10).unwrap().jobs.len(), 1);
}
