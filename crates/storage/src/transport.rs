//! The one HTTP client of a store: its pool of connections, its patience, and whom it trusts.

use std::net::IpAddr;
use std::time::Duration;

use crate::classify;
use crate::config::{Credentials, S3Config};
use crate::error::{Cause, ErrorKind, Result};

/// How long a connection may take to come about; a host that is down answers nothing at all.
const CONNECT: Duration = Duration::from_secs(4);

/// How long an unused connection is kept; most stores close theirs after a minute or more.
const IDLE: Duration = Duration::from_secs(30);

/// Builds the client for a bucket.
///
/// It speaks HTTP/1.1 only: with HTTP/2 all copies of a backup would share one connection.
pub(crate) fn client(config: &S3Config) -> Result<reqwest::Client> {
    // Fails only when a provider is installed already, and then there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .http1_only()
        .connect_timeout(CONNECT)
        .pool_idle_timeout(IDLE)
        .tcp_keepalive(IDLE)
        .tcp_nodelay(true);
    if is_loopback(&config.endpoint) {
        // A proxy of the environment cannot mean this machine, as its own tools see it too.
        builder = builder.no_proxy();
    }
    if let Some(path) = &config.ca_cert {
        let subject = format!("certificate file {}", path.display());
        let pem = std::fs::read(path).map_err(|error| {
            Cause::new(ErrorKind::Config, classify::io(&error).reason).during("read", subject.as_str())
        })?;
        let certs = reqwest::Certificate::from_pem_bundle(&pem).ok().filter(|certs| !certs.is_empty());
        let certs = certs.ok_or_else(|| {
            Cause::new(ErrorKind::Config, "it holds no PEM certificate").during("use", subject)
        })?;
        builder = builder.tls_certs_merge(certs);
    } else if config.endpoint.starts_with("http://")
        && matches!(config.credentials, Credentials::Static { .. })
    {
        // Nothing here will speak TLS, so a machine without system certificates must not be refused.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        let reason = Cause { kind: ErrorKind::Config, ..classify::http(&error) };
        reason.during("prepare TLS for", config.endpoint.as_str())
    })
}

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
    fn this_machine_is_reached_without_a_proxy() {
        for endpoint in ["http://localhost:1", "https://127.0.0.2", "http://[::1]:9000/"] {
            assert!(is_loopback(endpoint), "{endpoint}");
        }
        for endpoint in ["http://localhost.example", "http://10.0.0.1", ""] {
            assert!(!is_loopback(endpoint), "{endpoint}");
        }
    }
}
