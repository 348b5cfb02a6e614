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

    /// The same store, but another bucket of it and another root.
    ///
    /// On a disk a root is an absolute path, and the server sees it elsewhere only as far as it lies below this one.
    fn moved(&self, bucket: Option<&str>, root: Option<&str>) -> Result<Self, Error> {
        let refused = |place: &str, reason| Error::Place { place: place.to_owned(), reason };
        let mut place = self.clone();
        if let Some(bucket) = bucket {
            let StoreConfig::S3(s3) = &mut place.store else {
                return Err(refused(bucket, "backups lie on a disk, which has no buckets"));
            };
            bucket.clone_into(&mut s3.bucket);
        }
        let Some(root) = root else { return Ok(place) };
        if root.split('/').any(|part| part == "..") {
            return Err(refused(root, "a root holds no `..`"));
        }
        if matches!(place.store, StoreConfig::Local) && !root.starts_with('/') {
            return Err(refused(root, "on a disk a root is an absolute path"));
        }
        place.root = ObjectKey::new(root.trim_end_matches('/'));
        root.trim_end_matches('/').clone_into(&mut place.root_text);
        if place.root != self.root {
            let below = place.root.below(&self.root);
            let seen = self.seen_as.as_ref().zip(below);
            place.seen_as = seen.map(|(seen, below)| format!("{}/{below}", seen.trim_end_matches('/')));
        }
        Ok(place)
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

    /// What it works on.
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// The same engine with backups in another bucket, or below another root, of the same store; what is not given, or
    /// is empty, stays.
    pub fn with_backup(&self, bucket: Option<&str>, root: Option<&str>) -> Result<Self, Error> {
        let given = |text: &&str| !text.is_empty();
        let backup = self.config.backup.moved(bucket.filter(given), root.filter(given))?;
        Ok(Self::new(EngineConfig { backup, ..self.config.clone() }))
    }

    /// The version of the Milvus it works on, such as `v2.3.5`.
    pub async fn server_version(&self) -> Result<String, Error> {
        Ok(self.milvus().await?.server().version.to_string())
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
        let below = place.moved(None, Some("/srv/backup/team")).unwrap();
        assert_eq!(below.server_path(&below.root.join("nightly")), "/backup/team/nightly");
        assert_eq!(
            place.moved(None, Some("/srv/backup/")).unwrap().server_path(&key),
            "/backup/nightly/binlogs/"
        );
        let elsewhere = place.moved(None, Some("/mnt/other/")).unwrap();
        assert_eq!(elsewhere.server_path(&elsewhere.root.join("nightly")), "/mnt/other/nightly");
        assert_eq!(elsewhere.root_text, "/mnt/other");
        for (bucket, root) in [(None, "/srv/../etc"), (None, "backup"), (Some("b"), "/srv/backup")] {
            let error = place.moved(bucket, Some(root)).unwrap_err();
            assert_eq!(error.kind(), crate::Kind::Usage, "{error}");
        }
    }

    #[test]
    fn another_bucket_and_root_of_the_same_store() {
        let s3 = |bucket: &str| {
            StoreConfig::S3(storage::S3Config {
                endpoint: "http://h:9000".to_owned(),
                region: String::new(),
                bucket: bucket.to_owned(),
                addressing: storage::Addressing::Path,
                credentials: storage::Credentials::Chain { iam_endpoint: None },
                ca_cert: None,
            })
        };
        let place = Place {
            store: s3("files"),
            root: ObjectKey::new("backup"),
            root_text: "backup".to_owned(),
            seen_as: None,
        };
        let moved = place.moved(Some("backups"), Some("team/a/")).unwrap();
        let StoreConfig::S3(found) = &moved.store else { panic!("no bucket") };
        assert_eq!(
            (found.bucket.as_str(), moved.root.as_str(), moved.root_text.as_str()),
            ("backups", "team/a", "team/a")
        );
        assert_eq!(place.moved(None, None).unwrap().root, place.root);
    }
}
