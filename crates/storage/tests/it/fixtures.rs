//! Stores to test against, each with its own empty prefix.

use bytes::Bytes;
use milvus_backup_storage::{S3Addressing, S3Config, S3Credentials, Store, StoreConfig};
use model::key::ObjectKey;
use secrecy::SecretString;
use testkit::names;
use testkit::servers::{self, S3Server};

use crate::server::Server;

pub(crate) const KEY: &str = S3Server::ACCESS_KEY_ID;
pub(crate) const SECRET: &str = S3Server::SECRET_ACCESS_KEY;

/// A store under test, and an empty prefix in it.
pub(crate) struct StoreFixture {
    pub(crate) store: Store,
    pub(crate) base: ObjectKey,
    /// Whether `x` and `x/y` can both be objects.
    pub(crate) flat: bool,
    /// The temporary directory or the server, which must live as long as the fixture.
    _keep_alive: Box<dyn std::any::Any + Send>,
}

impl StoreFixture {
    /// Returns a key below the empty prefix.
    pub(crate) fn key(&self, below: &str) -> ObjectKey {
        self.base.join(below)
    }

    /// Writes an object below the empty prefix.
    pub(crate) async fn put(&self, below: &str, bytes: impl Into<Bytes>) -> ObjectKey {
        let key = self.key(below);
        self.store.write(&key, bytes.into()).await.unwrap();
        key
    }
}

/// Returns the configuration of a bucket with the key pair of the tests.
pub(crate) fn s3_config(endpoint: &str, bucket: &str) -> S3Config {
    S3Config {
        endpoint: endpoint.to_owned(),
        region: String::new(),
        bucket: bucket.to_owned(),
        addressing: S3Addressing::Auto,
        credentials: key_pair(KEY, SECRET),
        ca_cert: None,
        new_objects: milvus_backup_storage::NewObjectOptions::default(),
    }
}

pub(crate) fn key_pair(key: &str, secret: &str) -> S3Credentials {
    S3Credentials::Static {
        access_key_id: key.to_owned(),
        secret_access_key: SecretString::from(secret.to_owned()),
        session_token: None,
    }
}

pub(crate) fn open(config: S3Config) -> Store {
    Store::open(&StoreConfig::S3(config)).unwrap()
}

impl Server {
    pub(crate) fn endpoint(&self) -> String {
        let scheme = if self.ca.is_some() { "https" } else { "http" };
        format!("{scheme}://localhost:{}", self.address.port())
    }

    /// Opens a bucket of this server, and creates it if it does not exist.
    pub(crate) fn store(&self, bucket: &str) -> Store {
        self.create_bucket(bucket);
        open(self.config(bucket))
    }

    pub(crate) fn config(&self, bucket: &str) -> S3Config {
        S3Config { ca_cert: self.ca.clone(), ..s3_config(&self.endpoint(), bucket) }
    }
}

/// Creates a fixture in a temporary directory on the disk of this machine.
pub(crate) async fn disk() -> Option<StoreFixture> {
    let dir = tempfile::tempdir().unwrap();
    let base = ObjectKey::new(dir.path().to_str().unwrap()).join("place");
    Some(StoreFixture {
        store: Store::open(&StoreConfig::Disk).unwrap(),
        base,
        flat: false,
        _keep_alive: Box::new(dir),
    })
}

/// Creates a fixture in a bucket of an S3 server in this process.
pub(crate) async fn in_process() -> Option<StoreFixture> {
    let server = Server::start().await;
    let store = server.store("place");
    Some(StoreFixture {
        store,
        base: ObjectKey::new("some/root"),
        flat: false,
        _keep_alive: Box::new(server),
    })
}

/// Creates a fixture in a new bucket of the Ceph RGW of the tests; `None` if it is not running.
pub(crate) async fn ceph() -> Option<StoreFixture> {
    let store = ceph_bucket(&servers::s3()?).await;
    Some(StoreFixture { store, base: ObjectKey::new("some/root"), flat: true, _keep_alive: Box::new(()) })
}

/// Creates a bucket with a new name and opens it.
pub(crate) async fn ceph_bucket(server: &S3Server) -> Store {
    let name = names::bucket("store");
    server.create_bucket(&name).await;
    open(s3_config(&server.endpoint, &name))
}
