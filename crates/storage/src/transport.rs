//! How requests reach an object store: connections, trusted certificates, time limits, retries and measurements.

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use opendal::layers::{RetryEvent, RetryLayer, TimeoutLayer};
use opendal::{HttpTransporter, Operator};

use crate::classify;
use crate::error::{Cause, Result, StorageErrorKind};
use crate::measure;

/// The time limit for opening a connection; a host that is down never answers.
const CONNECT_LIMIT: Duration = Duration::from_secs(4);

/// How long an unused connection is kept open; most stores close theirs after a minute or more.
const IDLE_LIMIT: Duration = Duration::from_secs(30);

/// The time limit of a request of OpenDAL about one object that moves no data.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The time limit of OpenDAL for one page, one batch, one part, or the next bytes of a stream.
const STEP_LIMIT: Duration = Duration::from_mins(1);

/// The number of retries after a temporary failure of a request; all waits together take about two seconds.
const REQUEST_RETRIES: usize = 3;

/// Builds the HTTP client of an object store, which trusts the certificates in the PEM file `ca_cert` too.
///
/// `uses_tls` is false if no request to the store or for its credentials uses HTTPS. The client uses HTTP/1.1 only,
/// because with HTTP/2 all copies of a backup would share one connection.
pub(crate) fn build_http_client(
    endpoint: &str,
    ca_cert: Option<&Path>,
    uses_tls: bool,
) -> Result<reqwest::Client> {
    // An error means that the program has already installed a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .http1_only()
        .connect_timeout(CONNECT_LIMIT)
        .pool_idle_timeout(IDLE_LIMIT)
        .tcp_keepalive(IDLE_LIMIT)
        .tcp_nodelay(true);
    if is_loopback(endpoint) {
        // A proxy set in the environment cannot be meant for this machine, as other tools assume too.
        builder = builder.no_proxy();
    }
    if let Some(path) = ca_cert {
        let subject = format!("certificate file {}", path.display());
        let pem = std::fs::read(path).map_err(|error| {
            Cause::new(StorageErrorKind::Config, classify::io_error(&error).reason)
                .during("read", subject.as_str())
        })?;
        let certs = reqwest::Certificate::from_pem_bundle(&pem).ok().filter(|certs| !certs.is_empty());
        let certs = certs.ok_or_else(|| {
            Cause::new(StorageErrorKind::Config, "it contains no PEM certificate").during("use", subject)
        })?;
        builder = builder.tls_certs_merge(certs);
    } else if !uses_tls {
        // The client must also work on a machine without system certificates.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| {
        let reason = Cause { kind: StorageErrorKind::Config, ..classify::http_error(&error) };
        reason.during("prepare TLS for", endpoint)
    })
}

/// Makes an operator send its requests through `transporter`, and adds measurements, time limits and retries.
///
/// The order matters: every attempt of a request is measured and has a time limit of its own.
pub(crate) fn add_layers(operator: Operator, transporter: HttpTransporter) -> Operator {
    let retries = RetryLayer::new()
        .with_max_times(REQUEST_RETRIES)
        .with_min_delay(Duration::from_millis(200))
        .with_jitter()
        .with_notify(|event: RetryEvent<'_>| {
            measure::count_retry(event.op.into_static());
            tracing::debug!(operation = %event.op, attempt = event.attempt, error = %event.err, "sending the request to the store again");
        });
    let context = operator.context().with_http_transport(transporter);
    operator
        .with_context(context)
        .layer(measure::metrics_layer())
        .layer(TimeoutLayer::new().with_timeout(ANSWER_LIMIT).with_io_timeout(STEP_LIMIT))
        .layer(retries)
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
