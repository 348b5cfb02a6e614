//! Buckets of S3-compatible object stores.

mod address;
mod client;
mod clock;
mod config;
mod copier;
mod credentials;
mod region;
mod requests;
mod transport;

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use opendal::{HttpTransporter, Operator, services};

pub(crate) use client::S3Client;
pub use config::{NewObjectOptions, S3Addressing, S3Config, S3Credentials};
pub(crate) use copier::S3Copier;
pub(crate) use transport::NOT_A_STORE;

use self::address::S3Address;
use self::transport::S3Transport;
use super::{Backend, OpenedStore, StoreTraits};
use crate::classify;
use crate::error::{Cause, Result, StorageErrorKind, StoreRole};
use crate::location::StoreLocation;

/// The properties of every bucket.
pub(crate) const TRAITS: StoreTraits = StoreTraits { absolute_paths: false };

/// The maximum number of parts of an upload.
pub(crate) const MAX_PARTS: u64 = 10_000;

/// Returns the headers that request the options of new objects; fails if an option cannot be part of a header.
fn new_object_headers(options: &NewObjectOptions) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in [("x-amz-acl", &options.acl), ("x-amz-storage-class", &options.storage_class)] {
        if value.is_empty() {
            continue;
        }
        let value = HeaderValue::from_str(value).map_err(|error| {
            Cause::new(StorageErrorKind::Config, error.to_string()).during("send", format!("{name}: {value}"))
        })?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// Opens a bucket without sending a request, so it fails only if the configuration is invalid.
pub(crate) fn open(config: &S3Config) -> Result<OpenedStore> {
    let address = S3Address::parse(config)?;
    let location = StoreLocation::Bucket {
        protocol: "s3",
        endpoint: address.endpoint.clone(),
        bucket: address.bucket.clone(),
    };
    let region = region::choose_region(&config.region, &address.host);
    // A credential chain may use HTTPS, even if the store does not.
    let uses_tls =
        address.endpoint.starts_with("https://") || matches!(config.credentials, S3Credentials::Chain { .. });
    let http = crate::transport::build_http_client(&address.endpoint, config.ca_cert.as_deref(), uses_tls)?;
    let signer = credentials::build_signer(&config.credentials, &region, http.clone());
    let headers = new_object_headers(&config.new_objects)?;
    let transport = S3Transport::new(http, signer, &region, &address.bucket, headers);
    let clock = transport.clock();
    let http = HttpTransporter::new(transport);

    let mut builder = services::S3::default()
        .endpoint(&address.endpoint)
        .region(&region)
        .bucket(&address.bucket)
        .skip_signature()
        .disable_config_load();
    if address.virtual_host {
        builder = builder.enable_virtual_host_style();
    }
    let operator = Operator::new(builder)
        .map_err(|error| classify::opendal_error(&error).during("open", location.to_string()))?;
    let operator = crate::transport::add_layers(operator, http.clone());
    let client = S3Client::new(http, &address, &config.credentials, clock);
    Ok(OpenedStore {
        location,
        role: StoreRole::default(),
        traits: TRAITS,
        operator,
        backend: Backend::S3(Arc::new(client)),
    })
}
