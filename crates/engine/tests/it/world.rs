//! A simulated Milvus with its files, a backup root, and an engine for both, in one temporary directory.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{
    BackupReport, BackupSummary, DeleteOutcome, DeleteRequest, Engine, EngineConfig, EngineLimits, Error,
    FileLocation, JobCtx, PreparedRestore, RestoreReport,
};
use milvus::{Auth, ConnectConfig, Tls};
use model::mapping::Mapping;
use model::name::BackupName;
use model::plan::backup::{BackupPreview, BackupRequest};
use model::plan::restore::{RestoreMode, RestoreOptions, RestoreRequest};
use serde_json::{Value, json};
use storage::CopyMode;
use tempfile::TempDir;
use testkit::fake::{FakeConfig, FakeMilvus};
use testkit::test_milvus::TestMilvus;

use crate::watch::WatchedJob;
use crate::{disk, samples};

/// The version of Milvus in most tests; it is the first one that can pause garbage collection.
pub(crate) const VERSION: &str = "2.3.6";

/// The time after which a call of the engine fails its test.
const DEADLINE: Duration = Duration::from_mins(2);

/// Awaits a future; panics if it takes too long.
pub(crate) async fn within_deadline<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("done in time")
}

/// A simulated Milvus with the configuration of an engine for it.
pub(crate) struct World {
    dir: TempDir,
    pub(crate) fake: FakeMilvus,
    pub(crate) config: EngineConfig,
}

impl World {
    /// Creates a world with an empty Milvus of [`VERSION`].
    pub(crate) fn new() -> Self {
        Self::with_version(VERSION, |config| config)
    }

    /// Creates a world with an empty Milvus of the given version, whose configuration `change` can adjust.
    pub(crate) fn with_version(version: &str, change: impl FnOnce(FakeConfig) -> FakeConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fake = FakeMilvus::start(change(FakeConfig::new(version, dir.path().join("milvus"))));
        let config = EngineConfig {
            milvus: ConnectConfig {
                address: fake.host(),
                port: fake.port(),
                tls: Tls::Disabled,
                auth: Auth::None,
                management_endpoint: Some(fake.management_endpoint()),
                limits: milvus::CallLimits::default(),
            },
            source: local_place(&dir.path().join("milvus")),
            backup: local_place(&dir.path().join("backup")),
            tool: "milvus-backup 0.0.1".to_owned(),
            host: "here".to_owned(),
            server: None,
            limits: EngineLimits {
                backup_collections: None,
                restore_collections: nonzero(2),
                import_job_bytes: 2 << 30,
                import_jobs: nonzero(8),
                copies: nonzero(8),
                multipart_threshold: 1 << 30,
                copy_mode: CopyMode::Auto,
                bytes_per_second: None,
                stall: Duration::from_mins(1),
                pause_gc: false,
            },
        };
        Self { dir, fake, config }
    }

    /// Creates a world with the collections of [`World::fill_books`].
    pub(crate) async fn with_books() -> Self {
        let world = Self::new();
        world.fill_books().await;
        world
    }

    /// Creates `default.books` (3 rows in `_default`, 2 in `old`) and `default.tags` (4 rows); no row is flushed.
    pub(crate) async fn fill_books(&self) {
        let milvus = self.connect().await;
        samples::create_with_rows(&milvus, "books", &[("_default", 3), ("old", 2)]).await;
        samples::create_with_rows(&milvus, "tags", &[("_default", 4)]).await;
    }

    /// Connects to the simulated Milvus.
    pub(crate) async fn connect(&self) -> TestMilvus {
        within_deadline(TestMilvus::connect(&self.config.milvus)).await.unwrap()
    }

    /// Creates an engine with the configuration of this world.
    pub(crate) fn engine(&self) -> Engine {
        Engine::new(self.config.clone())
    }

    /// Creates an engine that restores the backups of this world into another world.
    pub(crate) fn engine_with_target(&self, target: &Self) -> Engine {
        Engine::new(EngineConfig { backup: self.config.backup.clone(), ..target.config.clone() })
    }

    /// Returns a path below the root path of Milvus.
    pub(crate) fn source_path(&self, below: &str) -> PathBuf {
        self.dir.path().join("milvus").join(below)
    }

    /// Returns a path below the backup root.
    pub(crate) fn backup_path(&self, below: &str) -> PathBuf {
        self.dir.path().join("backup").join(below)
    }

    /// Copies a recorded backup of the Go tool to the backup root, and returns its directory.
    pub(crate) fn add_fixture(&self, name: &str) -> PathBuf {
        let to = self.backup_path(name);
        disk::copy_directory(&testkit::fixtures::path(&format!("backups/{name}")), &to);
        to
    }

    /// Returns how often the simulated Milvus served a call.
    pub(crate) fn count_calls(&self, call: &str) -> usize {
        self.fake.calls().iter().filter(|served| *served == call).count()
    }

