//! A simulated Milvus with its files, a place for backups, and an engine between them, all in one temporary directory.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::{
    BackupReport, BackupSummary, DeleteOutcome, DeleteRequest, Engine, EngineConfig, Error, JobCtx, Limits,
    Place, PreparedRestore, RestoreReport,
};
use milvus::{Auth, ConnectConfig, Milvus, Tls};
use model::key::ObjectKey;
use model::mapping::Mapping;
use model::name::BackupName;
use model::plan::backup::{BackupPreview, BackupRequest};
use model::plan::restore::RestoreRequest;
use storage::{CopyMode, StoreConfig};
use tempfile::TempDir;
use testkit::fake::{FakeConfig, FakeMilvus};

use crate::watch::Watched;
use crate::{disk, shop};

/// The release that most tests run against; it has the routes that pause garbage collection.
pub(crate) const VERSION: &str = "2.3.6";

/// No test of ours takes this long.
const DEADLINE: Duration = Duration::from_mins(2);

pub(crate) async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("done in time")
}

pub(crate) struct World {
    dir: TempDir,
    pub(crate) fake: FakeMilvus,
    pub(crate) config: EngineConfig,
}

impl World {
    /// With an empty Milvus of [`VERSION`].
    pub(crate) fn new() -> Self {
        Self::of(VERSION, |config| config)
    }

