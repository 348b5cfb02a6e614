//! How requests reach an object store: connections, trusted certificates, time limits, retries and measurements.

use std::path::Path;
use std::time::Duration;

use http::{Request, Response};
use model::is_local_host;
use opendal::layers::{RetryEvent, RetryLayer, TimeoutLayer};
use opendal::{Buffer, HttpBody, HttpTransport, HttpTransporter, Operator};
use opendal_http_transport_reqwest::ReqwestTransport;

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
) -> Result<HttpTransporter> {
    // An error means that the program has already installed a provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut certificates = None;
    if let Some(path) = ca_cert {
        let subject = format!("certificate file {}", path.display());
        let pem = std::fs::read(path).map_err(|error| {
            Cause::new(StorageErrorKind::Config, classify::io_error(&error).reason)
                .during("read", subject.as_str())
        })?;
        let certs = reqwest::Certificate::from_pem_bundle(&pem).ok().filter(|certs| !certs.is_empty());
        certificates = Some(certs.ok_or_else(|| {
            Cause::new(StorageErrorKind::Config, "it contains no PEM certificate").during("use", subject)
        })?);
    }
    let build = |builder: reqwest::ClientBuilder| {
        let builder = match &certificates {
            Some(certificates) => builder.tls_certs_merge(certificates.clone()),
            // The client must also work on a machine without system certificates.
            None if !uses_tls => builder.tls_certs_only([]),
            None => builder,
        };
        let client = builder.build().map_err(|error| {
            let reason = Cause { kind: StorageErrorKind::Config, ..classify::http_error(&error) };
            reason.during("prepare TLS for", endpoint)
        })?;
        Ok(ReqwestTransport::new(client))
    };
    Ok(HttpTransporter::new(HttpClient {
        direct: build(client_builder().no_proxy())?,
        other: build(client_builder())?,
    }))
}

fn client_builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .http1_only()
        // A redirect leads to the host of another region, for which the request is not signed.
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .pool_idle_timeout(IDLE_LIMIT)
        .tcp_keepalive(IDLE_LIMIT)
        .tcp_nodelay(true)
}

/// Sends requests to this machine and its network link directly, and others through the proxy that the environment
/// names, if any.
///
/// A proxy cannot be meant for the former, as other tools assume too. Credentials come from such addresses.
struct HttpClient {
    direct: ReqwestTransport,
    other: ReqwestTransport,
}

impl HttpTransport for HttpClient {
    async fn fetch(&self, request: Request<Buffer>) -> opendal::Result<Response<HttpBody>> {
        let is_local = request.uri().host().is_some_and(is_local_host);
        if is_local { self.direct.fetch(request).await } else { self.other.fetch(request).await }
    }
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