    /// Plans and executes a backup.
    pub(crate) async fn back_up(&self, request: &BackupRequest) -> Result<BackupReport, Error> {
        self.back_up_watched(request, &JobCtx::detached()).await
    }

    pub(crate) async fn back_up_watched(
        &self,
        request: &BackupRequest,
        ctx: &JobCtx,
    ) -> Result<BackupReport, Error> {
        let engine = self.engine();
        within_deadline(async { engine.backup(engine.plan_backup(request, ctx).await?, ctx).await }).await
    }

    /// Plans a backup and lists what it would copy.
    pub(crate) async fn preview(&self, request: &BackupRequest) -> Result<BackupPreview, Error> {
        let (engine, ctx) = (self.engine(), JobCtx::detached());
        within_deadline(async { engine.plan_backup(request, &ctx).await?.preview(&ctx).await }).await
    }

    /// Plans a restore.
    pub(crate) async fn plan_restore(&self, request: &RestoreRequest) -> Result<PreparedRestore, Error> {
        within_deadline(self.engine().plan_restore(request, &JobCtx::detached())).await
    }

    /// Plans and executes a deletion.
    pub(crate) async fn delete(&self, name: &str) -> Result<DeleteOutcome, Error> {
        self.delete_watched(name, &JobCtx::detached()).await
    }

    pub(crate) async fn delete_watched(&self, name: &str, ctx: &JobCtx) -> Result<DeleteOutcome, Error> {
        let (engine, request) = (self.engine(), DeleteRequest { name: name.parse().unwrap(), force: false });
        within_deadline(async { engine.delete(engine.plan_delete(&request, ctx).await?, ctx).await }).await
    }

    /// Lists the backups.
    pub(crate) async fn list_backups(&self) -> Vec<BackupSummary> {
        within_deadline(self.engine().list(&JobCtx::detached())).await.unwrap()
    }

    /// Returns the summary of one backup in the list; `None` if it is not listed.
    pub(crate) async fn find_listed(&self, name: &str) -> Option<BackupSummary> {
        self.list_backups().await.into_iter().find(|backup| backup.name == name)
    }

    /// Plans and executes a restore.
    pub(crate) async fn restore(&self, request: &RestoreRequest) -> Result<RestoreReport, Error> {
        restore(&self.engine(), request, &JobCtx::detached()).await
    }

    pub(crate) async fn restore_watched(
        &self,
        request: &RestoreRequest,
        job: &WatchedJob,
    ) -> Result<RestoreReport, Error> {
        restore(&self.engine(), request, &job.ctx).await
    }

    /// Lists the names of the collections in a database.
    pub(crate) async fn collection_names(&self, database: &str) -> Vec<String> {
        let listed = within_deadline(self.connect().await.list_collections(database)).await.unwrap();
        listed.into_iter().map(|(name, _)| name).collect()
    }

    /// Returns the number of flushed and imported rows of a collection.
    pub(crate) async fn flushed_rows(&self, name: &str) -> u64 {
        within_deadline(self.connect().await.flushed_rows(&samples::collection(name))).await.unwrap()
    }
}

/// Plans and executes a restore with the given engine.
pub(crate) async fn restore(
    engine: &Engine,
    request: &RestoreRequest,
    ctx: &JobCtx,
) -> Result<RestoreReport, Error> {
    within_deadline(async { engine.restore(engine.plan_restore(request, ctx).await?, ctx).await }).await
}

/// Returns an error with its causes and, on a second line, its advice with its values.
pub(crate) fn describe_error(error: &Error) -> String {
    let mut text = format!("{}\n", engine::chain(&error));
    if let Some(Value::Object(mut advice)) = error.advice().map(|advice| json!(advice)) {
        text.push_str(advice.remove("action").unwrap().as_str().unwrap());
        for (name, value) in advice.iter().filter(|(_, value)| !value.is_null()) {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text.push_str(&[" ", name, "=", &value].concat());
        }
    }
    text
}

/// Returns a request to back up everything.
pub(crate) fn backup_request(name: &str) -> BackupRequest {
    BackupRequest::with_defaults(BackupName::for_create(name).unwrap())
}

/// Returns a request to restore everything under the same names, with the defaults of the command line.
pub(crate) fn restore_request(name: &str) -> RestoreRequest {
    RestoreRequest { options: restore_options(), ..RestoreRequest::with_defaults(name.parse().unwrap()) }
}

/// Returns the default options of a restore, with import jobs for the small partitions of tests too.
pub(crate) fn restore_options() -> RestoreOptions {
    RestoreOptions { mode: RestoreMode::Import, ..RestoreOptions::default() }
}

/// Returns a request to restore everything with the suffix `_copy`.
pub(crate) fn restore_copy_request(name: &str) -> RestoreRequest {
    RestoreRequest { mapping: Mapping::new(None, Some("_copy")).unwrap(), ..restore_request(name) }
}

pub(crate) fn nonzero(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn local_place(root: &Path) -> FileLocation {
    FileLocation::on_disk(root.to_str().unwrap())
}
