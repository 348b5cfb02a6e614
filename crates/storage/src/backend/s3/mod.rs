//! Buckets of S3-compatible object stores.

mod address;
mod client;
mod config;
mod copier;
mod credentials;
mod requests;

use std::sync::Arc;

use opendal::{HttpTransporter, Operator, services};
use opendal_http_transport_reqwest::ReqwestTransport;

pub(crate) use client::S3Client;
pub use config::{S3Addressing, S3Config, S3Credentials};
pub(crate) use copier::S3Copier;

use self::address::S3Address;
use super::{Backend, OpenedStore, StoreTraits};
use crate::classify;
use crate::error::Result;
use crate::location::StoreLocation;
use crate::transport;

/// The properties of every bucket.
pub(crate) const TRAITS: StoreTraits = StoreTraits { absolute_paths: false, has_directories: false };

/// The maximum number of parts of an upload.
pub(crate) const MAX_PARTS: u64 = 10_000;

/// Opens a bucket without sending a request, so it fails only if the configuration is invalid.
pub(crate) fn open(config: &S3Config) -> Result<OpenedStore> {
    let address = S3Address::parse(config)?;
    let location = StoreLocation::Bucket {
        protocol: "s3",
        endpoint: address.endpoint.clone(),
        bucket: address.bucket.clone(),
    };
    let region = if config.region.is_empty() { "us-east-1" } else { &config.region };
    // A credential chain may use HTTPS, even if the store does not.
    let uses_tls =
        address.endpoint.starts_with("https://") || matches!(config.credentials, S3Credentials::Chain { .. });
    let http = transport::build_http_client(&address.endpoint, config.ca_cert.as_deref(), uses_tls)?;
    let transporter = HttpTransporter::new(ReqwestTransport::new(http.clone()));

    let mut builder = services::S3::default()
        .endpoint(&address.endpoint)
        .region(region)
        .bucket(&address.bucket)
        .credential_provider_chain(credentials::build_provider(&config.credentials))
        .disable_config_load();
    if address.virtual_host {
        builder = builder.enable_virtual_host_style();
    }
    let operator = Operator::new(builder)
        .map_err(|error| classify::opendal_error(&error).during("open", location.to_string()))?;
    let operator = transport::add_layers(operator, transporter.clone());
    let signer = credentials::build_signer(&config.credentials, region, transporter);
    let client = S3Client::new(http, signer, &address);
    Ok(OpenedStore { location, traits: TRAITS, operator, backend: Backend::S3(Arc::new(client)) })
}