    /// With an empty Milvus of this version.
    pub(crate) fn of(version: &str, change: impl FnOnce(FakeConfig) -> FakeConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fake = FakeMilvus::start(change(FakeConfig::new(version, dir.path().join("milvus"))));
        let config = EngineConfig {
            milvus: ConnectConfig {
                address: fake.host(),
                port: fake.port(),
                tls: Tls::Disabled,
                auth: Auth::None,
                management_endpoint: Some(fake.management_endpoint()),
                limits: milvus::Limits::default(),
            },
            source: place(&dir.path().join("milvus")),
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
        Self { dir, fake, config }
    }

    /// With `default.books` (3 rows in `_default`, 2 in `old`) and `default.tags` (4 rows), none of them flushed.
    pub(crate) async fn with_books() -> Self {
        let world = Self::new();
        world.fill_books().await;
        world
    }

    pub(crate) async fn fill_books(&self) {
        let milvus = self.client().await;
        shop::fill(&milvus, "books", &[("_default", 3), ("old", 2)]).await;
        shop::fill(&milvus, "tags", &[("_default", 4)]).await;
    }

    pub(crate) async fn client(&self) -> Milvus {
        in_time(Milvus::connect(&self.config.milvus)).await.unwrap()
    }

    pub(crate) fn engine(&self) -> Engine {
        Engine::new(self.config.clone())
    }

    /// An engine that restores the backups of this world into another.
    pub(crate) fn engine_into(&self, target: &Self) -> Engine {
        Engine::new(EngineConfig { backup: self.config.backup.clone(), ..target.config.clone() })
    }

    /// A path below Milvus's root.
    pub(crate) fn source_path(&self, below: &str) -> PathBuf {
        self.dir.path().join("milvus").join(below)
    }

    /// A path below the backup root.
    pub(crate) fn backup_path(&self, below: &str) -> PathBuf {
        self.dir.path().join("backup").join(below)
    }

    /// Puts a backup that the Go tool made below the backup root.
    pub(crate) fn take_fixture(&self, name: &str) -> PathBuf {
        let to = self.backup_path(name);
        disk::copy(&testkit::fixtures::path(&format!("backups/{name}")), &to);
        to
    }

    /// How often a call was served.
    pub(crate) fn calls(&self, call: &str) -> usize {
        self.fake.calls().iter().filter(|each| *each == call).count()
    }

    pub(crate) async fn back_up(&self, request: &BackupRequest) -> Result<BackupReport, Error> {
        self.back_up_watched(request, &JobCtx::detached()).await
    }

    pub(crate) async fn back_up_watched(
        &self,
        request: &BackupRequest,
        ctx: &JobCtx,
    ) -> Result<BackupReport, Error> {
        let engine = self.engine();
        in_time(async { engine.backup(engine.plan_backup(request, ctx).await?, ctx).await }).await
    }

    /// What a backup would copy.
    pub(crate) async fn preview(&self, request: &BackupRequest) -> Result<BackupPreview, Error> {
        let (engine, ctx) = (self.engine(), JobCtx::detached());
        in_time(async { engine.plan_backup(request, &ctx).await?.preview(&ctx).await }).await
    }

    /// What a restore would do.
    pub(crate) async fn plan_restore(&self, request: &RestoreRequest) -> Result<PreparedRestore, Error> {
        in_time(self.engine().plan_restore(request, &JobCtx::detached())).await
    }

    pub(crate) async fn delete(&self, name: &str) -> Result<DeleteOutcome, Error> {
        self.delete_watched(name, &JobCtx::detached()).await
    }

    pub(crate) async fn delete_watched(&self, name: &str, ctx: &JobCtx) -> Result<DeleteOutcome, Error> {
        let (engine, request) = (self.engine(), DeleteRequest { name: name.parse().unwrap() });
        in_time(async { engine.delete(engine.plan_delete(&request, ctx).await?, ctx).await }).await
    }

    pub(crate) async fn list(&self) -> Vec<BackupSummary> {
        in_time(self.engine().list(&JobCtx::detached())).await.unwrap()
    }

    /// What `list` shows of one backup.
    pub(crate) async fn listed(&self, name: &str) -> Option<BackupSummary> {
        self.list().await.into_iter().find(|backup| backup.name == name)
    }

    pub(crate) async fn restore(&self, request: &RestoreRequest) -> Result<RestoreReport, Error> {
        restore(&self.engine(), request, &JobCtx::detached()).await
    }

    pub(crate) async fn restore_watched(
        &self,
        request: &RestoreRequest,
        watched: &Watched,
    ) -> Result<RestoreReport, Error> {
        restore(&self.engine(), request, &watched.ctx).await
    }

    /// The collections of a database.
    pub(crate) async fn collections(&self, database: &str) -> Vec<String> {
        let listed = in_time(self.client().await.list_collections(database)).await.unwrap();
        listed.into_iter().map(|(name, _)| name).collect()
    }

    /// The rows that Milvus has flushed or imported of a collection.
    pub(crate) async fn rows(&self, name: &str) -> u64 {
        in_time(self.client().await.flushed_rows(&shop::collection(name))).await.unwrap()
    }
}

pub(crate) async fn restore(
    engine: &Engine,
    request: &RestoreRequest,
    ctx: &JobCtx,
) -> Result<RestoreReport, Error> {
    in_time(async { engine.restore(engine.plan_restore(request, ctx).await?, ctx).await }).await
}

/// An error with its hint, in lines.
pub(crate) fn told(error: &Error) -> String {
    format!("{}\n{}", error.chain(), error.hint().unwrap_or_default())
}

/// A backup of everything.
pub(crate) fn backup_of(name: &str) -> BackupRequest {
    BackupRequest::of(BackupName::for_create(name).unwrap())
}

/// A restore of everything under the same names, as the command line does it.
pub(crate) fn restore_of(name: &str) -> RestoreRequest {
    RestoreRequest::of(name.parse().unwrap())
}

/// A restore of everything beside the source.
pub(crate) fn restore_beside(name: &str) -> RestoreRequest {
    RestoreRequest { mapping: Mapping::new(None, Some("_copy")).unwrap(), ..restore_of(name) }
}

pub(crate) fn many(n: usize) -> NonZeroUsize {
    NonZeroUsize::new(n).unwrap()
}

fn place(root: &Path) -> Place {
    let root_text = root.to_str().unwrap().to_owned();
    Place { store: StoreConfig::Local, root: ObjectKey::new(&root_text), root_text, seen_as: None }
}
