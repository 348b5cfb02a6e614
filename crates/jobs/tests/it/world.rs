//! A simulated Milvus, a place for backups, a data directory, and jobs over them.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::{DeleteRequest, Engine, EngineConfig, Limits, Place};
use futures::StreamExt;
use jobs::{Job, JobState, Jobs, JobsConfig, JobsError, OtherPlace, Request, Submission};
use milvus::{Auth, Column, ConnectConfig, CreateCollection, Milvus, Tls, Values};
use model::key::ObjectKey;
use model::manifest::{ConsistencyLevel, DataType, Field, KeyValue, Schema};
use model::mapping::Mapping;
use model::name::{BackupName, CollectionRef};
use model::plan::backup::BackupRequest;
use model::plan::restore::RestoreRequest;
use storage::{CopyMode, StoreConfig};
use tempfile::TempDir;
use testkit::fake::{FakeConfig, FakeMilvus, Fault};

use crate::panics;

/// No test of ours takes this long.
const DEADLINE: Duration = Duration::from_mins(2);

pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("done in time")
}

/// Looks again and again until something is there.
pub(crate) async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    in_time(async {
        loop {
            if let Some(found) = look() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
}

pub(crate) struct World {
    pub(crate) dir: TempDir,
    pub(crate) fake: FakeMilvus,
    engine: EngineConfig,
    pub(crate) jobs: JobsConfig,
    /// How many flushes there are once all backups stand still that shall.
    flushes: AtomicUsize,
}

impl World {
    /// With `books` (5 rows) in Milvus; two jobs run at once, three more wait.
    pub(crate) async fn new() -> Self {
        panics::listen();
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
                limits: milvus::Limits::default(),
            },
            source: place(&root),
            backup: place(&dir.path().join("backup")),
            tool: "milvus-backup 0.0.1".to_owned(),
            host: "here".to_owned(),
            limits: Limits {
                backup_collections: many(4),
                restore_collections: many(2),
                import_jobs: many(8),
                copies: many(8),
                multipart_threshold: 1 << 30,
                copy_mode: CopyMode::Auto,
                bytes_per_second: None,
                stall: Duration::from_mins(1),
                pause_gc: false,
            },
        };
        let jobs = JobsConfig {
            data_dir: dir.path().join("data"),
            max_running: many(2),
            max_queued: 3,
            keep: Duration::from_hours(24),
            sweep: Duration::from_hours(24),
        };
        let client = in_time(Milvus::connect(&engine.milvus)).await.unwrap();
        fill(&client, "books", 5).await;
        Self { dir, fake, engine, jobs, flushes: AtomicUsize::new(0) }
    }

    /// With one job at a time.
    pub(crate) async fn one_at_a_time() -> Self {
        let mut world = Self::new().await;
        world.jobs.max_running = many(1);
        world
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::new(self.engine.clone())
    }

    /// The jobs of the data directory.
    pub(crate) fn open(&self) -> Jobs {
        Jobs::open(self.engine(), self.jobs.clone()).unwrap()
    }

    /// The same once nobody else has the data directory any more.
    pub(crate) async fn open_again(&self) -> Jobs {
        until(|| match Jobs::open(self.engine(), self.jobs.clone()) {
            Ok(jobs) => Some(jobs),
            Err(JobsError::Store(jobs::StoreError::Locked { .. })) => None,
            Err(error) => panic!("{error:?}"),
        })
        .await
    }

    /// Makes the next so many backups stand still in their flush.
    pub(crate) fn hold(&self, backups: usize) {
        for _ in 0..backups {
            self.fake.inject(Fault::Hangs { call: "Flush" });
        }
        self.flushes.store(self.flushed() + backups, Ordering::Relaxed);
    }

    fn flushed(&self) -> usize {
        self.fake.calls().iter().filter(|call| *call == "Flush").count()
    }

    /// Waits until all backups stand still that shall.
    pub(crate) async fn held(&self) {
        until(|| (self.flushed() >= self.flushes.load(Ordering::Relaxed)).then_some(())).await;
    }

    /// A path below the backup root.
    pub(crate) fn backup_path(&self, below: &str) -> PathBuf {
        self.dir.path().join("backup").join(below)
    }

    /// Makes a collection with this many rows, which are flushed.
    pub(crate) async fn fill(&self, name: &str, rows: i64) {
        let milvus = in_time(Milvus::connect(&self.engine.milvus)).await.unwrap();
        fill(&milvus, name, rows).await;
        in_time(milvus.flush(&CollectionRef::new("default", name))).await.unwrap();
    }

    /// The flushed rows of a collection.
    pub(crate) async fn rows(&self, name: &str) -> u64 {
        let milvus = in_time(Milvus::connect(&self.engine.milvus)).await.unwrap();
        in_time(milvus.flushed_rows(&CollectionRef::new("default", name))).await.unwrap()
    }

    /// Hands a backup in and waits for its end.
    pub(crate) async fn backed_up(&self, jobs: &Jobs, name: &str) -> Job {
        let job = in_time(jobs.submit(backup(name))).await.unwrap();
        let job = in_time(jobs.wait(&job.id)).await.unwrap();
        assert_eq!(job.state, JobState::Succeeded, "{job:?}");
        job
    }
}

