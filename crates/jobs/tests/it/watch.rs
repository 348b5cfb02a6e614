//! Watching jobs (simulated Milvus).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use jobs::JobState;

use crate::fixtures::{TestEnvironment, backup_submission, poll_until, within_deadline};

#[tokio::test]
async fn a_watcher_gets_the_current_state_and_the_end() {
    let env = TestEnvironment::with_one_slot().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    let first = within_deadline(jobs.submit(backup_submission("first"))).await.unwrap();
    env.wait_until_stalled().await;
    let second = within_deadline(jobs.submit(backup_submission("second"))).await.unwrap();
    let watched = jobs.watch(&second.id).unwrap();
    let slow = jobs.watch(&second.id).unwrap();
    jobs.cancel(&first.id).unwrap();
    let states: Vec<_> = within_deadline(watched.map(|job| job.state).collect()).await;
    assert_eq!((states.first(), states.last()), (Some(&JobState::Queued), Some(&JobState::Succeeded)));
    assert_eq!(states.iter().filter(|state| state.is_over()).count(), 1);
    assert!(states.is_sorted(), "{states:?}");
    // A watcher that reads late misses the states in between, because changes are not queued for it.
    let states: Vec<_> = within_deadline(slow.map(|job| job.state).collect()).await;
    assert_eq!(states, [JobState::Succeeded]);
    // A watcher that starts after the end gets the finished job.
    let late: Vec<_> = within_deadline(jobs.watch(&second.id).unwrap().collect()).await;
    assert_eq!((late.len(), late[0].state), (1, JobState::Succeeded));
}

#[tokio::test]
async fn watching_a_queued_job_ends_with_the_server() {
    let env = TestEnvironment::with_one_slot().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    within_deadline(jobs.submit(backup_submission("first"))).await.unwrap();
    env.wait_until_stalled().await;
    let second = within_deadline(jobs.submit(backup_submission("second"))).await.unwrap();
    let watched = jobs.watch(&second.id).unwrap();
    let waited = tokio::spawn({
        let (jobs, id) = (jobs.clone(), second.id.clone());
        async move { jobs.wait(&id).await }
    });
    within_deadline(jobs.shutdown(Duration::from_mins(1))).await;
    let states: Vec<_> = within_deadline(watched.map(|job| job.state).collect()).await;
    assert!(states.iter().all(|state| *state == JobState::Queued), "{states:?}");
    assert_eq!(
        within_deadline(waited).await.unwrap().unwrap_err().to_string(),
        "the server is shutting down"
    );
}

#[tokio::test]
async fn listeners_receive_the_jobs_that_end() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    let received = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&received);
    jobs.on_end(move |job| sink.lock().unwrap().push((job.id.clone(), job.state)));
    let job = env.run_backup(&jobs, "nightly").await;
    let expected = [(job.id, JobState::Succeeded)];
    poll_until(|| (*received.lock().unwrap() == expected).then_some(())).await;
}
