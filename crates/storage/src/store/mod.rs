//! One store: a bucket or the local disk, read and written by full keys.

mod delete;
mod list;
mod write;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::stream::{BoxStream, StreamExt, TryStreamExt};
use model::key::ObjectKey;
use opendal::layers::{RetryEvent, RetryLayer, TimeoutLayer};
use opendal::{HttpTransporter, Operator, services};
use opendal_http_transport_reqwest::ReqwestTransport;

pub use write::ObjectWriter;
pub(crate) use write::STREAM_PART;

use crate::classify;
use crate::config::{S3Config, StoreConfig};
use crate::credentials;
use crate::error::{Cause, ErrorKind, Result};
use crate::location::Location;
use crate::measure;
use crate::object::ObjectMeta;
use crate::s3_client::S3Client;
use crate::transport;

/// How long a store may take to answer a question about one object.
const ANSWER: Duration = Duration::from_secs(30);

/// How long a store may take for one page, one batch, one part, or the next bytes of a stream.
const STEP: Duration = Duration::from_mins(1);

/// How often a request that failed for a passing reason is sent again; together about two seconds.
const RETRIES: usize = 3;

/// One store. Clones are cheap and share their connections.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    location: Location,
    operator: Operator,
    bucket: Option<S3Client>,
}

impl Store {
    /// Opens a store. Nothing is sent yet, so only a configuration that can never work fails here.
    pub fn open(config: &StoreConfig) -> Result<Self> {
        match config {
            StoreConfig::Local => Self::open_disk(),
            StoreConfig::S3(config) => Self::open_bucket(config),
        }
    }

    fn open_disk() -> Result<Self> {
        let location = Location::Local;
        let operator = Operator::new(services::Fs::default().root("/"))
            .map_err(|error| classify::opendal(&error).during("open", location.to_string()))?;
        let operator = operator.layer(measure::layer());
        Ok(Self(Arc::new(Inner { location, operator, bucket: None })))
    }

    fn open_bucket(config: &S3Config) -> Result<Self> {
        let location = Location::of_bucket(config)?;
        let endpoint = location.endpoint().unwrap_or_default();
        let region = if config.region.is_empty() { "us-east-1" } else { &config.region };
        let virtual_host = location.virtual_host(config.addressing);
        let client = transport::client(config)?;
        let transporter = HttpTransporter::new(ReqwestTransport::new(client.clone()));

        let mut builder = services::S3::default()
            .endpoint(endpoint)
            .region(region)
            .bucket(&config.bucket)
            .credential_provider_chain(credentials::provider(&config.credentials))
            .disable_config_load();
        if virtual_host {
            builder = builder.enable_virtual_host_style();
        }
        let retries = RetryLayer::new()
            .with_max_times(RETRIES)
            .with_min_delay(Duration::from_millis(200))
            .with_jitter()
            .with_notify(|event: RetryEvent<'_>| {
                measure::again(event.op.into_static());
                tracing::debug!(operation = %event.op, attempt = event.attempt, error = %event.err, "asking the store again");
            });
        let operator = Operator::new(builder)
            .map_err(|error| classify::opendal(&error).during("open", location.to_string()))?;
        let context = operator.context().with_http_transport(transporter.clone());
        let operator = operator
            .with_context(context)
            .layer(measure::layer())
            .layer(TimeoutLayer::new().with_timeout(ANSWER).with_io_timeout(STEP))
            .layer(retries);
        let signer = credentials::signer(&config.credentials, region, transporter);
        let bucket = S3Client::new(client, signer, endpoint, &config.bucket, region, virtual_host);
        Ok(Self(Arc::new(Inner { location, operator, bucket: Some(bucket) })))
    }

    /// Where the store lies.
    pub fn location(&self) -> &Location {
        &self.0.location
    }

    /// Whether both stores are served by the same endpoint, so that one can copy from the other by itself.
    pub fn same_endpoint(&self, other: &Self) -> bool {
        self.location().endpoint() == other.location().endpoint()
    }

    /// An object as people write it: `s3://bucket/key` or `/path`.
    pub fn describe(&self, key: &ObjectKey) -> String {
        self.location().describe(key)
    }

    /// Makes the bucket; one that exists is no error, and a disk needs nothing of the kind.
    pub async fn create_bucket(&self) -> Result<()> {
        let Some(bucket) = &self.0.bucket else { return Ok(()) };
        let subject = || self.location().prefix(&ObjectKey::default());
        bucket.create_bucket().await.map_err(|cause| cause.during("create", subject()))
    }

    /// The facts about one object, or `None` where there is none. A directory is no object.
    pub async fn stat(&self, key: &ObjectKey) -> Result<Option<ObjectMeta>> {
        match self.0.operator.stat(key.as_str()).await {
            Ok(meta) if meta.is_dir() => Ok(None),
            Ok(meta) => Ok(Some(ObjectMeta::from_opendal(&meta))),
            Err(error) => match classify::opendal(&error) {
                cause if cause.kind == ErrorKind::NotFound => Ok(None),
                cause => Err(cause.during("look up", self.location().object(key))),
            },
        }
    }

    /// The whole object, held in memory.
    pub async fn read(&self, key: &ObjectKey) -> Result<Bytes> {
        let mut stream = self.reader(key);
        let mut all = BytesMut::from(stream.try_next().await?.unwrap_or_default());
        while let Some(bytes) = stream.try_next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all.freeze())
    }

    /// The bytes of a range; fewer where the object ends before it.
    pub async fn read_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes> {
        let read = self.0.operator.read_with(key.as_str()).range(range).await;
        read.map(|buffer| buffer.to_bytes()).map_err(|error| self.read_error(key, &error))
    }

    /// The object's bytes as they come. A broken connection is taken up again where it broke.
    pub fn reader(&self, key: &ObjectKey) -> BoxStream<'static, Result<Bytes>> {
        let (store, key) = (self.clone(), key.clone());
        let open = async move {
            let opened = async { store.0.operator.reader(key.as_str()).await?.into_stream(..).await }.await;
            let stream = opened.map_err(|error| store.read_error(&key, &error))?;
            Ok(stream.map_ok(|buffer| buffer.to_bytes()).map_err(move |error| store.read_error(&key, &error)))
        };
        futures::stream::once(open).try_flatten().boxed()
    }

    pub(crate) fn bucket(&self) -> Option<&S3Client> {
        self.0.bucket.as_ref()
    }

    pub(crate) fn is_local(&self) -> bool {
        self.0.bucket.is_none()
    }

    fn read_error(&self, key: &ObjectKey, error: &opendal::Error) -> crate::StorageError {
        classify::opendal(error).during("read", self.location().object(key))
    }

    fn write_error(&self, key: &ObjectKey, cause: Cause) -> crate::StorageError {
        cause.during("write", self.location().object(key))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(self.location()).finish()
    }
}
