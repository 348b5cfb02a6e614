//! Submissions that come twice, and ids that callers choose (simulated Milvus).

use engine::Kind;
use jobs::{JobsError, Submission};
use model::name::BackupName;

use crate::world::{World, backup, delete, in_time};

fn keyed(key: &str, submission: Submission) -> Submission {
    Submission { idempotency_key: Some(key.to_owned()), ..submission }
}

#[tokio::test]
async fn the_same_request_with_the_same_key_is_the_same_job() {
    let world = World::new().await;
    world.hold(1);
    let jobs = world.open();
    let first = in_time(jobs.submit(keyed("k", backup("nightly")))).await.unwrap();
    world.held().await;
    let again = in_time(jobs.submit(keyed("k", backup("nightly")))).await.unwrap();
    assert_eq!(again.id, first.id);
    // a key is its caller's
    let other = Submission { by: "bob".to_owned(), ..keyed("k", backup("weekly")) };
    let other = in_time(jobs.submit(other)).await.unwrap();
    assert_ne!(other.id, first.id);
    let reused = in_time(jobs.submit(keyed("k", delete("nightly")))).await.unwrap_err();
    assert!(matches!(&reused, JobsError::KeyReused { job, .. } if *job == first.id), "{reused:?}");

    jobs.cancel(&first.id).unwrap();
    in_time(jobs.wait(&first.id)).await.unwrap();
    in_time(jobs.wait(&other.id)).await.unwrap();
    jobs.shutdown(std::time::Duration::from_mins(1)).await;
    drop(jobs);
    let jobs = world.open_again().await;
    let again = in_time(jobs.submit(keyed("k", backup("nightly")))).await.unwrap();
    assert_eq!(again.id, first.id, "after a restart and long after its end");
}

#[tokio::test]
async fn a_generated_name_makes_no_other_request() {
    let world = World::new().await;
    let jobs = world.open();
    let unnamed = |second: i8| {
        let name = BackupName::generated(2026, 1, 2, 3, 4, second, 0);
        keyed("k", backup(name.as_str()))
    };
    let first = in_time(jobs.submit(unnamed(5))).await.unwrap();
    let again = in_time(jobs.submit(unnamed(6))).await.unwrap();
    assert_eq!((&again.id, again.request.backup()), (&first.id, "backup_2026_01_02_03_04_05_0"));
    let named = in_time(jobs.submit(keyed("k", backup("nightly")))).await;
    assert!(matches!(named, Err(JobsError::KeyReused { .. })), "{named:?}");
    let named = in_time(jobs.submit(keyed("n", backup("nightly")))).await.unwrap();
    let unnamed =
        in_time(jobs.submit(Submission { idempotency_key: Some("n".to_owned()), ..unnamed(7) })).await;
    assert!(matches!(&unnamed, Err(JobsError::KeyReused { job, .. }) if *job == named.id), "{unnamed:?}");
}

#[tokio::test]
async fn of_many_with_the_same_key_all_get_one_job() {
    let world = World::new().await;
    let jobs = world.open();
    let asked = (0..8).map(|_| jobs.submit(keyed("k", backup("nightly"))));
    let answers = in_time(futures::future::join_all(asked)).await;
    // who comes while another is looked at with the same key may be told that it is busy
    let ids: std::collections::BTreeSet<_> =
        answers.iter().filter_map(|answer| answer.as_ref().ok()).map(|job| &job.id).collect();
    assert_eq!(ids.len(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 0, "{answers:?}");
}

#[tokio::test]
async fn an_id_can_be_chosen_once() {
    let world = World::new().await;
    let jobs = world.open();
    let named = |id: &str, name: &str| Submission { id: Some(id.to_owned()), ..backup(name) };
    let job = in_time(jobs.submit(named("mine, täglich", "nightly"))).await.unwrap();
    assert_eq!(job.id, "mine, täglich");
    let taken = in_time(jobs.submit(named("mine, täglich", "weekly"))).await.unwrap_err();
    assert_eq!(taken.kind(), Kind::AlreadyExists);
    in_time(jobs.wait(&job.id)).await.unwrap();
    let taken = in_time(jobs.submit(named("mine, täglich", "weekly"))).await.unwrap_err();
    assert!(matches!(taken, JobsError::IdTaken(_)));
    let both = futures::future::join(jobs.submit(named("x", "a")), jobs.submit(named("x", "b")));
    let (a, b) = in_time(both).await;
    assert!(a.is_ok() != b.is_ok(), "{a:?} {b:?}");
    for bad in ["", "a\nb", &"x".repeat(129)] {
        assert_eq!(in_time(jobs.submit(named(bad, "weekly"))).await.unwrap_err().kind(), Kind::Usage);
    }
    // the backup knows its job
    let begun = std::fs::read_to_string(world.backup_path("nightly/meta/backup_meta.json")).unwrap();
    assert!(begun.contains("mine, täglich"), "{begun}");
}
