//! Requests to a server.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Certificate, Method, RequestBuilder, Response, StatusCode, Url};
use secrecy::ExposeSecret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;
use wire::{Failure, FailureKind, Job, Problem};

use super::Server;

/// The longest time to establish a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest time for a response: to plan a restore, the server lists every file of the backup.
const RESPONSE_TIMEOUT: Duration = Duration::from_mins(10);
/// The number of times that a submission without a response is repeated.
const SUBMIT_RETRIES: usize = 3;
/// The pause before each of them.
const SUBMIT_RETRY_PAUSE: Duration = Duration::from_millis(500);

/// A client of one server.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
}

/// Formats the URL of the server.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

/// The response to a submission.
pub(crate) enum Submitted<P> {
    /// The plan of a dry run.
    Planned(P),
    /// The job that was created.
    Accepted(Box<Job>),
}

impl Client {
    /// Creates a client. Sends nothing yet.
    pub(crate) fn new(server: &Server) -> Result<Self, Failure> {
        // Fails only if a provider is already installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = base_of(&server.url)?;
        let mut builder = reqwest::Client::builder().connect_timeout(CONNECT_TIMEOUT).tcp_nodelay(true);
        if base.host_str().is_some_and(model::is_local_host) {
            builder = builder.no_proxy();
        }
        if let Some(ca) = &server.ca {
            builder = builder.tls_certs_merge(certificates(ca)?);
        } else if base.scheme() == "http" {
            // TLS is not used, so a machine without system certificates must not cause an error.
            builder = builder.tls_certs_only([]);
        }
        if let Some(token) = &server.token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
            let mut value = value.map_err(|_| {
                Failure::usage("the token contains characters that are not allowed in an HTTP header")
            })?;
            value.set_sensitive(true);
            builder = builder.default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]));
        }
        let http = builder.build().map_err(|error| Failure::usage(chain("cannot prepare TLS", &error)))?;
        Ok(Self { http, base })
    }

    /// Whether requests travel to another machine unencrypted.
    pub(crate) fn is_unencrypted(&self) -> bool {
        self.base.scheme() == "http" && !is_loopback(&self.base)
    }

    /// Requests a document.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        self.document(self.send(self.request(Method::GET, path, query).timeout(RESPONSE_TIMEOUT)).await?)
            .await
    }

    /// Requests the plan of a deletion.
    pub(crate) async fn plan_deletion<T: DeserializeOwned>(
        &self,
        path: &[&str],
        force: bool,
    ) -> Result<T, Failure> {
        let request =
            self.request(Method::DELETE, path, &[("dry_run", "true"), ("force", query_flag(force))]);
        self.document(self.send(request.timeout(RESPONSE_TIMEOUT)).await?).await
    }

    /// Requests the plan of a restore; `body` must ask for a dry run.
    pub(crate) async fn plan_restore<T: DeserializeOwned>(
        &self,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let request = self.request(Method::POST, &["restores"], &[]).json(body);
        self.document(self.send(request.timeout(RESPONSE_TIMEOUT)).await?).await
    }

    /// Requests an action, and returns the document of the response.
    pub(crate) async fn act<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.document(self.send(self.request(Method::POST, path, &[]).timeout(RESPONSE_TIMEOUT)).await?).await
    }

    /// Submits a request. An idempotency key ensures that repetitions create one job only.
    pub(crate) async fn submit<P: DeserializeOwned>(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&impl Serialize>,
    ) -> Result<Submitted<P>, Failure> {
        let key = Uuid::new_v4().to_string();
        let request = || {
            let request = self.request(method.clone(), path, query).header("Idempotency-Key", &key);
            let request = request.timeout(RESPONSE_TIMEOUT);
            match body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        let mut sent = self.send(request()).await;
        for _ in 0..SUBMIT_RETRIES {
            if !matches!(&sent, Err(failure) if failure.kind == FailureKind::Unreachable) {
                break;
            }
            tokio::time::sleep(SUBMIT_RETRY_PAUSE).await;
            sent = self.send(request()).await;
        }
        let response = sent?;
        match response.status() {
            StatusCode::ACCEPTED => Ok(Submitted::Accepted(Box::new(self.document(response).await?))),
            _ => Ok(Submitted::Planned(self.document(response).await?)),
        }
    }

    /// Requests the event stream of a job.
    pub(super) async fn events(&self, id: &str) -> Result<Response, Failure> {
        self.send(self.request(Method::GET, &["jobs", id, "events"], &[])).await
    }

    fn request(&self, method: Method, path: &[&str], query: &[(&str, &str)]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v2"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.http.request(method, url)
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response).await) }
    }

    async fn document<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| {
            Failure::new(
                FailureKind::Failed,
                format!("cannot read the response of the server at {self}: {error}"),
            )
        })
    }

    /// The failure that a response with an error status describes.
    async fn refusal(&self, response: Response) -> Failure {
        let status = response.status();
        let body = response.bytes().await.unwrap_or_default();
        if let Ok(problem) = serde_json::from_slice::<Problem>(&body) {
            let failure = Failure::from(problem);
            return match failure.kind {
                FailureKind::Unauthenticated => {
                    failure.hint("set a token of the server with --token-file FILE or MILVUS_BACKUP_TOKEN")
                }
                _ => failure,
            };
        }
        let kind = match status {
            StatusCode::UNAUTHORIZED => FailureKind::Unauthenticated,
            StatusCode::FORBIDDEN => FailureKind::Forbidden,
            status if status.is_client_error() => FailureKind::Usage,
            _ => FailureKind::Unreachable,
        };
        Failure::new(kind, format!("the server at {self} answered {status}"))
            .hint("check that the URL is that of a milvus-backup server, and that its version has /api/v2")
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let kind = if error.is_timeout() { FailureKind::Timeout } else { FailureKind::Unreachable };
        let message = chain(&format!("cannot reach the server at {self}"), error);
        let hint = hint_of(&message);
        Failure::new(kind, message).hint(hint)
    }
}

