//! Engines, stores and ids for the benchmarks.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use engine::{Engine, EngineConfig, EngineLimits, FileLocation};
use milvus::{Auth, ConnectConfig, Tls};
use model::key::ObjectKey;
use storage::{CopyMode, S3Addressing, S3Config, S3Credentials, Store, StoreConfig};
use testkit::servers::S3Server;

/// The default of `transfer.concurrency`.
pub(crate) const COPIES: usize = 128;

/// Returns an id that is as long as those of Milvus.
pub(crate) const fn long_id(number: i64) -> i64 {
    454_000_000_000_000_000 + number
}

/// Returns a location on the local disk.
pub(crate) fn disk_place(dir: &Path) -> FileLocation {
    FileLocation::on_disk(dir.to_str().expect("a path in UTF-8"))
}

/// Returns a location in a bucket.
pub(crate) fn bucket_place(endpoint: &str, bucket: &str, root: &str) -> FileLocation {
    let credentials = S3Credentials::Static {
        access_key_id: S3Server::ACCESS_KEY_ID.to_owned(),
        secret_access_key: S3Server::SECRET_ACCESS_KEY.into(),
        session_token: None,
    };
    let config = S3Config {
        endpoint: endpoint.to_owned(),
        region: String::new(),
        bucket: bucket.to_owned(),
        addressing: S3Addressing::Path,
        credentials,
        ca_cert: None,
        new_objects: storage::NewObjectOptions::default(),
    };
    FileLocation {
        store: StoreConfig::S3(config),
        root: ObjectKey::new(root),
        root_text: root.to_owned(),
        seen_as: None,
        seen_by_milvus: engine::SeenByMilvus::default(),
        role: storage::StoreRole::Milvus,
    }
}

/// Opens the store of a location.
pub(crate) fn open_store(place: &FileLocation) -> Store {
    Store::open(&place.store).expect("a store")
}

/// Creates an engine with the default limits of the command line.
pub(crate) fn create_engine(milvus: ConnectConfig, source: FileLocation, backup: FileLocation) -> Engine {
    let count = |n| NonZeroUsize::new(n).expect("not zero");
    let limits = EngineLimits {
        backup_collections: None,
        restore_collections: count(2),
        import_job_bytes: 2 << 30,
        import_jobs: count(768),
        copies: count(COPIES),
        multipart_threshold: 500 << 20,
        copy_mode: CopyMode::Auto,
        bytes_per_second: None,
        stall: Duration::from_mins(10),
        pause_gc: false,
    };
    let (tool, host) = ("milvus-backup bench".to_owned(), "bench".to_owned());
    Engine::new(EngineConfig { milvus, source, backup, tool, host, server: None, limits })
}

/// Returns the configuration of a Milvus for engines that never connect to it.
pub(crate) fn unused_milvus() -> ConnectConfig {
    ConnectConfig {
        address: "127.0.0.1".to_owned(),
        port: 1,
        tls: Tls::Disabled,
        auth: Auth::None,
        management_endpoint: None,
        limits: milvus::CallLimits::default(),
    }
}
