//! Conflicts between jobs with the same claims (simulated Milvus).

use engine::{CollectionPhase, CollectionProgress, FailureKind};
use jobs::{JobsError, OtherPlace, Submission};
use testkit::fake::Fault;

use crate::fixtures::{
    TestEnvironment, backup_submission, delete_submission, restore_submission, watch_until, within_deadline,
};

/// Returns the id of the job with which a submission conflicts.
fn expect_conflict(error: JobsError) -> String {
    assert_eq!(error.kind(), FailureKind::Busy);
    match error {
        JobsError::Busy { holder, .. } => holder,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_running_or_queued_backup_reserves_its_name() {
    let env = TestEnvironment::with_one_slot().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    let first = within_deadline(jobs.submit(backup_submission("first"))).await.unwrap();
    env.wait_until_stalled().await;
    let second = within_deadline(jobs.submit(backup_submission("second"))).await.unwrap();
    for (name, id) in [("first", &first.id), ("second", &second.id)] {
        for other in [backup_submission(name), restore_submission(name, "_copy"), delete_submission(name)] {
            let error = within_deadline(jobs.submit(other)).await.unwrap_err();
            assert_eq!(error.to_string(), format!("backup {name} is in use by job {id}"));
            assert_eq!(&expect_conflict(error), id);
        }
        assert_eq!(&jobs.by_backup(name).unwrap().unwrap().id, id);
    }
    // The same name at another backup location is another backup.
    let place =
        OtherPlace { bucket: None, root: Some(env.backup_path("elsewhere").to_str().unwrap().to_owned()) };
    let elsewhere =
        within_deadline(jobs.submit(Submission { place, ..backup_submission("second") })).await.unwrap();

    jobs.cancel(&second.id).unwrap();
    let resubmitted = within_deadline(jobs.submit(backup_submission("second"))).await.unwrap();
    jobs.cancel(&first.id).unwrap();
    for id in [&elsewhere.id, &resubmitted.id] {
        assert!(within_deadline(jobs.wait(id)).await.unwrap().failure.is_none());
    }
    assert!(env.backup_path("second/meta/backup_meta.json").exists());
    assert!(env.backup_path("elsewhere/second/meta/backup_meta.json").exists());
    assert!(jobs.by_backup("second").unwrap().is_none());
}

#[tokio::test]
async fn two_restores_may_read_one_backup_but_not_write_one_collection() {
    let env = TestEnvironment::with_one_slot().await;
    let jobs = env.open_jobs();
    env.run_backup(&jobs, "nightly").await;
    env.stall_backups(1);
    let busy = within_deadline(jobs.submit(backup_submission("busy"))).await.unwrap();
    env.wait_until_stalled().await;
    let one = within_deadline(jobs.submit(restore_submission("nightly", "_one"))).await.unwrap();
    let two = within_deadline(jobs.submit(restore_submission("nightly", "_two"))).await.unwrap();
    let error = within_deadline(jobs.submit(restore_submission("nightly", "_one"))).await.unwrap_err();
    assert_eq!(error.to_string(), format!("collection default.books_one is in use by job {}", one.id));
    assert_eq!(expect_conflict(error), one.id);
    let reader =
        expect_conflict(within_deadline(jobs.submit(delete_submission("nightly"))).await.unwrap_err());
    assert!([&one.id, &two.id].contains(&&reader));

    jobs.cancel(&busy.id).unwrap();
    for id in [&one.id, &two.id] {
        assert!(within_deadline(jobs.wait(id)).await.unwrap().failure.is_none());
    }
    assert!(within_deadline(jobs.submit(delete_submission("nightly"))).await.is_ok());
}

#[tokio::test]
async fn one_of_many_conflicting_submissions_is_accepted() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    let submissions = (0..8).map(|_| jobs.submit(backup_submission("nightly")));
    let results = within_deadline(futures::future::join_all(submissions)).await;
    let accepted: Vec<_> = results.iter().filter_map(|result| result.as_ref().ok()).collect();
    assert_eq!(accepted.len(), 1, "{results:?}");
    assert!(within_deadline(jobs.wait(&accepted[0].id)).await.unwrap().failure.is_none());
}

#[tokio::test]
async fn an_existing_target_that_an_active_job_created_is_reported_as_a_conflict() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    env.run_backup(&jobs, "nightly").await;
    env.fake.inject(Fault::ImportStuck);
    let first = within_deadline(jobs.submit(restore_submission("nightly", "_copy"))).await.unwrap();
    let importing = |c: &CollectionProgress| c.phase == Some(CollectionPhase::Importing);
    watch_until(&jobs, &first.id, |job| job.progress.collections.values().any(importing)).await;
    // The target exists because the first job created it, so the hint must not be to drop it.
    let error = within_deadline(jobs.submit(restore_submission("nightly", "_copy"))).await.unwrap_err();
    assert_eq!(error.to_string(), format!("collection default.books_copy is in use by job {}", first.id));
    assert_eq!(expect_conflict(error), first.id);
    jobs.cancel(&first.id).unwrap();
    within_deadline(jobs.wait(&first.id)).await.unwrap();
    let error = within_deadline(jobs.submit(restore_submission("nightly", "_copy"))).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::AlreadyExists);
}
