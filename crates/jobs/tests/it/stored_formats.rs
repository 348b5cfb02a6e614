//! Jobs that other versions of this program stored (simulated Milvus).

use std::time::Duration;

use engine::Advice;
use jobs::{JobFilter, JobKind, JobSnapshot, JobState, Jobs};
use rusqlite::Connection;

use crate::fixtures::{TestEnvironment, backup_submission, poll_until, within_deadline};

/// Runs a statement on the database of a server that is not running.
fn edit_database(env: &TestEnvironment, sql: &str, parameters: &[&str]) {
    let database = Connection::open(env.jobs.data_dir.join("jobs.db")).unwrap();
    database.execute(sql, rusqlite::params_from_iter(parameters)).unwrap();
}

/// Shuts the jobs down and releases the data directory.
async fn close(jobs: Jobs) {
    within_deadline(jobs.shutdown(Duration::from_mins(1))).await;
}

/// Returns the warnings of a job about its format.
fn format_warnings(job: &JobSnapshot) -> Vec<&str> {
    let warnings = job.progress.warnings.iter().map(String::as_str);
    warnings.filter(|warning| warning.contains("format version")).collect()
}

#[tokio::test]
async fn jobs_that_were_stored_without_a_format_version_are_read() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    let before = env.run_backup(&jobs, "nightly").await;
    close(jobs).await;
    for column in ["request", "progress", "outcome"] {
        edit_database(
            &env,
            &format!(
                "UPDATE jobs SET {column} = replace({column}, '\"format_version\":1,', '') WHERE id = ?"
            ),
            &[&before.id],
        );
    }
    let stored: String = Connection::open(env.jobs.data_dir.join("jobs.db"))
        .unwrap()
        .query_row("SELECT request || progress || outcome FROM jobs", [], |row| row.get(0))
        .unwrap();
    assert!(!stored.contains("format_version"), "{stored}");

    let jobs = env.reopen_jobs().await;
    let after = jobs.get(&before.id).unwrap();
    assert_eq!((after.state, &after.outcome), (JobState::Succeeded, &before.outcome));
    assert_eq!((&after.progress, after.request.is_some()), (&before.progress, true));
}

#[tokio::test]
async fn the_first_form_of_a_stored_job_is_read() {
    let env = TestEnvironment::new().await;
    close(env.open_jobs()).await;
    edit_database(
        &env,
        "INSERT INTO jobs (id, kind, state, backup, caller, request, place, claims, created_ms, started_ms, ended_ms, \
         milvus_version, targets, progress, collections, outcome) VALUES ('1', 'restore', 'succeeded', 'nightly', \
         'alice', ?, '{\"bucket\":null,\"root\":null}', '{\"writes\":[],\"reads\":[]}', 1, 2, 3, 'v2.3.6', ?, ?, ?, ?)",
        &[
            r#"{"restore":{"name":"nightly","selection":"","mapping":{"databases":{},"collections":{},"suffix":"_copy"},"targets":"","meta_only":false,"indexes":true,"auto_index":false,"existing":"refuse","drop_indexes":false,"load":true,"aliases":true,"cleanup_on_failure":false,"keep_staged":false,"skip":{"collection_properties":[],"field_index_params":[],"field_type_params":[],"index_params":[]},"max_shards":null,"overrides":{},"confirmed_drops":[]}}"#,
            r#"[["default.books","default.books_copy"]]"#,
            r#"{"phase":"finish","server":"v2.3.6","address":"127.0.0.1:1","how":"in place","selected":1,"databases":1,"collections":{},"deleted":0,"warnings":[],"notes":[],"copied_ms":null,"sums":{"objects":{"done":0,"all":4},"bytes":{"done":0,"all":9},"jobs":{"done":1,"all":1},"part":{"done":1000,"all":1000},"over":1}}"#,
            r#"{"default.books":{"phase":"done","objects":{"done":0,"all":4},"bytes":{"done":0,"all":9},"jobs":{"done":1,"all":1},"rows":5,"planned":true}}"#,
            r#"{"restore":{"name":"nightly","collections":[{"source":"default.books","target":"default.books_copy","created":true,"outcome":"done","partitions":[{"partition":"_default","counted":5,"expected":{"min":5,"max":5}}]}],"elapsed":{"secs":1,"nanos":2},"warnings":[]}}"#,
        ],
    );
    let jobs = env.reopen_jobs().await;
    let job = jobs.get("1").unwrap();
    assert_eq!(
        (job.kind, job.backup.as_str(), job.state),
        (JobKind::Restore, "nightly", JobState::Succeeded)
    );
    assert!(job.request.is_some() && job.outcome.is_some() && job.targets.len() == 1, "{job:?}");
    assert_eq!(job.progress.totals().jobs.done, 1);
    assert_eq!(jobs.list(&JobFilter::default(), None, 10).unwrap().jobs.len(), 1);
}

