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

use super::Server;
use wire::{Failure, Kind};
use wire::{Job, Problem};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(5);
/// How long an answer may take: a plan reads every file of a backup.
const ANSWER: Duration = Duration::from_mins(10);
/// How often a job is handed in again whose answer did not come.
const AGAIN: usize = 3;
/// How long to wait before.
const BEFORE_AGAIN: Duration = Duration::from_millis(500);

/// A server to ask.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
}

/// The server's URL.
impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.base.as_str().trim_end_matches('/'))
    }
}

/// What became of something handed in.
pub(crate) enum Submitted<P> {
    /// What would be done.
    Planned(P),
    /// The job that does it.
    Accepted(Box<Job>),
}

impl Client {
    /// Prepares to ask a server; nothing is sent yet.
    pub(crate) fn new(server: &Server) -> Result<Self, Failure> {
        // Fails only when a provider is installed already, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let base = base_of(&server.url)?;
        let mut builder = reqwest::Client::builder().connect_timeout(CONNECT).tcp_nodelay(true);
        if is_loopback(&base) {
            // A proxy of the environment cannot mean this machine.
            builder = builder.no_proxy();
        }
        if let Some(ca) = &server.ca {
            builder = builder.tls_certs_merge(certificates(ca)?);
        } else if base.scheme() == "http" {
            // Nothing here will speak TLS, so a machine without system certificates must not be refused.
            builder = builder.tls_certs_only([]);
        }
        if let Some(token) = &server.token {
            let value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
            let mut value =
                value.map_err(|_| Failure::usage("the token holds characters that none can hold"))?;
            value.set_sensitive(true);
            builder = builder.default_headers(HeaderMap::from_iter([(AUTHORIZATION, value)]));
        }
        let http = builder.build().map_err(|error| Failure::usage(chain("cannot prepare TLS", &error)))?;
        Ok(Self { http, base })
    }

    /// Whether what is sent can be read on its way to another machine.
    pub(crate) fn is_open(&self) -> bool {
        self.base.scheme() == "http" && !is_loopback(&self.base)
    }

    /// Asks for a document.
    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        self.document(self.send(self.request(Method::GET, path, query).timeout(ANSWER)).await?).await
    }

    /// Asks what a deletion would do.
    pub(crate) async fn would_delete<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        let request = self.request(Method::DELETE, path, &[("dry_run", "true")]);
        self.document(self.send(request.timeout(ANSWER)).await?).await
    }

    /// Asks for an action, and gets the document it answers.
    pub(crate) async fn act<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        self.document(self.send(self.request(Method::POST, path, &[]).timeout(ANSWER)).await?).await
    }

    /// Hands something in, once, however often it has to be sent.
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
            let request = request.timeout(ANSWER);
            match body {
                Some(body) => request.json(body),
                None => request,
            }
        };
        let mut sent = self.send(request()).await;
        for _ in 0..AGAIN {
            if !matches!(&sent, Err(failure) if failure.kind == Kind::Unreachable) {
                break;
            }
            tokio::time::sleep(BEFORE_AGAIN).await;
            sent = self.send(request()).await;
        }
        let response = sent?;
        match response.status() {
            StatusCode::ACCEPTED => Ok(Submitted::Accepted(Box::new(self.document(response).await?))),
            _ => Ok(Submitted::Planned(self.document(response).await?)),
        }
    }

    /// Opens the events of a job.
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
        if response.status().is_success() { Ok(response) } else { Err(self.refused(response).await) }
    }

    async fn document<T: DeserializeOwned>(&self, response: Response) -> Result<T, Failure> {
        let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        serde_json::from_slice(&body).map_err(|error| {
            Failure::new(Kind::Failed, format!("cannot understand what {self} answered: {error}"))
        })
    }

    /// Why a server said no.
    async fn refused(&self, response: Response) -> Failure {
        let status = response.status();
        let body = response.bytes().await.unwrap_or_default();
        if let Ok(problem) = serde_json::from_slice::<Problem>(&body) {
            let failure = Failure::from(problem);
            return match failure.kind {
                Kind::Unauthenticated => {
                    failure.hint("--token-file or MILVUS_BACKUP_TOKEN gives the token of a caller it knows")
                }
                _ => failure,
            };
        }
        let kind = match status {
            StatusCode::UNAUTHORIZED => Kind::Unauthenticated,
            StatusCode::FORBIDDEN => Kind::Forbidden,
            status if status.is_client_error() => Kind::Usage,
            _ => Kind::Unreachable,
        };
        Failure::new(kind, format!("{self} answered {status}"))
            .hint("is this the URL of a milvus-backup server, and of a version that serves /api/v2?")
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let kind = if error.is_timeout() { Kind::Timeout } else { Kind::Unreachable };
        let message = chain(&format!("cannot reach the server at {self}"), error);
        let hint = hint_of(&message);
        Failure::new(kind, message).hint(hint)
    }
}

/// What to do about a connection that did not come about, by what the libraries below say of it.
fn hint_of(message: &str) -> &'static str {
    if message.contains("CaUsedAsEndEntity") {
        "a certificate of an authority cannot be a server's; a self-signed one must say basicConstraints=CA:FALSE"
    } else if message.contains("invalid peer certificate") {
        "--server-ca FILE trusts the authority that signed it, and the URL must name the server as it does"
    } else if message.contains("InvalidContentType") {
        "no TLS is spoken there: is it http://… ?"
    } else if message.contains("invalid HTTP version") {
        "no plain HTTP is spoken there: is it https://… ?"
    } else {
        "is `milvus-backup server` running there? --server or MILVUS_BACKUP_SERVER names it"
    }
}

/// A text and the causes below an error; the error's own text names the URL once more.
fn chain(text: &str, error: &reqwest::Error) -> String {
    let mut text = text.to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let words = error.to_string();
        // That it was the client tells nobody anything.
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
        // Not shown: it may hold a secret in whatever part.
        Failure::usage("--server or MILVUS_BACKUP_SERVER holds no URL of a server")
            .hint("a URL is for example http://127.0.0.1:8080, without ? and #")
    })?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Failure::usage("the URL of the server holds a user or password")
            .hint("give a token with --token-file or MILVUS_BACKUP_TOKEN"));
    }
    // As who reads the documentation of the interface may name it.
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
    let unusable =
        |why: &str| Failure::usage(format!("cannot use certificate file {}: {why}", path.display()));
    let pem = std::fs::read(path).map_err(|error| unusable(&error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).ok().filter(|found| !found.is_empty());
    found.ok_or_else(|| unusable("it holds no PEM certificate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(url: &str) -> Result<Client, Failure> {
        Client::new(&Server { url: url.to_owned(), token: None, token_file: None, ca: None })
    }

    #[test]
    fn urls_may_leave_out_what_is_usual() {
        for url in ["127.0.0.1:8080", "http://127.0.0.1:8080/", "http://127.0.0.1:8080/api/v2/"] {
            assert_eq!(client(url).unwrap().to_string(), "http://127.0.0.1:8080");
        }
        let behind = client("https://ops.example/milvus/").unwrap();
        let request = behind.request(Method::GET, &["backups", "a/b"], &[("name", "n*")]).build().unwrap();
        assert_eq!(request.url().as_str(), "https://ops.example/milvus/api/v2/backups/a%2Fb?name=n*");
        assert!(!behind.is_open() && client("ops.example:1").unwrap().is_open());
    }

    #[test]
    fn urls_that_are_none_or_hold_secrets_are_refused() {
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
            assert_eq!(refused.kind, Kind::Usage, "{url}");
            assert!(!refused.message.contains("secret"), "{}", refused.message);
        }
    }
}
