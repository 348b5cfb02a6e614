//! Pausing the server's garbage collection, over HTTP.

use std::time::Duration;

use model::is_local_host;
use reqwest::StatusCode;

use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};
use crate::status::Retry;

/// The text with which Milvus answers requests for unknown routes.
const NOT_FOUND_TEXT: &str = "404 page not found";
/// The longest time to wait for an answer.
const MAX_WAIT: Duration = Duration::from_secs(30);

impl Milvus {
    /// Pauses the deletion of files for `time`, in whole seconds; not supported before Milvus 2.3.6.
    pub async fn gc_pause(&self, time: Duration) -> Result<(), MilvusError> {
        let seconds = time.as_secs();
        self.call_management("pause garbage collection of", &format!("pause?pause_seconds={seconds}")).await
    }

    /// Resumes the deletion of files before the time of the pause is over.
    pub async fn gc_resume(&self) -> Result<(), MilvusError> {
        self.call_management("resume garbage collection of", "resume").await
    }

    /// Calls a route of the garbage collector; `action` describes the call for errors.
    async fn call_management(&self, action: &str, route: &str) -> Result<(), MilvusError> {
        let Some(endpoint) = self.management.as_deref() else {
            let call = format!("{action} {}", self.server().address);
            return Err(MilvusError::new(
                MilvusErrorKind::Unsupported,
                call,
                "no management endpoint is configured",
            ));
        };
        let base = if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
        let call = format!("{action} Milvus at {base}");
        let url = format!("{}/management/datacoord/garbage_collection/{route}", base.trim_end_matches('/'));
        // An error means that the program has already installed a provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let failed = |error: reqwest::Error| {
            let kind = if error.is_timeout() {
                MilvusErrorKind::Timeout
            } else if error.is_builder() {
                MilvusErrorKind::Invalid
            } else {
                MilvusErrorKind::Unreachable
            };
            MilvusError::new(kind, &call, "no answer")
                .retried(if kind == MilvusErrorKind::Invalid { Retry::Never } else { Retry::IfRepeatable })
                .caused_by(error)
        };
        let url = reqwest::Url::parse(&url)
            .map_err(|error| MilvusError::new(MilvusErrorKind::Invalid, &call, error.to_string()))?;
        let mut builder = reqwest::Client::builder()
            .connect_timeout(self.rpc.limits.connect)
            .timeout(self.rpc.limits.outage.min(MAX_WAIT));
        if url.host_str().is_some_and(is_local_host) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(failed)?;
        let response = http.get(url).send().await.map_err(failed)?;
        let status = response.status();
        let kind = match status {
            // Another server on the way, such as a proxy, has other texts.
            StatusCode::NOT_FOUND if response.text().await.map_err(failed)?.starts_with(NOT_FOUND_TEXT) => {
                MilvusErrorKind::Unsupported
            }
            StatusCode::NOT_FOUND => {
                let reason = "something else than Milvus answered 404 Not Found";
                return Err(MilvusError::new(MilvusErrorKind::Server, call, reason));
            }
            StatusCode::UNAUTHORIZED => MilvusErrorKind::Unauthenticated,
            StatusCode::FORBIDDEN => MilvusErrorKind::PermissionDenied,
            _ if status.is_success() => return Ok(()),
            _ => MilvusErrorKind::Server,
        };
        Err(MilvusError::new(kind, call, format!("the server answered {status}")))
    }
}
