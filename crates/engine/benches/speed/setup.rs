//! Engines, stores and ids for the measurements.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Duration;

use engine::{Engine, EngineConfig, Limits, Place};
use milvus::{Auth, ConnectConfig, Tls};
use model::key::ObjectKey;
use storage::{Addressing, CopyMode, Credentials, S3Config, Store, StoreConfig};
use testkit::servers::S3Server;

/// What `transfer.concurrency` is by default.
pub(crate) const COPIES: usize = 128;

/// An id as long as Milvus's own.
pub(crate) const fn id(number: i64) -> i64 {
    454_000_000_000_000_000 + number
}

/// A place on the disk.
pub(crate) fn disk(dir: &Path) -> Place {
    let text = dir.to_str().expect("a path in UTF-8");
    Place { store: StoreConfig::Local, root: ObjectKey::new(text), root_text: text.to_owned(), seen_as: None }
}

/// A place in a bucket.
pub(crate) fn bucket(endpoint: &str, bucket: &str, root: &str) -> Place {
    let credentials = Credentials::Static {
        access_key_id: S3Server::ACCESS_KEY_ID.to_owned(),
        secret_access_key: S3Server::SECRET_ACCESS_KEY.into(),
        session_token: None,
    };
    let config = S3Config {
        endpoint: endpoint.to_owned(),
        region: String::new(),
        bucket: bucket.to_owned(),
        addressing: Addressing::Path,
        credentials,
        ca_cert: None,
    };
    Place {
        store: StoreConfig::S3(config),
        root: ObjectKey::new(root),
        root_text: root.to_owned(),
        seen_as: None,
    }
}

/// The store of a place.
pub(crate) fn open(place: &Place) -> Store {
    Store::open(&place.store).expect("a store")
}

/// An engine with the limits that the command line has by default.
pub(crate) fn engine(milvus: ConnectConfig, source: Place, backup: Place) -> Engine {
    let count = |n| NonZeroUsize::new(n).expect("not zero");
    let limits = Limits {
        backup_collections: count(4),
        restore_collections: count(2),
        import_jobs: count(768),
        copies: count(COPIES),
        multipart_threshold: 500 << 20,
        copy_mode: CopyMode::Auto,
        bytes_per_second: None,
        stall: Duration::from_mins(10),
        pause_gc: false,
    };
    let (tool, host) = ("milvus-backup bench".to_owned(), "bench".to_owned());
    Engine::new(EngineConfig { milvus, source, backup, tool, host, limits })
}

/// A Milvus that is never asked.
pub(crate) fn no_milvus() -> ConnectConfig {
    ConnectConfig {
        address: "127.0.0.1".to_owned(),
        port: 1,
        tls: Tls::Disabled,
        auth: Auth::None,
        management_endpoint: None,
        limits: milvus::Limits::default(),
    }
}
