//! Repeated submissions with an idempotency key, and ids chosen by callers (simulated Milvus).

use engine::FailureKind;
use jobs::{JobsError, Submission};
use model::name::BackupName;

use crate::fixtures::{TestEnvironment, backup_submission, delete_submission, within_deadline};

fn with_key(key: &str, submission: Submission) -> Submission {
    Submission { idempotency_key: Some(key.to_owned()), ..submission }
}

#[tokio::test]
async fn a_repeated_request_with_the_same_key_returns_the_same_job() {
    let env = TestEnvironment::new().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    let first = within_deadline(jobs.submit(with_key("k", backup_submission("nightly")))).await.unwrap();
    env.wait_until_stalled().await;
    let repeated = within_deadline(jobs.submit(with_key("k", backup_submission("nightly")))).await.unwrap();
    assert_eq!(repeated.id, first.id);
    // Each caller has keys of its own.
    let other = Submission { by: "bob".to_owned(), ..with_key("k", backup_submission("weekly")) };
    let other = within_deadline(jobs.submit(other)).await.unwrap();
    assert_ne!(other.id, first.id);
    let error = within_deadline(jobs.submit(with_key("k", delete_submission("nightly")))).await.unwrap_err();
    assert!(matches!(&error, JobsError::KeyReused { job, .. } if *job == first.id), "{error:?}");

    jobs.cancel(&first.id).unwrap();
    within_deadline(jobs.wait(&first.id)).await.unwrap();
    within_deadline(jobs.wait(&other.id)).await.unwrap();
    jobs.shutdown(std::time::Duration::from_mins(1)).await;
    drop(jobs);
    let jobs = env.reopen_jobs().await;
    let repeated = within_deadline(jobs.submit(with_key("k", backup_submission("nightly")))).await.unwrap();
    assert_eq!(repeated.id, first.id, "the key is found after the end of the job and a restart");
}

#[tokio::test]
async fn requests_that_differ_only_in_generated_names_are_the_same() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    let with_generated_name = |second: i8| {
        let name = BackupName::generated(2026, 1, 2, 3, 4, second, 0);
        Submission { name_generated: true, ..with_key("k", backup_submission(name.as_str())) }
    };
    let first = within_deadline(jobs.submit(with_generated_name(5))).await.unwrap();
    let repeated = within_deadline(jobs.submit(with_generated_name(6))).await.unwrap();
    assert_eq!((&repeated.id, repeated.backup.as_str()), (&first.id, "backup_2026_01_02_03_04_05_0"));
    let chosen = with_key("k", backup_submission("backup_2026_01_02_03_04_06_0"));
    let chosen = within_deadline(jobs.submit(chosen)).await;
    assert!(
        matches!(chosen, Err(JobsError::KeyReused { .. })),
        "the form of a name does not matter: {chosen:?}"
    );
    let named = within_deadline(jobs.submit(with_key("k", backup_submission("nightly")))).await;
    assert!(matches!(named, Err(JobsError::KeyReused { .. })), "{named:?}");
    let named = within_deadline(jobs.submit(with_key("n", backup_submission("nightly")))).await.unwrap();
    let unnamed = within_deadline(
        jobs.submit(Submission { idempotency_key: Some("n".to_owned()), ..with_generated_name(7) }),
    )
    .await;
    assert!(matches!(&unnamed, Err(JobsError::KeyReused { job, .. }) if *job == named.id), "{unnamed:?}");
}

#[tokio::test]
async fn tables_without_the_column_for_generated_names_are_upgraded() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    let first = within_deadline(jobs.submit(with_key("k", backup_submission("nightly")))).await.unwrap();
    within_deadline(jobs.wait(&first.id)).await.unwrap();
    jobs.shutdown(std::time::Duration::from_mins(1)).await;
    drop(jobs);
    let file = env.jobs.data_dir.join("jobs.db");
    let database = rusqlite::Connection::open(file).unwrap();
    database.execute_batch("ALTER TABLE jobs DROP COLUMN name_generated").unwrap();
    drop(database);
    let jobs = env.reopen_jobs().await;
    let repeated = within_deadline(jobs.submit(with_key("k", backup_submission("nightly")))).await.unwrap();
    assert_eq!(repeated.id, first.id);
}

#[tokio::test]
async fn concurrent_submissions_with_the_same_key_get_one_job() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    let submissions = (0..8).map(|_| jobs.submit(with_key("k", backup_submission("nightly"))));
    let results = within_deadline(futures::future::join_all(submissions)).await;
    let ids: std::collections::BTreeSet<_> =
        results.iter().filter_map(|result| result.as_ref().ok()).map(|job| &job.id).collect();
    assert_eq!(ids.len(), 1, "{results:?}");
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 0, "{results:?}");
}

#[tokio::test]
async fn an_id_can_be_used_once() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    let with_id = |id: &str, name: &str| Submission { id: Some(id.to_owned()), ..backup_submission(name) };
    let job = within_deadline(jobs.submit(with_id("mine, täglich", "nightly"))).await.unwrap();
    assert_eq!(job.id, "mine, täglich");
    let error = within_deadline(jobs.submit(with_id("mine, täglich", "weekly"))).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::AlreadyExists);
    within_deadline(jobs.wait(&job.id)).await.unwrap();
    let error = within_deadline(jobs.submit(with_id("mine, täglich", "weekly"))).await.unwrap_err();
    assert!(matches!(error, JobsError::IdTaken(_)));
    let concurrent = futures::future::join(jobs.submit(with_id("x", "a")), jobs.submit(with_id("x", "b")));
    let (a, b) = within_deadline(Box::pin(concurrent)).await;
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    for bad in ["", "a\nb", &"x".repeat(129)] {
        assert_eq!(
            within_deadline(jobs.submit(with_id(bad, "weekly"))).await.unwrap_err().kind(),
            FailureKind::Usage
        );
    }
    // The backup contains the id of its job.
    let head = std::fs::read_to_string(env.backup_path("nightly/meta/backup_meta.json")).unwrap();
    assert!(head.contains("mine, täglich"), "{head}");
}
