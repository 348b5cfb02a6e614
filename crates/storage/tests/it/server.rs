//! An S3 server in this process that checks signatures and can be told to misbehave.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
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

use crate::places::{KEY, SECRET};

type Broken = Box<dyn std::error::Error + Send + Sync>;

/// What happens to a request instead of a plain answer.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// It gets this status and body.
    Answer(u16, &'static str),
    /// The connection is closed without a word.
    Drop,
    /// The answer breaks off after so many bytes.
    Cut(usize),
    /// Nothing ever comes.
    Stall,
}

/// Which requests a fault strikes: those of a method whose address holds a text.
struct Trap {
    method: Method,
    part: &'static str,
    left: usize,
    fault: Fault,
}

#[derive(Clone, Default)]
struct Watch {
    traps: Arc<Mutex<Vec<Trap>>>,
    seen: Arc<Mutex<Vec<String>>>,
}

/// A running server with its data in a directory that goes away with it.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The certificate, where the server speaks TLS.
    pub(crate) ca: Option<PathBuf>,
    dir: tempfile::TempDir,
    watch: Watch,
}

impl Server {
    pub(crate) async fn start() -> Self {
        Self::listen(None, tempfile::tempdir().unwrap(), None).await
    }

    /// A server with a certificate of its own making.
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
        let watch = Watch::default();
        tokio::spawn(accept(listener, tls, service, watch.clone()));
        Self { address, ca, dir, watch }
    }

    /// Makes a bucket.
    pub(crate) fn bucket(&self, name: &str) {
        std::fs::create_dir_all(self.dir.path().join("buckets").join(name)).unwrap();
    }

    /// Lets the next `times` requests of a method, whose address holds `part`, meet a fault.
    pub(crate) fn trap(&self, method: Method, part: &'static str, times: usize, fault: Fault) {
        self.watch.traps.lock().unwrap().push(Trap { method, part, left: times, fault });
    }

    /// How many requests of a method came whose address holds `part`.
    pub(crate) fn seen(&self, method: &Method, part: &str) -> usize {
        let seen = self.watch.seen.lock().unwrap();
        seen.iter().filter(|line| line.starts_with(method.as_str()) && line.contains(part)).count()
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, service: S3Service, watch: Watch) {
    loop {
        let Ok((socket, _)) = listener.accept().await else { continue };
        tokio::spawn(greet(socket, tls.clone(), service.clone(), watch.clone()));
    }
}

async fn greet(socket: TcpStream, tls: Option<TlsAcceptor>, service: S3Service, watch: Watch) {
    match tls {
        None => serve(socket, service, watch).await,
        Some(tls) => {
            if let Ok(socket) = tls.accept(socket).await {
                serve(socket, service, watch).await;
            }
        }
    }
}

async fn serve(socket: impl AsyncRead + AsyncWrite + Unpin, service: S3Service, watch: Watch) {
    let answer = service_fn(|request| watch.answer(&service, request));
    // A connection that breaks is what some of the tests want.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), answer).await;
}

impl Watch {
    async fn answer(
        &self,
        service: &S3Service,
        request: Request<Incoming>,
    ) -> Result<Response<s3s::Body>, Broken> {
        let fault = self.note(request.method(), &request.uri().to_string());
        match fault {
            None => Ok(service.call(request.map(s3s::Body::from)).await?),
            Some(Fault::Answer(status, body)) => {
                // Read to the end, so that the client hears the answer and not a closed connection.
                request.into_body().collect().await?;
                Ok(Response::builder().status(status).body(body.to_owned().into())?)
            }
            Some(Fault::Drop) => Err("closed on purpose".into()),
            Some(Fault::Stall) => std::future::pending().await,
            Some(Fault::Cut(at)) => {
                let (parts, body) = service.call(request.map(s3s::Body::from)).await?.into_parts();
                let all = body.collect().await?.to_bytes();
                let frames =
                    [Ok(Frame::data(all.slice(..at))), Err::<Frame<Bytes>, Broken>("cut on purpose".into())];
                let body = StreamBody::new(futures::stream::iter(frames));
                Ok(Response::from_parts(parts, s3s::Body::http_body_unsync(body)))
            }
        }
    }

    fn note(&self, method: &Method, address: &str) -> Option<Fault> {
        self.seen.lock().unwrap().push(format!("{method} {address}"));
        let mut traps = self.traps.lock().unwrap();
        let trap = traps
            .iter_mut()
            .find(|trap| trap.left > 0 && trap.method == method && address.contains(trap.part))?;
        trap.left -= 1;
        Some(trap.fault)
    }
}
