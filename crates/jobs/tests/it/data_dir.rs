//! The data directory (simulated Milvus).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use engine::Kind;
use jobs::{Jobs, JobsError, StoreError};
use rusqlite::Connection;

use crate::world::World;

fn refused(world: &World) -> JobsError {
    Jobs::open(world.engine(), world.jobs.clone()).unwrap_err()
}

#[tokio::test]
async fn two_servers_do_not_share_one() {
    let world = World::new().await;
    let jobs = world.open();
    let error = refused(&world);
    let pid = std::process::id();
    let dir = world.jobs.data_dir.display();
    assert_eq!(error.to_string(), format!("the data directory {dir} is another server's, process {pid}"));
    assert_eq!(error.kind(), Kind::Busy);
    assert!(error.hint().unwrap().contains("server.data_dir"));
    world.backed_up(&jobs, "nightly").await;
}

#[tokio::test]
async fn nobody_else_may_look_into_it() {
    let world = World::new().await;
    let jobs = world.open();
    world.backed_up(&jobs, "nightly").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&world.jobs.data_dir), 0o700);
    let files: Vec<_> =
        fs::read_dir(&world.jobs.data_dir).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn one_that_cannot_be_written_is_refused() {
    let mut world = World::new().await;
    let file = world.dir.path().join("file");
    fs::write(&file, "").unwrap();
    world.jobs.data_dir = file.join("data");
    let error = refused(&world);
    assert!(error.to_string().starts_with("cannot write in the data directory "), "{error}");
    assert!(error.failure().message.contains("ot a directory"), "{error}");
    assert_eq!(error.kind(), Kind::Usage);
}

#[tokio::test]
async fn what_a_later_version_wrote_or_what_is_no_database_is_left_alone() {
    let world = World::new().await;
    fs::create_dir(&world.jobs.data_dir).unwrap();
    let file = world.jobs.data_dir.join("jobs.db");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let error = refused(&world);
    assert!(
        error.to_string().ends_with("jobs.db has schema 7, written by a later version; this one knows 1"),
        "{error}"
    );

    fs::write(&file, "no database at all, but long enough to be looked at as if it were one").unwrap();
    let error = refused(&world);
    assert!(matches!(error, JobsError::Store(StoreError::Sql { .. })), "{error:?}");
    assert!(error.hint().unwrap().contains("(jobs.db*) away"), "{error:?}");
    let message = error.failure().message;
    assert!(message.ends_with("jobs.db: file is not a database"), "told once: {message}");
}
