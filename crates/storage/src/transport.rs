//! The HTTP client of a bucket: its connection pool, time limits, and trusted certificates.

use std::net::IpAddr;
use std::time::Duration;

use crate::classify;
use crate::config::{S3Config, S3Credentials};
use crate::error::{Cause, Result, StorageErrorKind};

/// The time limit for opening a connection; a host that is down never answers.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);

/// How long an unused connection is kept open; most stores close theirs after a minute or more.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// Builds the HTTP client of a bucket.
///
/// It uses HTTP/1.1 only, because with HTTP/2 all copies of a backup would share one connection.
pub(crate) fn client(config: &S3Config) -> Result<reqwest::Client> {
    // An error means that the program has already installed a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .http1_only()
        .connect_timeout(CONNECT_LIMIT)
        .pool_idle_timeout(IDLE_LIMIT)
        .tcp_keepalive(IDLE_LIMIT)
        .tcp_nodelay(true);
    if is_loopback(&config.endpoint) {
        // A proxy set in the environment cannot be meant for this machine, as other tools assume too.
        builder = builder.no_proxy();
    }
    if let Some(path) = &config.ca_cert {
        let subject = format!("certificate file {}", path.display());
        let pem = std::fs::read(path).map_err(|error| {
            Cause::new(StorageErrorKind::Config, classify::io(&error).reason).during("read", subject.as_str())
        })?;
        let certs = reqwest::Certificate::from_pem_bundle(&pem).ok().filter(|certs| !certs.is_empty());
        let certs = certs.ok_or_else(|| {
            Cause::new(StorageErrorKind::Config, "it holds no PEM certificate").during("use", subject)
        })?;
        builder = builder.tls_certs_merge(certs);
    } else if config.endpoint.starts_with("http://")
        && matches!(config.credentials, S3Credentials::Static { .. })
    {
        // No request uses TLS, so the client must also work on a machine without system certificates.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        let reason = Cause { kind: StorageErrorKind::Config, ..classify::http(&error) };
        reason.during("prepare TLS for", config.endpoint.as_str())
    })
}

/// Returns whether the host of an endpoint is this machine.
fn is_loopback(endpoint: &str) -> bool {
    let url = reqwest::Url::parse(endpoint).ok();
    let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_endpoints_are_recognised() {
        for endpoint in ["http://localhost:1", "https://127.0.0.2", "http://[::1]:9000/"] {
            assert!(is_loopback(endpoint), "{endpoint}");
        }
        for endpoint in ["http://localhost.example", "http://10.0.0.1", ""] {
            assert!(!is_loopback(endpoint), "{endpoint}");
        }
    }
}
