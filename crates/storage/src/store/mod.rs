//! Access to one store, a bucket or the local disk, by full keys.

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
use crate::error::{Cause, Result, StorageErrorKind};
use crate::location::StoreLocation;
use crate::measure;
use crate::object::ObjectMetadata;
use crate::s3_client::S3Client;
use crate::transport;

/// The time limit of a request about one object that moves no data.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The time limit for one page, one batch, one part, or the next bytes of a stream.
const STEP_LIMIT: Duration = Duration::from_mins(1);

/// The number of retries after a temporary failure of a request; all waits together take about two seconds.
const REQUEST_RETRIES: usize = 3;

/// A bucket or the local disk. Clones are cheap and share their connections.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    location: StoreLocation,
    operator: Operator,
    bucket: Option<S3Client>,
}

impl Store {
    /// Opens a store without sending a request, so it fails only if the configuration is invalid.
    pub fn open(config: &StoreConfig) -> Result<Self> {
        match config {
            StoreConfig::Disk => Self::open_disk(),
            StoreConfig::S3(config) => Self::open_bucket(config),
        }
    }

    fn open_disk() -> Result<Self> {
        let location = StoreLocation::Disk;
        let operator = Operator::new(services::Fs::default().root("/"))
            .map_err(|error| classify::opendal(&error).during("open", location.to_string()))?;
        let operator = operator.layer(measure::metrics_layer());
        Ok(Self(Arc::new(Inner { location, operator, bucket: None })))
    }

    fn open_bucket(config: &S3Config) -> Result<Self> {
        let location = StoreLocation::from_config(config)?;
        let endpoint = location.endpoint().unwrap_or_default();
        let region = if config.region.is_empty() { "us-east-1" } else { &config.region };
        let virtual_host = location.uses_virtual_host(config.addressing);
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
            .with_max_times(REQUEST_RETRIES)
            .with_min_delay(Duration::from_millis(200))
            .with_jitter()
            .with_notify(|event: RetryEvent<'_>| {
                measure::count_retry(event.op.into_static());
                tracing::debug!(operation = %event.op, attempt = event.attempt, error = %event.err, "asking the store again");
            });
        let operator = Operator::new(builder)
            .map_err(|error| classify::opendal(&error).during("open", location.to_string()))?;
        let context = operator.context().with_http_transport(transporter.clone());
        let operator = operator
            .with_context(context)
            .layer(measure::metrics_layer())
            .layer(TimeoutLayer::new().with_timeout(ANSWER_LIMIT).with_io_timeout(STEP_LIMIT))
            .layer(retries);
        let signer = credentials::signer(&config.credentials, region, transporter);
        let bucket = S3Client::new(client, signer, endpoint, &config.bucket, region, virtual_host);
        Ok(Self(Arc::new(Inner { location, operator, bucket: Some(bucket) })))
    }

    /// Returns the location, by which stores can be compared.
    pub fn location(&self) -> &StoreLocation {
        &self.0.location
    }

    /// Returns whether both stores have the same endpoint, so that server-side copies between them are possible.
    pub fn same_endpoint(&self, other: &Self) -> bool {
        self.location().endpoint() == other.location().endpoint()
    }

    /// Names an object for messages: `s3://bucket/key` or `/path`.
    pub fn describe(&self, key: &ObjectKey) -> String {
        self.location().describe(key)
    }

    /// Creates the bucket if it does not exist; does nothing on a disk.
    pub async fn create_bucket(&self) -> Result<()> {
        let Some(bucket) = &self.0.bucket else { return Ok(()) };
        let subject = || self.location().describe_prefix(&ObjectKey::default());
        bucket.create_bucket().await.map_err(|cause| cause.during("create", subject()))
    }

    /// Returns the metadata of an object, or `None` if it does not exist or is a directory.
    pub async fn metadata(&self, key: &ObjectKey) -> Result<Option<ObjectMetadata>> {
        match self.0.operator.stat(key.as_str()).await {
            Ok(meta) if meta.is_dir() => Ok(None),
            Ok(meta) => Ok(Some(ObjectMetadata::from_opendal(&meta))),
            Err(error) => match classify::opendal(&error) {
                cause if cause.kind == StorageErrorKind::NotFound => Ok(None),
                cause => Err(cause.during("look up", self.location().describe_object(key))),
            },
        }
    }

    /// Reads a whole object into memory.
    pub async fn read(&self, key: &ObjectKey) -> Result<Bytes> {
        let mut stream = self.read_stream(key);
        let mut all = BytesMut::from(stream.try_next().await?.unwrap_or_default());
        while let Some(bytes) = stream.try_next().await? {
            all.extend_from_slice(&bytes);
        }
        Ok(all.freeze())
    }

    /// Reads a range of bytes; returns fewer bytes if the object ends before the range does.
    pub async fn read_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Bytes> {
        let read = self.0.operator.read_with(key.as_str()).range(range).await;
        read.map(|buffer| buffer.to_bytes()).map_err(|error| self.read_error(key, &error))
    }

    /// Streams the bytes of an object. After a broken connection, the stream continues where it broke.
    pub fn read_stream(&self, key: &ObjectKey) -> BoxStream<'static, Result<Bytes>> {
        let (store, key) = (self.clone(), key.clone());
        let open = async move {
            let opened = async { store.0.operator.reader(key.as_str()).await?.into_stream(..).await }.await;
            let stream = opened.map_err(|error| store.read_error(&key, &error))?;
            Ok(stream.map_ok(|buffer| buffer.to_bytes()).map_err(move |error| store.read_error(&key, &error)))
        };
        futures::stream::once(open).try_flatten().boxed()
    }

    /// Returns the client for server-side copies; `None` on a disk.
    pub(crate) fn bucket(&self) -> Option<&S3Client> {
        self.0.bucket.as_ref()
    }

    pub(crate) fn is_local(&self) -> bool {
        self.0.bucket.is_none()
    }

    fn read_error(&self, key: &ObjectKey, error: &opendal::Error) -> crate::StorageError {
        classify::opendal(error).during("read", self.location().describe_object(key))
    }

    fn write_error(&self, key: &ObjectKey, cause: Cause) -> crate::StorageError {
        cause.during("write", self.location().describe_object(key))
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(self.location()).finish()
    }
}
