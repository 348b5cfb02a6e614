//! Jobs that are over for long (simulated Milvus).

use std::time::Duration;

use jobs::{JobFilter, JobKind, JobState};
use rusqlite::Connection;

use crate::world::{World, backup, in_time, until};

#[tokio::test]
async fn jobs_over_for_long_are_removed_but_for_the_last_good_backup() {
    let mut world = World::one_at_a_time().await;
    let jobs = world.open();
    world.backed_up(&jobs, "old").await;
    let good = world.backed_up(&jobs, "good").await;
    world.hold(1);
    let cancelled = in_time(jobs.submit(backup("cancelled"))).await.unwrap().id;
    jobs.cancel(&cancelled).unwrap();
    in_time(jobs.wait(&cancelled)).await.unwrap();
    jobs.shutdown(Duration::from_mins(1)).await;
    drop(jobs);
    // a thousand more, so that they go in several goes; all of a long time ago
    let database = Connection::open(world.jobs.data_dir.join("jobs.db")).unwrap();
    database
        .execute_batch(
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
             INSERT INTO jobs (id, kind, state, backup, caller, request, place, claims, created_ms, ended_ms, targets,
                 progress, collections)
             SELECT 'more ' || i, kind, state, backup, caller, request, place, claims, 0, 1, targets, progress, collections
             FROM n, jobs WHERE backup = 'cancelled';",
        )
        .unwrap();
    drop(database);
    tokio::time::sleep(Duration::from_millis(5)).await;
    world.jobs.keep = Duration::ZERO;
    let jobs = world.open_again().await;
    until(|| (jobs.list(&JobFilter::default(), None, 10).unwrap().jobs.len() == 1).then_some(())).await;
    assert_eq!(jobs.get(&good.id).unwrap().state, JobState::Succeeded);
    assert_eq!(jobs.last_backup(), good.ended_ms);
    assert!(jobs.get("more 7").is_err());
    until(|| (jobs.counts()[&(JobKind::Backup, JobState::Cancelled)] == 0).then_some(())).await;
    assert_eq!(jobs.counts()[&(JobKind::Backup, JobState::Succeeded)], 1);
}

#[tokio::test]
async fn they_are_removed_while_the_server_runs_too() {
    let mut world = World::new().await;
    world.jobs.keep = Duration::ZERO;
    world.jobs.sweep = Duration::from_millis(100);
    let jobs = world.open();
    let old = in_time(jobs.submit(backup("old"))).await.unwrap().id;
    in_time(jobs.wait(&old)).await.unwrap();
    let good = world.backed_up(&jobs, "good").await;
    until(|| (jobs.list(&JobFilter::default(), None, 10).unwrap().jobs.len() == 1).then_some(())).await;
    assert!(jobs.get(&old).is_err());
    assert_eq!(jobs.get(&good.id).unwrap().state, JobState::Succeeded);
}
