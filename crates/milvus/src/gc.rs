//! Pausing the server's garbage collection, over HTTP.

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

/// What identifies a pause of garbage collection; empty before 2.6.8, where there is only one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GcPauseTicket(Option<String>);

/// The answer to a pause.
#[derive(Default, Deserialize)]
struct Paused {
    #[serde(default)]
    ticket: Option<String>,
}

impl Milvus {
    /// Pauses the deletion of files for `time`, in whole seconds; not supported before Milvus 2.3.6.
    ///
    /// From 2.6.8 on every call adds a pause of its own; before, it lengthens the one that there is.
    pub async fn gc_pause(&self, time: Duration) -> Result<GcPauseTicket, MilvusError> {
        let seconds = time.as_secs().to_string();
        let query = Some(("pause_seconds", seconds.as_str()));
        let text = self.call_management("pause garbage collection of", "pause", query).await?;
        let answer: Paused = serde_json::from_str(&text).unwrap_or_default();
        Ok(GcPauseTicket(answer.ticket))
    }

    /// Resumes the deletion of files before the time of the pause is over.
    pub async fn gc_resume(&self, ticket: &GcPauseTicket) -> Result<(), MilvusError> {
        let query = ticket.0.as_deref().map(|ticket| ("ticket", ticket));
        self.call_management("resume garbage collection of", "resume", query).await.map(drop)
    }

    /// Calls a route of the garbage collector and returns the answer; `action` describes the call for errors.
    async fn call_management(
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
        Err(MilvusError::new(kind, call, format!("the server answered {status}")))
    }
}
