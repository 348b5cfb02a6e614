//! An S3 server in this process that checks signatures and can inject faults.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::fixtures::{KEY, SECRET};

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// What happens to a request instead of a normal answer.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// The server answers with this status and body.
    Answer(u16, &'static str),
    /// The server closes the connection without an answer.
    Drop,
    /// The server closes the connection after this number of bytes of the body.
    Cut(usize),
    /// The server never answers.
    Stall,
    /// The server executes the request and answers with this status.
    Status(u16),
}

/// Returns the status, a header and the body with which a request is refused; `None` to execute it.
type Refusal = dyn Fn(&Parts) -> Option<(u16, (&'static str, &'static str), &'static str)> + Send + Sync;

/// A fault for the next requests of a method whose URL contains a text.
struct Trap {
    method: Method,
    url_part: &'static str,
    remaining: usize,
    fault: Fault,
}

/// The injected faults and the requests received so far.
#[derive(Clone, Default)]
struct RequestLog {
    traps: Arc<Mutex<Vec<Trap>>>,
    requests: Arc<Mutex<Vec<String>>>,
    refusal: Arc<Mutex<Option<Box<Refusal>>>>,
}

/// A running server with its data in a temporary directory, which is removed with it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The certificate of the server, if it uses TLS.
    pub(crate) ca: Option<PathBuf>,
    dir: tempfile::TempDir,
    log: RequestLog,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::listen(None, tempfile::tempdir().unwrap(), None).await
    }

    /// Starts a server with a self-signed certificate.
    pub(crate) async fn start_tls() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let ca = dir.path().join("ca.pem");
        std::fs::write(&ca, made.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()).into();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        Self::listen(Some(TlsAcceptor::from(Arc::new(config))), dir, Some(ca)).await
    }

    async fn listen(tls: Option<TlsAcceptor>, dir: tempfile::TempDir, ca: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let root = dir.path().join("buckets");
        std::fs::create_dir(&root).unwrap();
        let service = {
            let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(&root).unwrap());
            builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
            builder.build()
        };
        let log = RequestLog::default();
        tokio::spawn(accept(listener, tls, service, log.clone()));
        Self { address, ca, dir, log }
    }

    /// Creates a bucket if it does not exist.
    pub(crate) fn create_bucket(&self, name: &str) {
        std::fs::create_dir_all(self.dir.path().join("buckets").join(name)).unwrap();
    }

    /// Injects a fault into the next `times` requests of a method whose URL contains `url_part`.
    pub(crate) fn inject(&self, method: Method, url_part: &'static str, times: usize, fault: Fault) {
        self.log.traps.lock().unwrap().push(Trap { method, url_part, remaining: times, fault });
    }

    /// Refuses requests as `refusal` says.
    pub(crate) fn refuse(
        &self,
        refusal: impl Fn(&Parts) -> Option<(u16, (&'static str, &'static str), &'static str)>
        + Send
        + Sync
        + 'static,
    ) {
        *self.log.refusal.lock().unwrap() = Some(Box::new(refusal));
    }

    /// Counts the received requests of a method whose URL contains `url_part`.
    pub(crate) fn count_requests(&self, method: &Method, url_part: &str) -> usize {
        let requests = self.log.requests.lock().unwrap();
        requests.iter().filter(|line| line.starts_with(method.as_str()) && line.contains(url_part)).count()
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, service: S3Service, log: RequestLog) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        tokio::spawn(handshake(socket, tls.clone(), service.clone(), log.clone()));
    }
}

async fn handshake(socket: TcpStream, tls: Option<TlsAcceptor>, service: S3Service, log: RequestLog) {
    match tls {
        None => serve(socket, service, log).await,
        Some(tls) => {
            if let Ok(socket) = tls.accept(socket).await {
                serve(socket, service, log).await;
            }
        }
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, service: S3Service, log: RequestLog) {
    let answer = service_fn(|request| log.answer(&service, request));
    // The error is ignored, because some tests break the connection on purpose.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await;
}

impl RequestLog {
    /// Answers a request, or applies the next fault that matches it.
    async fn answer(
        &self,
        service: &S3Service,
        request: Request<Incoming>,
    ) -> Result<Response<s3s::Body>, BoxedError> {
        let fault = self.record(request.method(), &request.uri().to_string());
        let (parts, body) = request.into_parts();
        let refused = self.refusal.lock().unwrap().as_ref().and_then(|refusal| refusal(&parts));
        if let Some((status, (name, value), document)) = refused {
            body.collect().await?;
            return Ok(Response::builder()
                .status(status)
                .header(name, value)
                .body(document.to_owned().into())?);
        }
        let request = Request::from_parts(parts, body);
        match fault {
            None => Ok(service.call(request.map(s3s::Body::from)).await?),
            Some(Fault::Answer(status, body)) => {
                // The body is read to the end, so that the client gets the answer and not a closed connection.
                request.into_body().collect().await?;
                Ok(Response::builder().status(status).body(body.to_owned().into())?)
            }
            Some(Fault::Status(status)) => {
                let mut response = service.call(request.map(s3s::Body::from)).await?;
                *response.status_mut() = http::StatusCode::from_u16(status)?;
                Ok(response)
            }
            Some(Fault::Drop) => Err("closed on purpose".into()),
            Some(Fault::Stall) => std::future::pending().await,
            Some(Fault::Cut(at)) => {
                let (parts, body) = service.call(request.map(s3s::Body::from)).await?.into_parts();
                let all = body.collect().await?.to_bytes();
                let frames = [
                    Ok(Frame::data(all.slice(..at))),
                    Err::<Frame<Bytes>, BoxedError>("cut on purpose".into()),
                ];
                let body = StreamBody::new(futures::stream::iter(frames));
                Ok(Response::from_parts(parts, s3s::Body::http_body_unsync(body)))
            }
        }
    }

    /// Records a request and returns the fault to apply to it, if any.
    fn record(&self, method: &Method, url: &str) -> Option<Fault> {
        self.requests.lock().unwrap().push(format!("{method} {url}"));
        let mut traps = self.traps.lock().unwrap();
        let trap = traps
            .iter_mut()
            .find(|trap| trap.remaining > 0 && trap.method == method && url.contains(trap.url_part))?;
        trap.remaining -= 1;
        Some(trap.fault)
    }
}