#[tokio::test]
async fn a_job_of_a_later_format_is_listed_with_what_can_be_read() {
    let env = TestEnvironment::new().await;
    let jobs = env.open_jobs();
    let known = env.run_backup(&jobs, "known").await;
    let later = env.run_backup(&jobs, "later").await;
    close(jobs).await;
    edit_database(
        &env,
        "UPDATE jobs SET request = ?, targets = ?, progress = ?, collections = ?, outcome = ? WHERE id = ?",
        &[
            r#"{"format_version":2,"backup":{"names":["later"]}}"#,
            r#"{"all":true}"#,
            r#"{"format_version":2,"phase":{"name":"copy"}}"#,
            "[]",
            r#"{"format_version":3,"verify":{}}"#,
            &later.id,
        ],
    );
    let jobs = env.reopen_jobs().await;
    let listed = jobs.list(&JobFilter::default(), None, 10).unwrap().jobs;
    let found: Vec<_> = listed.iter().map(|job| (job.id.as_str(), job.backup.as_str(), job.state)).collect();
    let state = JobState::Succeeded;
    assert_eq!(found, [(later.id.as_str(), "later", state), (known.id.as_str(), "known", state)]);
    let job = jobs.get(&later.id).unwrap();
    assert_eq!((job.kind, job.by.as_str(), job.ended_ms), (JobKind::Backup, "alice", later.ended_ms));
    assert!(job.request.is_none() && job.outcome.is_none() && job.targets.is_empty(), "{job:?}");
    let expected =
        "a later version of this program stored this job (format version 3); only a part of it can be shown";
    assert_eq!((format_warnings(&job), format_warnings(&listed[0])), (vec![expected], vec![expected]));
    assert!(format_warnings(&listed[1]).is_empty() && jobs.get(&known.id).unwrap().request.is_some());
}

#[tokio::test]
async fn a_queued_job_of_a_later_format_is_not_executed() {
    let env = TestEnvironment::with_one_slot().await;
    env.stall_backups(1);
    let jobs = env.open_jobs();
    within_deadline(jobs.submit(backup_submission("first"))).await.unwrap();
    env.wait_until_stalled().await;
    let queued = within_deadline(jobs.submit(backup_submission("second"))).await.unwrap();
    close(jobs).await;
    let later = r#"{"format_version":2,"backup":{"name":"second"}}"#;
    edit_database(&env, "UPDATE jobs SET request = ? WHERE id = ?", &[later, &queued.id]);

    let jobs = env.reopen_jobs().await;
    let job = poll_until(|| jobs.get(&queued.id).ok().filter(|job| job.state.is_over())).await;
    assert_eq!(job.state, JobState::Failed);
    let failure = job.failure.unwrap();
    assert!(failure.message.starts_with("a later version of this program stored the request"), "{failure:?}");
    assert_eq!(failure.advice, Some(Advice::CreateAgain));
    assert!(!env.backup_path("second").exists());
}
