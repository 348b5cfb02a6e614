//! The engine and its configuration: one Milvus, the store of its files, and the backup location.

use std::num::NonZeroUsize;
use std::time::Duration;

use milvus::{ConnectConfig, Milvus};
use model::key::ObjectKey;
use storage::{CopyMode, Store, StoreConfig, StoreRole};

use crate::{Error, SeenByMilvus, ServerIdentity};

/// A location of files: a store and a root path in it.
#[derive(Clone, Debug)]
pub struct FileLocation {
    /// The store that contains the files.
    pub store: StoreConfig,
    /// The root path as the prefix of all keys; may be empty on an object store.
    pub root: ObjectKey,
    /// The root path as written in the configuration; manifests contain it as part of `log_path`.
    pub root_text: String,
    /// The root path inside the container of Milvus, if the disk is mounted under a different path there.
    pub seen_as: Option<String>,
    /// How Milvus reaches the store, where it copies files between stores itself.
    pub seen_by_milvus: SeenByMilvus,
    /// Which settings decide about the connection, for the advice after an error.
    pub role: StoreRole,
}

impl FileLocation {
    /// Creates the location of an absolute root path on the local disk.
    pub fn on_disk(root_text: impl Into<String>) -> Self {
        let root_text = root_text.into();
        Self {
            store: StoreConfig::Disk,
            root: ObjectKey::new(&root_text),
            root_text,
            seen_as: None,
            seen_by_milvus: SeenByMilvus::default(),
            role: StoreRole::Milvus,
        }
    }

    /// Returns the path under which the Milvus server reads a key of this location.
    ///
    /// On a disk the path is absolute: Milvus reads a relative path as an empty prefix, without an error.
    pub(crate) fn server_path(&self, key: &ObjectKey) -> String {
        if !self.store.traits().absolute_paths {
            return key.to_string();
        }
        match (self.seen_as.as_deref(), key.relative_to(&self.root)) {
            (Some(seen), Some(rest)) => format!("{}/{rest}", seen.trim_end_matches('/')),
            _ => format!("/{key}"),
        }
    }

    /// Returns this location with another bucket of the same store, another root path, or both.
    ///
    /// On a disk the root path must be absolute. `seen_as` is kept only for a root below the current one, because the
    /// server mounts nothing else. Fails for a bucket on a disk, and for a root that contains `..`.
    fn relocated(&self, bucket: Option<&str>, root: Option<&str>) -> Result<Self, Error> {
        let unusable = |place: &str, reason| Error::Place { place: place.to_owned(), reason };
        let mut place = self.clone();
        if let Some(bucket) = bucket {
            let Some(configured) = place.store.bucket_mut() else {
                return Err(unusable(bucket, "backups are stored on a disk, which has no buckets"));
            };
            bucket.clone_into(configured);
        }
        let Some(root) = root else { return Ok(place) };
        if root.split('/').any(|part| part == "..") {
            return Err(unusable(root, "a root must not contain `..`"));
        }
        if place.store.traits().absolute_paths && !root.starts_with('/') {
            return Err(unusable(root, "on a disk a root is an absolute path"));
        }
        place.root = ObjectKey::new(root.trim_end_matches('/'));
        root.trim_end_matches('/').clone_into(&mut place.root_text);
        if place.root != self.root {
            let below = place.root.relative_to(&self.root);
            let seen = self.seen_as.as_ref().zip(below);
            place.seen_as = seen.map(|(seen, below)| format!("{}/{below}", seen.trim_end_matches('/')));
        }
        Ok(place)
    }
}

/// The configuration of an engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The address, credentials and time limits of the Milvus server.
    pub milvus: ConnectConfig,
    /// The location of Milvus's own files.
    pub source: FileLocation,
    /// The backup location.
    pub backup: FileLocation,
    /// The name and version of the program, such as `milvus-backup 0.1.0`.
    pub tool: String,
    /// The name of this host, which begin markers and owner files contain.
    pub host: String,
    /// The server whose jobs this engine executes, so that it knows the interrupted runs of its earlier processes.
    pub server: Option<ServerIdentity>,
    /// The limits on concurrency, rate and waiting time.
    pub limits: EngineLimits,
}

/// The limits of an engine on concurrency, rate and waiting time.
#[derive(Clone, Debug)]
pub struct EngineLimits {
    /// The maximum number of collections that a backup processes concurrently.
    ///
    /// `None` means 32, and half as many each time Milvus limits the rate of requests.
    pub backup_collections: Option<NonZeroUsize>,
    /// The maximum number of collections that a restore processes concurrently.
    pub restore_collections: NonZeroUsize,
    /// The largest size in bytes of an import job with several segments.
    pub import_job_bytes: u64,
    /// The maximum number of import jobs that Milvus has at the same time.
    pub import_jobs: NonZeroUsize,
    /// The maximum number of objects that are copied concurrently.
    pub copies: NonZeroUsize,
    /// The size in bytes above which an object is copied in parts.
    pub multipart_threshold: u64,
    /// The ways in which objects may be copied.
    pub copy_mode: CopyMode,
    /// The maximum number of bytes copied per second; `None` for no limit.
    pub bytes_per_second: Option<u64>,
    /// The time without progress after which an import job counts as failed.
    pub stall: Duration,
    /// Whether every backup pauses the garbage collection of Milvus while it copies.
    pub pause_gc: bool,
}