/// Waits until a job is as wanted.
pub(crate) async fn seen(jobs: &Jobs, id: &str, wanted: impl Fn(&Job) -> bool) -> Job {
    let mut stream = jobs.watch(id).unwrap();
    in_time(async {
        loop {
            let job = stream.next().await.expect("a job as wanted before its end");
            if wanted(&job) {
                return job;
            }
        }
    })
    .await
}

pub(crate) fn submission(request: Request) -> Submission {
    Submission {
        request,
        place: OtherPlace::default(),
        id: None,
        idempotency_key: None,
        by: "alice".to_owned(),
    }
}

/// A backup of everything.
pub(crate) fn backup(name: &str) -> Submission {
    submission(Request::Backup(BackupRequest::of(BackupName::for_create(name).unwrap())))
}

/// A restore of everything beside the source.
pub(crate) fn restore(name: &str, suffix: &str) -> Submission {
    let mapping = Mapping::new(None, Some(suffix)).unwrap();
    submission(Request::Restore(RestoreRequest { mapping, ..RestoreRequest::of(name.parse().unwrap()) }))
}

pub(crate) fn delete(name: &str) -> Submission {
    submission(Request::Delete(DeleteRequest { name: name.parse().unwrap() }))
}

pub(crate) fn many(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn place(root: &Path) -> Place {
    let root_text = root.to_str().unwrap().to_owned();
    Place { store: StoreConfig::Local, root: ObjectKey::new(&root_text), root_text, seen_as: None }
}

async fn fill(milvus: &Milvus, name: &str, rows: i64) {
    let key =
        Field { name: "id".to_owned(), data_type: DataType::INT64, is_primary_key: true, ..Field::default() };
    let vector = Field {
        name: "vector".to_owned(),
        data_type: DataType::FLOAT_VECTOR,
        type_params: vec![KeyValue::new("dim", "2")],
        ..Field::default()
    };
    let target = CollectionRef::new("default", name);
    let create = CreateCollection {
        target: target.clone(),
        schema: Schema { fields: vec![key, vector], ..Schema::default() },
        shards: 1,
        consistency: ConsistencyLevel(1),
        properties: Vec::new(),
        num_partitions: None,
    };
    milvus.create_collection(&create).await.unwrap();
    let column = |name: &str, data_type, values| Column {
        name: name.to_owned(),
        data_type,
        is_dynamic: false,
        values,
    };
    let vectors = (0..rows).flat_map(|key| [key as f32, 1.0]).collect();
    let columns = [
        column("id", DataType::INT64, Values::Long((0..rows).collect())),
        column("vector", DataType::FLOAT_VECTOR, Values::FloatVector { dim: 2, data: vectors }),
    ];
    milvus.insert(&target, None, &columns).await.unwrap();
}