/// Returns the value of a flag in a query.
pub(crate) const fn query_flag(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// The hint for a failed connection, chosen by the words of the libraries below.
fn hint_of(message: &str) -> &'static str {
    if message.contains("CaUsedAsEndEntity") {
        "the server uses the certificate of an authority; a self-signed certificate needs basicConstraints=CA:FALSE"
    } else if message.contains("invalid peer certificate") {
        "trust its authority with --server-ca FILE, and use a host name of the certificate in the URL"
    } else if message.contains("InvalidContentType") {
        "the server does not use TLS; try http:// instead of https://"
    } else if message.contains("invalid HTTP version") {
        "the server uses TLS; try https:// instead of http://"
    } else {
        "check that `milvus-backup server` runs there; --server or MILVUS_BACKUP_SERVER sets the URL"
    }
}

/// A text followed by the causes of an error. The text of the error itself repeats the URL and is omitted.
fn chain(text: &str, error: &reqwest::Error) -> String {
    let mut text = text.to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let words = error.to_string();
        // "client error" adds nothing.
        if !text.contains(&words) && !words.starts_with("client error (") {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

fn base_of(text: &str) -> Result<Url, Failure> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let url = Url::parse(&with_scheme).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let whole = |url: &Url| url.has_host() && url.query().is_none() && url.fragment().is_none();
    let mut url = url.filter(whole).ok_or_else(|| {
        // The text is not shown, because any part of it may be a secret.
        Failure::usage("the value of --server or MILVUS_BACKUP_SERVER is not the URL of a server")
            .hint("for example http://127.0.0.1:8080, without ? and #")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Failure::usage("the URL of the server contains a user or password")
            .hint("set a token with --token-file FILE or MILVUS_BACKUP_TOKEN"));
    }
    // The documentation of the API writes the URL with this path.
    if let Some(base) = url.path().trim_end_matches('/').strip_suffix("/api/v2").map(str::to_owned) {
        url.set_path(&base);
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn certificates(path: &Path) -> Result<Vec<Certificate>, Failure> {
    let unusable = |reason: &str| {
        Failure::usage(format!("cannot read a certificate from {}: {reason}", path.display()))
            .hint("--server-ca sets the path")
    };
    let pem = std::fs::read(path).map_err(|error| unusable(&error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| unusable("the file contains no PEM certificate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str) -> Result<Client, Failure> {
        Client::new(&Server { url: url.to_owned(), token: None, token_file: None, ca: None })
    }

    #[test]
    fn urls_may_omit_scheme_and_path() {
        for url in ["127.0.0.1:8080", "http://127.0.0.1:8080/", "http://127.0.0.1:8080/api/v2/"] {
            assert_eq!(client(url).unwrap().to_string(), "http://127.0.0.1:8080");
        }
        let behind = client("https://ops.example/milvus/").unwrap();
        let request = behind.request(Method::GET, &["backups", "a/b"], &[("name", "n*")]).build().unwrap();
        assert_eq!(request.url().as_str(), "https://ops.example/milvus/api/v2/backups/a%2Fb?name=n*");
        assert!(!behind.is_unencrypted() && client("ops.example:1").unwrap().is_unencrypted());
    }

    #[test]
    fn invalid_urls_and_urls_with_secrets_are_rejected() {
        for url in [
            "",
            "ftp://h",
            "http://",
            "http://u:secret@h",
            "ftp://u:secret@h",
            "http://h?token=secret",
            "http://h#x",
        ] {
            let refused = client(url).err().unwrap();
            assert_eq!(refused.kind, FailureKind::Usage, "{url}");
            assert!(!refused.message.contains("secret"), "{}", refused.message);
        }
    }
}
