//! Calls of the management service, over HTTP on a port of its own.

use std::time::Duration;

use model::is_local_host;
use reqwest::StatusCode;
use serde::Deserialize;

use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};
use crate::status::Retry;

/// The text with which Milvus answers requests for unknown routes.
const NOT_FOUND_TEXT: &str = "404 page not found";
/// The longest time to wait for an answer.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The part of an answer with the reason of a refusal.
#[derive(Deserialize)]
struct Message {
    msg: String,
}

impl Milvus {
    /// Calls a route below `/management/` and returns the answer; `action` describes the call for errors.
    pub(crate) async fn call_management(
        &self,
        action: &str,
        route: &str,
        query: Option<(&str, &str)>,
    ) -> Result<String, MilvusError> {
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
        let url = format!("{}/management/{route}", base.trim_end_matches('/'));
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
        let mut url = reqwest::Url::parse(&url)
            .map_err(|error| MilvusError::new(MilvusErrorKind::Invalid, &call, error.to_string()))?;
        if let Some((key, value)) = query {
            url.query_pairs_mut().append_pair(key, value);
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(self.rpc.limits.connect)
            .timeout(self.rpc.limits.outage.min(MAX_WAIT));
        if url.host_str().is_some_and(is_local_host) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(failed)?;
        let response = http.get(url).send().await.map_err(failed)?;
        let status = response.status();
        let text = response.text().await.map_err(failed)?;
        let kind = match status {
            // Another server on the way, such as a proxy, has other texts.
            StatusCode::NOT_FOUND if text.starts_with(NOT_FOUND_TEXT) => MilvusErrorKind::Unsupported,
            StatusCode::NOT_FOUND => {
                let reason = "something else than Milvus answered 404 Not Found";
                return Err(MilvusError::new(MilvusErrorKind::Server, call, reason));
            }
            StatusCode::UNAUTHORIZED => MilvusErrorKind::Unauthenticated,
            StatusCode::FORBIDDEN => MilvusErrorKind::PermissionDenied,
            _ if status.is_success() => return Ok(text),
            _ => MilvusErrorKind::Server,
        };
        let reason = match serde_json::from_str::<Message>(&text) {
            Ok(Message { msg }) if !msg.is_empty() => format!("the server answered {status}: {msg}"),
            _ => format!("the server answered {status}"),
        };
        Err(MilvusError::new(kind, call, reason))
    }
}
