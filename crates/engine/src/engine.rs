//! The engine: one Milvus, the store it writes to, and the store backups lie in.

use std::num::NonZeroUsize;
use std::time::Duration;

use milvus::{ConnectConfig, Milvus};
use model::key::ObjectKey;
use storage::{CopyMode, Store, StoreConfig};

use crate::Error;

/// Where something lies: a store and a prefix in it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The store.
    pub store: StoreConfig,
    /// The prefix below which everything lies; may be empty on an object store.
    pub root: ObjectKey,
    /// The root as the operator wrote it; kept in manifests as part of `log_path`.
    pub root_text: String,
    /// The root as the Milvus server sees it, where that is another path (a disk mounted elsewhere in its container).
    pub seen_as: Option<String>,
}

impl Place {
    /// What the Milvus server calls a key of this place. On a disk it must be absolute: a relative path is read as
    /// empty, without an error.
    pub(crate) fn server_path(&self, key: &ObjectKey) -> String {
        match (&self.store, self.seen_as.as_deref(), key.below(&self.root)) {
            (StoreConfig::S3(_), ..) => key.to_string(),
            (StoreConfig::Local, Some(seen), Some(rest)) => format!("{}/{rest}", seen.trim_end_matches('/')),
            (StoreConfig::Local, ..) => format!("/{key}"),
        }
    }
}

/// What an engine works on.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// How Milvus is reached.
    pub milvus: ConnectConfig,
    /// Where Milvus keeps its files.
    pub source: Place,
    /// Where backups lie.
    pub backup: Place,
    /// The tool and its version, such as `milvus-backup 0.1.0`.
    pub tool: String,
    /// The name of this host, for the begin marker.
    pub host: String,
    /// How much at once.
    pub limits: Limits,
}

/// How much at once, and how long without progress.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Collections backed up at once.
    pub backup_collections: NonZeroUsize,
    /// Collections restored at once.
    pub restore_collections: NonZeroUsize,
    /// Import jobs at once, at most.
    pub import_jobs: NonZeroUsize,
    /// Objects copied at once.
    pub copies: NonZeroUsize,
    /// From which size on an object is copied in parts, bytes.
    pub multipart_threshold: u64,
    /// How objects are copied.
    pub copy_mode: CopyMode,
    /// A limit of the copy rate, bytes a second, where wanted.
    pub bytes_per_second: Option<u64>,
    /// After how long without progress an import job is given up.
    pub stall: Duration,
    /// Whether Milvus's garbage collection is paused while files are copied.
    pub pause_gc: bool,
}

/// The backup and restore engine; opening it touches neither Milvus nor a store.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) config: EngineConfig,
}

impl Engine {
    /// Makes an engine.
    pub fn new(config: EngineConfig) -> Self {
        Self { config }
    }

    pub(crate) async fn milvus(&self) -> Result<Milvus, Error> {
        Milvus::connect(&self.config.milvus).await.map_err(Error::from)
    }

    pub(crate) fn source(&self) -> Result<Store, Error> {
        Store::open(&self.config.source.store).map_err(Error::from)
    }

    pub(crate) fn backup_store(&self) -> Result<Store, Error> {
        Store::open(&self.config.backup.store).map_err(Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_in_a_container_is_told_its_own_path() {
        let mut place = Place {
            store: StoreConfig::Local,
            root: ObjectKey::new("/srv/backup"),
            root_text: "/srv/backup".to_owned(),
            seen_as: None,
        };
        let key = ObjectKey::new("/srv/backup/nightly/binlogs/");
        assert_eq!(place.server_path(&key), "/srv/backup/nightly/binlogs/");
        place.seen_as = Some("/backup/".to_owned());
        assert_eq!(place.server_path(&key), "/backup/nightly/binlogs/");
    }
}