/// The use cases of the program on one configuration; creating an engine opens no connection.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) config: EngineConfig,
}

impl Engine {
    /// Creates an engine without connecting to Milvus or a store.
    pub fn new(config: EngineConfig) -> Self {
        Self { config }
    }

    /// Returns the configuration.
    pub fn config(&self) -> &EngineConfig {
        &self.config
    }

    /// Returns an engine whose backup location has another bucket or root path of the same store.
    ///
    /// A value that is `None` or empty keeps the configured one. Fails if the store cannot have such a location.
    pub fn with_backup(&self, bucket: Option<&str>, root: Option<&str>) -> Result<Self, Error> {
        let not_empty = |text: &&str| !text.is_empty();
        let backup = self.config.backup.relocated(bucket.filter(not_empty), root.filter(not_empty))?;
        Ok(Self::new(EngineConfig { backup, ..self.config.clone() }))
    }

    /// Returns an engine that executes the jobs of a server.
    #[must_use]
    pub fn with_server(self, server: ServerIdentity) -> Self {
        Self::new(EngineConfig { server: Some(server), ..self.config })
    }

    /// Connects to Milvus and returns its version, such as `v2.3.5`.
    pub async fn server_version(&self) -> Result<String, Error> {
        Ok(self.connect_milvus().await?.server().version.to_string())
    }

    pub(crate) async fn connect_milvus(&self) -> Result<Milvus, Error> {
        Milvus::connect(&self.config.milvus).await.map_err(Error::from)
    }

    /// Opens the store of Milvus's own files.
    pub(crate) fn open_source_store(&self) -> Result<Store, Error> {
        Store::open(&self.config.source.store).map_err(Error::from)
    }

    /// Opens the store of the backups.
    pub(crate) fn open_backup_store(&self) -> Result<Store, Error> {
        Ok(Store::open(&self.config.backup.store)?.with_role(self.config.backup.role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_path_uses_the_root_that_the_container_of_milvus_sees() {
        let mut place = FileLocation::on_disk("/srv/backup");
        let key = ObjectKey::new("/srv/backup/nightly/binlogs/");
        assert_eq!(place.server_path(&key), "/srv/backup/nightly/binlogs/");
        place.seen_as = Some("/backup/".to_owned());
        assert_eq!(place.server_path(&key), "/backup/nightly/binlogs/");
        let below = place.relocated(None, Some("/srv/backup/team")).unwrap();
        assert_eq!(below.server_path(&below.root.join("nightly")), "/backup/team/nightly");
        assert_eq!(
            place.relocated(None, Some("/srv/backup/")).unwrap().server_path(&key),
            "/backup/nightly/binlogs/"
        );
        let elsewhere = place.relocated(None, Some("/mnt/other/")).unwrap();
        assert_eq!(elsewhere.server_path(&elsewhere.root.join("nightly")), "/mnt/other/nightly");
        assert_eq!(elsewhere.root_text, "/mnt/other");
        for (bucket, root) in [(None, "/srv/../etc"), (None, "backup"), (Some("b"), "/srv/backup")] {
            let error = place.relocated(bucket, Some(root)).unwrap_err();
            assert_eq!(error.kind(), crate::FailureKind::Usage, "{error}");
        }
    }

    #[test]
    fn a_location_can_be_moved_to_another_bucket_and_root() {
        let s3 = |bucket: &str| {
            StoreConfig::S3(storage::S3Config {
                endpoint: "http://h:9000".to_owned(),
                region: String::new(),
                bucket: bucket.to_owned(),
                addressing: storage::S3Addressing::Path,
                credentials: storage::S3Credentials::Chain { iam_endpoint: None },
                ca_cert: None,
                new_objects: storage::NewObjectOptions::default(),
            })
        };
        let place = FileLocation {
            store: s3("files"),
            root: ObjectKey::new("backup"),
            root_text: "backup".to_owned(),
            seen_as: None,
            seen_by_milvus: SeenByMilvus::default(),
            role: StoreRole::Milvus,
        };
        let moved = place.relocated(Some("backups"), Some("team/a/")).unwrap();
        assert_eq!(
            (moved.store.bucket(), moved.root.as_str(), moved.root_text.as_str()),
            (Some("backups"), "team/a", "team/a")
        );
        assert_eq!(place.relocated(None, None).unwrap().root, place.root);
    }
}
