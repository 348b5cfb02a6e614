//! Two jobs that would be at the same (simulated Milvus).

use engine::{CollectionPhase, CollectionProgress, Kind};
use jobs::{JobsError, OtherPlace, Submission};
use testkit::fake::Fault;

use crate::world::{World, backup, delete, in_time, restore, seen};

fn holder(error: JobsError) -> String {
    assert_eq!(error.kind(), Kind::Busy);
    match error {
        JobsError::Busy { holder, .. } => holder,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_name_that_a_job_is_making_is_taken_by_it_even_while_it_waits() {
    let world = World::one_at_a_time().await;
    world.hold(1);
    let jobs = world.open();
    let first = in_time(jobs.submit(backup("first"))).await.unwrap();
    world.held().await;
    let second = in_time(jobs.submit(backup("second"))).await.unwrap();
    for (name, by) in [("first", &first.id), ("second", &second.id)] {
        for other in [backup(name), restore(name, "_copy"), delete(name)] {
            let error = in_time(jobs.submit(other)).await.unwrap_err();
            assert_eq!(error.to_string(), format!("backup {name} is taken by job {by}"));
            assert_eq!(&holder(error), by);
        }
        assert_eq!(&jobs.by_backup(name).unwrap().unwrap().id, by);
    }
    // at another place the same name is another backup
    let place =
        OtherPlace { bucket: None, root: Some(world.backup_path("elsewhere").to_str().unwrap().to_owned()) };
    let elsewhere = in_time(jobs.submit(Submission { place, ..backup("second") })).await.unwrap();

    jobs.cancel(&second.id).unwrap();
    let again = in_time(jobs.submit(backup("second"))).await.unwrap();
    jobs.cancel(&first.id).unwrap();
    for id in [&elsewhere.id, &again.id] {
        assert!(in_time(jobs.wait(id)).await.unwrap().failure.is_none());
    }
    assert!(world.backup_path("second/meta/backup_meta.json").exists());
    assert!(world.backup_path("elsewhere/second/meta/backup_meta.json").exists());
    assert!(jobs.by_backup("second").unwrap().is_none());
}

#[tokio::test]
async fn two_restores_may_read_one_backup_but_not_fill_one_collection() {
    let world = World::one_at_a_time().await;
    let jobs = world.open();
    world.backed_up(&jobs, "nightly").await;
    world.hold(1);
    let busy = in_time(jobs.submit(backup("busy"))).await.unwrap();
    world.held().await;
    let one = in_time(jobs.submit(restore("nightly", "_one"))).await.unwrap();
    let two = in_time(jobs.submit(restore("nightly", "_two"))).await.unwrap();
    let error = in_time(jobs.submit(restore("nightly", "_one"))).await.unwrap_err();
    assert_eq!(error.to_string(), format!("collection default.books_one is taken by job {}", one.id));
    assert_eq!(holder(error), one.id);
    let reader = holder(in_time(jobs.submit(delete("nightly"))).await.unwrap_err());
    assert!([&one.id, &two.id].contains(&&reader));

    jobs.cancel(&busy.id).unwrap();
    for id in [&one.id, &two.id] {
        assert!(in_time(jobs.wait(id)).await.unwrap().failure.is_none());
    }
    assert!(in_time(jobs.submit(delete("nightly"))).await.is_ok());
}

#[tokio::test]
async fn of_many_that_want_the_same_one_gets_it() {
    let world = World::new().await;
    let jobs = world.open();
    let asked = (0..8).map(|_| jobs.submit(backup("nightly")));
    let answers = in_time(futures::future::join_all(asked)).await;
    let taken: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().ok()).collect();
    assert_eq!(taken.len(), 1, "{answers:?}");
    assert!(in_time(jobs.wait(&taken[0].id)).await.unwrap().failure.is_none());
}

#[tokio::test]
async fn a_collection_that_a_job_has_made_already_is_told_as_its() {
    let world = World::new().await;
    let jobs = world.open();
    world.backed_up(&jobs, "nightly").await;
    world.fake.inject(Fault::ImportStuck);
    let first = in_time(jobs.submit(restore("nightly", "_copy"))).await.unwrap();
    let importing = |c: &CollectionProgress| c.phase == Some(CollectionPhase::Importing);
    seen(&jobs, &first.id, |job| job.progress.collections.values().any(importing)).await;
    // what is there already is made by the first: to drop it is no way out
    let error = in_time(jobs.submit(restore("nightly", "_copy"))).await.unwrap_err();
    assert_eq!(error.to_string(), format!("collection default.books_copy is taken by job {}", first.id));
    assert_eq!(holder(error), first.id);
    jobs.cancel(&first.id).unwrap();
    in_time(jobs.wait(&first.id)).await.unwrap();
    let error = in_time(jobs.submit(restore("nightly", "_copy"))).await.unwrap_err();
    assert_eq!(error.kind(), Kind::AlreadyExists);
}
