//! A proxy in front of an object store that answers as the gateways of other vendors do.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// What a gateway does with a request.
#[derive(Clone, Debug)]
pub enum Treatment {
    /// It passes the request to the store.
    Pass,
    /// It passes the request to the store and answers with this status.
    Status(u16),
    /// It passes the request to the store and gives the answer these headers; those without a value are removed.
    Headers(Vec<(HeaderName, Option<HeaderValue>)>),
    /// It answers with this status, this header and this body.
    Answer(u16, (&'static str, &'static str), &'static str),
}

type Rule = dyn Fn(&Parts) -> Treatment + Send + Sync;

/// A running gateway, which ends when it is dropped.
pub struct Gateway {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    runtime: Option<Runtime>,
}

struct Upstream {
    endpoint: String,
    client: reqwest::Client,
    rule: Box<Rule>,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    /// Starts a gateway on a free port of this machine; `store` is the endpoint of the store, `http://host:port`.
    ///
    /// # Panics
    /// Panics if no port is free.
    pub fn start(store: &str, rule: impl Fn(&Parts) -> Treatment + Send + Sync + 'static) -> Self {
        // This fails only if a provider is installed already, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let runtime = Runtime::new().expect("a runtime");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("its address");
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let upstream = Arc::new(Upstream {
            endpoint: store.to_owned(),
            client: reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client"),
            rule: Box::new(rule),
            requests: Arc::clone(&requests),
        });
        runtime.spawn(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&upstream)));
            }
        });
        Self { address, requests, runtime: Some(runtime) }
    }

    /// Returns the port on which the gateway listens.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the method and URL of each request so far, such as `GET /bucket/key`.
    pub fn requests(&self) -> Vec<String> {
        lock(&self.requests).clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // A runtime must not be dropped where another one runs.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(socket: TcpStream, upstream: Arc<Upstream>) {
    let answer = service_fn(async |request| Ok::<_, Infallible>(upstream.answer(request).await));
    // The error is ignored, because clients close connections when they end.
    let _ =
        http1::Builder::new().auto_date_header(false).serve_connection(TokioIo::new(socket), answer).await;
}

impl Upstream {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (parts, body) = request.into_parts();
        lock(&self.requests).push(format!("{} {}", parts.method, parts.uri));
        let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
        match (self.rule)(&parts) {
            Treatment::Pass => self.pass(parts, body).await,
            Treatment::Status(status) => {
                let mut response = self.pass(parts, body).await;
                *response.status_mut() = StatusCode::from_u16(status).expect("a status");
                response
            }
            Treatment::Headers(headers) => {
                let mut response = self.pass(parts, body).await;
                for (name, value) in headers {
                    response.headers_mut().remove(&name);
                    response.headers_mut().extend(value.map(|value| (name, value)));
                }
                response
            }
            Treatment::Answer(status, (name, value), body) => Response::builder()
                .status(status)
                .header(name, value)
                .body(Full::from(body))
                .expect("a response"),
        }
    }

    /// Sends a request to the store with all its headers, which are signed, and returns the answer.
    async fn pass(&self, parts: Parts, body: Bytes) -> Response<Full<Bytes>> {
        let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let request = self
            .client
            .request(parts.method, format!("{}{path}", self.endpoint))
            .headers(without_hop_headers(parts.headers))
            .body(body);
        let failed = |text: String| {
            let response = Response::builder().status(StatusCode::BAD_GATEWAY);
            response.body(Full::from(text)).expect("a response")
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return failed(error.to_string()),
        };
        let (status, headers) = (response.status(), without_hop_headers(response.headers().clone()));
        match response.bytes().await {
            Ok(body) => {
                let mut answer = Response::new(Full::from(body));
                *answer.status_mut() = status;
                *answer.headers_mut() = headers;
                answer
            }
            Err(error) => failed(error.to_string()),
        }
    }
}

/// Removes the headers that concern one connection only.
fn without_hop_headers(mut headers: HeaderMap) -> HeaderMap {
    for name in [header::CONNECTION, header::TRANSFER_ENCODING] {
        headers.remove(name);
    }
    headers
}
