//! The data directory (simulated Milvus).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use engine::FailureKind;
use jobs::{JobFailure, Jobs, JobsError, StoreError};
use rusqlite::Connection;

use crate::fixtures::TestEnvironment;

/// Opens the jobs, which must fail, and returns the error.
fn expect_open_error(env: &TestEnvironment) -> JobsError {
    Jobs::open(env.engine(), env.jobs.clone()).unwrap_err()
}

#[tokio::test]
async fn two_servers_cannot_share_a_data_directory() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    let error = expect_open_error(&env);
    let pid = std::process::id();
    let dir = env.jobs.data_dir.display();
    assert_eq!(
        error.to_string(),
        format!("the data directory {dir} is in use by another server, process {pid}")
    );
    assert_eq!(error.kind(), FailureKind::Busy);
    assert!(error.hint().unwrap().contains("server.data_dir"));
    env.run_backup(&jobs, "nightly").await;
}

#[tokio::test]
async fn only_the_owner_can_read_the_data_directory() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    env.run_backup(&jobs, "nightly").await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&env.jobs.data_dir), 0o700);
    let files: Vec<_> = fs::read_dir(&env.jobs.data_dir).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_created_is_an_error() {
    let mut env = TestEnvironment::new().await;
    let file = env.dir.path().join("file");
    fs::write(&file, "").unwrap();
    env.jobs.data_dir = file.join("data");
    let error = expect_open_error(&env);
    assert!(error.to_string().starts_with("cannot write in the data directory "), "{error}");
    assert!(JobFailure::from(&error).message.contains("ot a directory"), "{error}");
    assert_eq!(error.kind(), FailureKind::Usage);
}

#[tokio::test]
async fn a_newer_or_damaged_database_is_an_error() {
    let env = TestEnvironment::new().await;
    fs::create_dir(&env.jobs.data_dir).unwrap();
    let file = env.jobs.data_dir.join("jobs.db");
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 7).unwrap();
    let error = expect_open_error(&env);
    assert!(
        error
            .to_string()
            .ends_with("jobs.db was written by a later version (schema 7; this version supports 1)"),
        "{error}"
    );

    fs::write(&file, "no database at all, but long enough to be read as the header of a database").unwrap();
    let error = expect_open_error(&env);
    assert!(matches!(error, JobsError::Store(StoreError::Sql { .. })), "{error:?}");
    assert!(error.hint().unwrap().contains("move jobs.db*"), "{error:?}");
    let message = JobFailure::from(&error).message;
    assert!(message.ends_with("jobs.db: file is not a database"), "the cause appears once: {message}");
}
