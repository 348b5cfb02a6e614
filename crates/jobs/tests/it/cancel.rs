//! Jobs that are told to stop (simulated Milvus).

use engine::{CollectionPhase, DeleteRequest, JobCtx, Kind};
use jobs::{JobState, JobsError, Outcome, Request};
use model::plan::restore::Existing;
use testkit::fake::Fault;

use crate::world::{World, backup, in_time, restore, seen};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_runs_stops_and_says_what_it_left() {
    let world = World::new().await;
    world.hold(1);
    let jobs = world.open();
    let id = in_time(jobs.submit(backup("nightly"))).await.unwrap().id;
    world.held().await;
    let told = jobs.cancel(&id).unwrap();
    assert!(told.cancelling || told.state.is_over());
    let job = in_time(jobs.wait(&id)).await.unwrap();
    assert_eq!((job.state, job.cancelling), (JobState::Cancelled, false));
    let failure = job.failure.unwrap();
    assert_eq!(failure.kind, Kind::Interrupted);
    assert_eq!(failure.message, "cancelled: nightly is left unfinished");
    assert_eq!(failure.context.as_deref(), Some("in phase copy"));
    assert_eq!(failure.hint.as_deref(), Some("delete nightly and create it again"));
    // as it says
    let request = DeleteRequest { name: "nightly".parse().unwrap() };
    let (engine, ctx) = (world.engine(), JobCtx::detached());
    let prepared = in_time(engine.plan_delete(&request, &ctx)).await.unwrap();
    in_time(engine.delete(prepared, &ctx)).await.unwrap();
    world.backed_up(&jobs, "nightly").await;

    let over = jobs.cancel(&id).unwrap_err();
    assert_eq!(over.to_string(), format!("job {id} is over: cancelled"));
    assert!(matches!(over, JobsError::Over { state: JobState::Cancelled, .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_waits_is_over_at_once() {
    let world = World::one_at_a_time().await;
    world.hold(1);
    let jobs = world.open();
    let first = in_time(jobs.submit(backup("first"))).await.unwrap();
    world.held().await;
    let second = in_time(jobs.submit(backup("second"))).await.unwrap();
    let third = in_time(jobs.submit(backup("third"))).await.unwrap();
    assert_eq!(third.ahead, Some(1));
    let cancelled = jobs.cancel(&second.id).unwrap();
    assert_eq!((cancelled.state, cancelled.started_ms), (JobState::Cancelled, None));
    assert_eq!(cancelled.failure.unwrap().message, "cancelled before it began: nothing was changed");
    seen(&jobs, &third.id, |job| job.ahead == Some(0)).await;
    assert_eq!(jobs.get(&second.id).unwrap().state, JobState::Cancelled);
    jobs.cancel(&first.id).unwrap();
    assert_eq!(in_time(jobs.wait(&third.id)).await.unwrap().state, JobState::Succeeded);
    assert!(!world.backup_path("second").exists());
}

#[tokio::test]
async fn a_restore_names_the_targets_that_are_incomplete() {
    let world = World::new().await;
    let jobs = world.open();
    world.backed_up(&jobs, "nightly").await;
    world.fake.inject(Fault::ImportStuck);
    let id = in_time(jobs.submit(restore("nightly", "_copy"))).await.unwrap().id;
    let importing = |phase: &Option<CollectionPhase>| *phase == Some(CollectionPhase::Importing);
    seen(&jobs, &id, |job| job.progress.collections.values().any(|c| importing(&c.phase))).await;
    jobs.cancel(&id).unwrap();
    let job = in_time(jobs.wait(&id)).await.unwrap();
    assert_eq!(job.state, JobState::Cancelled);
    assert!(matches!(job.outcome, Some(Outcome::Restore(_))));
    let failure = job.failure.unwrap();
    let left = "cancelled: 0 of 1 collections are restored, left in place and incomplete: default.books_copy";
    assert_eq!(failure.message, left);
    assert!(failure.hint.unwrap().contains("--drop-exist-collection"));
    // as it says
    let mut again = restore("nightly", "_copy");
    if let Request::Restore(request) = &mut again.request {
        request.existing = Existing::Drop;
    }
    let again = in_time(jobs.submit(again)).await.unwrap();
    assert_eq!(in_time(jobs.wait(&again.id)).await.unwrap().state, JobState::Succeeded);
}

#[tokio::test]
async fn none_is_found_where_there_is_none() {
    let world = World::new().await;
    let jobs = world.open();
    assert_eq!(jobs.cancel("x").unwrap_err().kind(), Kind::NotFound);
    assert_eq!(jobs.get("x").unwrap_err().to_string(), "there is no job x");
    assert!(jobs.watch("x").is_err());
    assert!(in_time(jobs.wait("x")).await.is_err());
}
