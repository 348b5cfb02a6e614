//! REST requests to Milvus, on the port of its gRPC service (2.4 and later).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use proto::common::{ErrorCode, Status};
use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::OnceCell;
use tokio::time::{sleep, timeout};

use crate::auth::bearer_header;
use crate::call::{Call, retry_delays};
use crate::config::ConnectConfig;
use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind, error_chain_text};
use crate::status::{Failure, Retry, status_failure};
use crate::tls::load_http_tls;

/// The route with which [`Milvus::has_rest`] finds out whether there is a REST service.
const PROBED_ROUTE: &str = "jobs/import/list";
/// The number of attempts to reach the REST service.
const PROBES: usize = 3;
/// The time after which an attempt to reach it counts as unanswered.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// The HTTP client of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    client: reqwest::Client,
    /// The URL below which all routes are.
    base: Arc<str>,
    authorization: Option<HeaderValue>,
    /// Whether the server has a REST service; empty until it was asked.
    is_served: Arc<OnceCell<bool>>,
}

/// The body of every answer.
#[derive(Deserialize)]
struct Answer {
    code: i32,
    #[serde(default)]
    message: String,
    #[serde(default)]
    data: Value,
}

impl Rest {
    /// Prepares the client with the encryption and the credentials of the connection; nothing is sent yet.
    pub(crate) async fn new(config: &ConnectConfig, address: &str) -> Result<Self, MilvusError> {
        let invalid = |error: reqwest::Error| {
            MilvusError::new(MilvusErrorKind::Invalid, "prepare REST requests", "a setting cannot be used")
                .caused_by(error)
        };
        // An error means that the program has already installed a provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .http1_only()
            .connect_timeout(config.limits.connect)
            .redirect(reqwest::redirect::Policy::none())
            // Like gRPC on the same port, which knows no proxies.
            .no_proxy();
        let mut origin = format!("http://{address}");
        if let Some(tls) = load_http_tls(&config.tls).await? {
            origin = format!("https://{address}");
            if !tls.authorities.is_empty() {
                builder = builder.tls_certs_only(tls.authorities);
            }
            if let Some(identity) = tls.identity {
                builder = builder.identity(identity);
            }
            if let Some(name) = tls.server_name.filter(|name| *name != config.address) {
                builder = builder.resolve_to_addrs(&name, &resolve(&config.address, config.port).await);
                origin = format!("https://{name}:{}", config.port);
            }
        }
        Ok(Self {
            client: builder.build().map_err(invalid)?,
            base: format!("{origin}/v2/vectordb/").into(),
            authorization: bearer_header(&config.auth)?,
            is_served: Arc::default(),
        })
    }

    /// Sends one request and returns the data of its answer.
    async fn post(&self, route: &str, body: &Value, seconds: u64) -> Result<Value, Failure> {
        let mut request = self.client.post(format!("{}{route}", self.base)).json(body);
        // The server's own limit is shorter than its longest answers.
        request = request.header("Request-Timeout", seconds);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let response = request.send().await.map_err(|error| transport_failure(&error))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| transport_failure(&error))?;
        let answer: Option<Answer> = serde_json::from_str(&text).ok();
        if let Some(kind) = kind_by_status(status) {
            let said = answer.map(|answer| answer.message).filter(|said| !said.is_empty());
            let reason = said.unwrap_or_else(|| format!("the server answered {status}"));
            let retry = if kind == MilvusErrorKind::Unreachable { Retry::IfRepeatable } else { Retry::Never };
            return Err(Failure { kind, reason, retry });
        }
        let Some(Answer { code, message, data }) = answer else {
            let reason = "something else than Milvus's REST service answered".to_owned();
            return Err(Failure { kind: MilvusErrorKind::Unsupported, reason, retry: Retry::Never });
        };
        let error_code = if code == 0 { ErrorCode::Success } else { ErrorCode::UnexpectedError };
        let status = Status { code, reason: message, error_code: error_code.into(), ..Status::default() };
        status_failure(&status).map_or(Ok(data), Err)
    }
}

impl Milvus {
    /// Sends a request to a REST route and returns the data of its answer; retried like a call.
    async fn rest(&self, call: Call<'_>, route: &'static str, body: Value) -> Result<Value, MilvusError> {
        let Some(rest) = &self.rest else {
            return Err(call.error(MilvusErrorKind::Unsupported, "this release has no REST service"));
        };
        let seconds = self.rpc.limits.attempt.as_secs();
        // Boxed to keep the futures of all callers small.
        Box::pin(self.rpc.attempt(call, route, || rest.post(route, &body, seconds))).await
    }

    /// Sends a request to a REST route and reads the data of its answer.
    pub(crate) async fn rest_data<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        route: &'static str,
        body: Value,
    ) -> Result<T, MilvusError> {
        let data = self.rest(call, route, body).await?;
        serde_json::from_value(data).map_err(|error| {
            call.error(MilvusErrorKind::Server, "the answer has an unknown form").caused_by(error)
        })
    }

    /// Returns whether the server has a REST service that can be reached, which is asked once.
    ///
    /// A gateway may pass on gRPC only, and Milvus before 2.4 has none.
    pub async fn has_rest(&self) -> bool {
        match &self.rest {
            Some(rest) => *rest.is_served.get_or_init(|| self.ask_for_rest(rest)).await,
            None => false,
        }
    }

    /// Asks for the REST service; its refusals are answers too.
    async fn ask_for_rest(&self, rest: &Rest) -> bool {
        let body = serde_json::json!({ "dbName": "default" });
        let limit = self.rpc.limits.attempt.min(PROBE_LIMIT);
        let mut reason = String::new();
        for delay in retry_delays().take(PROBES) {
            let asked = timeout(limit, rest.post(PROBED_ROUTE, &body, limit.as_secs())).await;
            match asked {
                Ok(Err(failure)) if failure.kind == MilvusErrorKind::Unsupported => {
                    reason = failure.reason;
                    break;
                }
                Ok(Err(failure)) if failure.kind == MilvusErrorKind::Unreachable => reason = failure.reason,
                Ok(_) => return true,
                Err(_) => reason = format!("no answer within {limit:?}"),
            }
            sleep(delay).await;
        }
        tracing::info!("the REST service of Milvus at {} is not used: {reason}", self.server().address);
        false
    }
}

/// Resolves the address of a server whose certificate has another name; empty if that fails.
async fn resolve(host: &str, port: u16) -> Vec<SocketAddr> {
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return vec![SocketAddr::new(ip, port)];
    }
    tokio::net::lookup_host((host, port)).await.map(Iterator::collect).unwrap_or_default()
}

/// Classifies the status of an answer; `None` if its body decides.
fn kind_by_status(status: StatusCode) -> Option<MilvusErrorKind> {
    Some(match status {
        _ if status.is_success() => return None,
        StatusCode::UNAUTHORIZED => MilvusErrorKind::Unauthenticated,
        StatusCode::FORBIDDEN => MilvusErrorKind::PermissionDenied,
        StatusCode::TOO_MANY_REQUESTS => MilvusErrorKind::RateLimited,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            MilvusErrorKind::Unreachable
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            MilvusErrorKind::Unsupported
        }
        _ => MilvusErrorKind::Server,
    })
}

fn transport_failure(error: &reqwest::Error) -> Failure {
    let retry = if error.is_connect() { Retry::Always } else { Retry::IfRepeatable };
    Failure { kind: MilvusErrorKind::Unreachable, reason: error_chain_text(error), retry }
}
