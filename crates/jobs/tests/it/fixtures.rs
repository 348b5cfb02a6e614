//! A simulated Milvus, a backup location, a data directory, and jobs over them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::{DeleteRequest, Engine, EngineConfig, EngineLimits, FileLocation};
use futures::StreamExt;
use jobs::{EngineRequest, JobSnapshot, JobState, Jobs, JobsConfig, JobsError, OtherPlace, Submission};
use milvus::{Auth, ConnectConfig, Tls};
use model::mapping::Mapping;
use model::name::{BackupName, CollectionRef};
use model::plan::backup::BackupRequest;
use model::plan::restore::RestoreRequest;
use storage::CopyMode;
use tempfile::TempDir;
use testkit::fake::{FakeConfig, FakeMilvus, Fault};
use testkit::seed::keyed;
use testkit::test_milvus::TestMilvus;

use crate::panics;

/// The time limit of each wait in a test.
const DEADLINE: Duration = Duration::from_mins(2);

/// Waits for `work`; panics after two minutes.
pub(crate) async fn within_deadline<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("done in time")
}

/// Calls `poll` every 10 ms until it returns a value; panics after two minutes.
pub(crate) async fn poll_until<T>(mut poll: impl FnMut() -> Option<T>) -> T {
    within_deadline(async {
        loop {
            if let Some(found) = poll() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

/// A simulated Milvus and the directories of one test.
pub(crate) struct TestEnvironment {
    pub(crate) dir: TempDir,
    pub(crate) fake: FakeMilvus,
    engine: EngineConfig,
    pub(crate) jobs: JobsConfig,
    /// The number of flush calls at which all backups that should stall have stalled.
    expected_flushes: AtomicUsize,
}

impl TestEnvironment {
    /// Starts a Milvus with the collection `books` of 5 rows; two jobs may run and three more may be queued.
    pub(crate) async fn new() -> Self {
        panics::install_panicking_subscriber();
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("milvus");
        let fake = FakeMilvus::start(FakeConfig::new("2.3.6", &root));
        let engine = EngineConfig {
            milvus: ConnectConfig {
                address: fake.host(),
                port: fake.port(),
                tls: Tls::Disabled,
                auth: Auth::None,
                management_endpoint: None,
                limits: milvus::CallLimits::default(),
            },
            source: local_place(&root),
            backup: local_place(&dir.path().join("backup")),
            tool: "milvus-backup 0.0.1".to_owned(),
            host: "here".to_owned(),
            server: None,
            limits: EngineLimits {
                backup_collections: Some(non_zero(4)),
                restore_collections: non_zero(2),
                import_job_bytes: 2 << 30,
                import_jobs: non_zero(8),
                copies: non_zero(8),
                multipart_threshold: 1 << 30,
                copy_mode: CopyMode::Auto,
                bytes_per_second: None,
                stall: Duration::from_mins(1),
                pause_gc: false,
            },
        };
        let jobs = JobsConfig {
            data_dir: dir.path().join("data"),
            max_running: non_zero(2),
            max_queued: 3,
            keep: Duration::from_hours(24),
            sweep: Duration::from_hours(24),
        };
        let client = within_deadline(TestMilvus::connect(&engine.milvus)).await.unwrap();
        create_collection(&client, "books", 5).await;
        Self { dir, fake, engine, jobs, expected_flushes: AtomicUsize::new(0) }
    }

    /// Creates an environment in which one job runs at a time.
    pub(crate) async fn with_one_slot() -> Self {
        let mut env = Self::new().await;
        env.jobs.max_running = non_zero(1);
        env
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::new(self.engine.clone())
    }

    /// Opens the jobs of the data directory.
    pub(crate) fn open_jobs(&self) -> Jobs {
        Jobs::open(self.engine(), self.jobs.clone()).unwrap()
    }

    /// Opens the jobs as soon as the data directory is unlocked.
    pub(crate) async fn reopen_jobs(&self) -> Jobs {
        poll_until(|| match Jobs::open(self.engine(), self.jobs.clone()) {
            Ok(jobs) => Some(jobs),
            Err(JobsError::Store(jobs::StoreError::Locked { .. })) => None,
            Err(error) => panic!("{error:?}"),
        })
        .await
    }

    /// Makes the next `backups` backups hang in their flush until they are cancelled.
    pub(crate) fn stall_backups(&self, backups: usize) {
        for _ in 0..backups {
            self.fake.inject(Fault::Hangs { call: "Flush" });
        }
        self.expected_flushes.store(self.count_flush_calls() + backups, Ordering::Relaxed);
    }

    fn count_flush_calls(&self) -> usize {
        self.fake.calls().iter().filter(|call| *call == "Flush").count()
    }

    /// Waits until all backups that should stall have called flush.
    pub(crate) async fn wait_until_stalled(&self) {
        let all_stalled = || self.count_flush_calls() >= self.expected_flushes.load(Ordering::Relaxed);
        poll_until(|| all_stalled().then_some(())).await;
    }

    /// Returns a path below the backup root.
    pub(crate) fn backup_path(&self, below: &str) -> PathBuf {
        self.dir.path().join("backup").join(below)
    }

    /// Creates a collection with `rows` flushed rows.
    pub(crate) async fn add_flushed_collection(&self, name: &str, rows: i64) {
        let milvus = within_deadline(TestMilvus::connect(&self.engine.milvus)).await.unwrap();
        create_collection(&milvus, name, rows).await;
        within_deadline(milvus.flush(&CollectionRef::new("default", name))).await.unwrap();
    }

    /// Counts the flushed rows of a collection.
    pub(crate) async fn count_rows(&self, name: &str) -> u64 {
        let milvus = within_deadline(TestMilvus::connect(&self.engine.milvus)).await.unwrap();
        within_deadline(milvus.flushed_rows(&CollectionRef::new("default", name))).await.unwrap()
    }

    /// Submits a backup and waits until it has succeeded.
    pub(crate) async fn run_backup(&self, jobs: &Jobs, name: &str) -> JobSnapshot {
        let job = within_deadline(jobs.submit(backup_submission(name))).await.unwrap();
        let job = within_deadline(jobs.wait(&job.id)).await.unwrap();
        assert_eq!(job.state, JobState::Succeeded, "{job:?}");
        job
    }
}

/// Watches a job until the condition holds, which must be before the job is finished.
pub(crate) async fn watch_until(
    jobs: &Jobs,
    id: &str,
    condition: impl Fn(&JobSnapshot) -> bool,
) -> JobSnapshot {
    let mut stream = jobs.watch(id).unwrap();
    within_deadline(async {
        loop {
            let job = stream.next().await.expect("the condition holds before the end of the job");
            if condition(&job) {
                return job;
            }
        }
    })
    .await
}

/// Creates a submission by `alice` at the configured backup location.
pub(crate) fn new_submission(request: EngineRequest) -> Submission {
    Submission {
        request,
        place: OtherPlace::default(),
        id: None,
        idempotency_key: None,
        name_generated: false,
        by: "alice".to_owned(),
    }
}

/// Creates the submission of a backup of everything.
pub(crate) fn backup_submission(name: &str) -> Submission {
    new_submission(EngineRequest::Backup(BackupRequest::with_defaults(BackupName::for_create(name).unwrap())))
}

/// Creates the submission of a restore of everything, with a suffix for the target collections.
pub(crate) fn restore_submission(name: &str, suffix: &str) -> Submission {
    let mapping = Mapping::new(None, Some(suffix)).unwrap();
    new_submission(EngineRequest::Restore(RestoreRequest {
        mapping,
        ..RestoreRequest::with_defaults(name.parse().unwrap())
    }))
}

/// Creates the submission of a deletion.
pub(crate) fn delete_submission(name: &str) -> Submission {
    new_submission(EngineRequest::Delete(DeleteRequest { name: name.parse().unwrap(), force: false }))
}

pub(crate) fn non_zero(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn local_place(root: &Path) -> FileLocation {
    FileLocation::on_disk(root.to_str().unwrap())
}

/// Creates a collection with a primary key and a vector, and inserts `rows` rows without flushing them.
async fn create_collection(milvus: &TestMilvus, name: &str, rows: i64) {
    let target = CollectionRef::new("default", name);
    keyed::create(milvus, &target, 2).await.unwrap();
    keyed::insert(milvus, &target, 0..rows, 2).await;
}
