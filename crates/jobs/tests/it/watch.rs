//! Watching jobs (simulated Milvus).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use jobs::JobState;

use crate::world::{World, backup, in_time};

#[tokio::test]
async fn a_watcher_sees_the_job_as_it_is_and_its_end_and_no_more() {
    let world = World::one_at_a_time().await;
    world.hold(1);
    let jobs = world.open();
    let first = in_time(jobs.submit(backup("first"))).await.unwrap();
    world.held().await;
    let second = in_time(jobs.submit(backup("second"))).await.unwrap();
    let watched = jobs.watch(&second.id).unwrap();
    let slow = jobs.watch(&second.id).unwrap();
    jobs.cancel(&first.id).unwrap();
    let states: Vec<_> = in_time(watched.map(|job| job.state).collect()).await;
    assert_eq!((states.first(), states.last()), (Some(&JobState::Queued), Some(&JobState::Succeeded)));
    assert_eq!(states.iter().filter(|state| state.is_over()).count(), 1);
    assert!(states.is_sorted(), "{states:?}");
    // one who did not look meanwhile missed what was in between, and nothing was kept for him
    let states: Vec<_> = in_time(slow.map(|job| job.state).collect()).await;
    assert_eq!(states, [JobState::Succeeded]);
    // and one who comes after the end
    let late: Vec<_> = in_time(jobs.watch(&second.id).unwrap().collect()).await;
    assert_eq!((late.len(), late[0].state), (1, JobState::Succeeded));
}

#[tokio::test]
async fn who_watches_what_waits_is_let_go_when_the_server_ends() {
    let world = World::one_at_a_time().await;
    world.hold(1);
    let jobs = world.open();
    in_time(jobs.submit(backup("first"))).await.unwrap();
    world.held().await;
    let second = in_time(jobs.submit(backup("second"))).await.unwrap();
    let watched = jobs.watch(&second.id).unwrap();
    let waited = tokio::spawn({
        let (jobs, id) = (jobs.clone(), second.id.clone());
        async move { jobs.wait(&id).await }
    });
    in_time(jobs.shutdown(Duration::from_mins(1))).await;
    let states: Vec<_> = in_time(watched.map(|job| job.state).collect()).await;
    assert!(states.iter().all(|state| *state == JobState::Queued), "{states:?}");
    assert_eq!(in_time(waited).await.unwrap().unwrap_err().to_string(), "the server is shutting down");
}

#[tokio::test]
async fn who_wants_to_know_of_ends_is_told() {
    let world = World::new().await;
    let jobs = world.open();
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&told);
    jobs.on_end(move |job| sink.lock().unwrap().push((job.id.clone(), job.state)));
    let job = world.backed_up(&jobs, "nightly").await;
    crate::world::until(|| (*told.lock().unwrap() == [(job.id.clone(), JobState::Succeeded)]).then_some(()))
        .await;
}
