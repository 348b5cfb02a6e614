//! Connections: taken in, limited, shaken hands with, served, and ended in good order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::busy::Busy;
use super::peer::Peer;
use super::places::{Place, Places};
use super::tls::{Certificates, names_of};
use super::{Limits, metrics};

/// How often an HTTP/2 peer is asked whether it is still there, and how long it may take to say so.
const PING: Duration = Duration::from_secs(30);
/// Streams of one HTTP/2 connection at once.
const STREAMS: u32 = 200;
/// Resets of a peer that are borne before its connection is closed.
const RESETS: usize = 50;
/// How long to wait after a connection could not be taken: mostly too many files are open, and some will be closed.
const AFTER_ERROR: Duration = Duration::from_millis(100);
/// What opens an HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What a connection too many is told.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 45\r\nretry-after: 1\r\nconnection: close\r\n\r\ntoo many connections; try again in a second.\n";

/// What serves the connections of one listener.
#[derive(Clone)]
pub(super) struct Acceptor {
    /// Where requests go.
    pub router: Router,
    /// The certificates, unless connections are plain.
    pub tls: Option<Arc<Certificates>>,
    /// How much and how long.
    pub limits: Limits,
    /// A place for each connection, shared by all listeners.
    pub places: Arc<Places>,
    /// The connections that are open.
    pub open: TaskTracker,
    /// Ends taking connections, and lets the open ones answer what they have begun.
    pub stop: CancellationToken,
    /// Ends all connections at once.
    pub kill: CancellationToken,
}

impl Acceptor {
    /// Takes connections until it is stopped.
    pub(super) async fn run(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.take(stream, address),
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }

    fn take(&self, stream: TcpStream, address: SocketAddr) {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let peer = Peer { address, names: Arc::default() };
        let Some(place) = self.places.take(peer.client()) else {
            metrics::refused_connection();
            // TLS connections are closed without a word: shaking hands is what there is no room for.
            if self.tls.is_none() {
                self.open.spawn(timeout(AFTER_ERROR, refuse(stream)));
            }
            return;
        };
        let acceptor = self.clone();
        self.open.spawn(async move {
            tokio::select! {
                () = acceptor.kill.cancelled() => {}
                () = acceptor.serve(stream, peer, place) => {}
            }
        });
    }

    async fn serve(&self, stream: TcpStream, peer: Peer, _place: Place) {
        // Small answers should leave at once; where that cannot be set they leave later.
        let _ = stream.set_nodelay(true);
        let address = peer.address;
        let Some(tls) = &self.tls else {
            let Some(h2) = self.unless_stopped(self.limits.header_timeout, is_h2(&stream)).await else {
                return;
            };
            return self.requests(stream, h2, peer).await;
        };
        let handshake = tls.acceptor().accept(stream);
        match self.unless_stopped(self.limits.handshake_timeout, handshake).await {
            None => tracing::debug!(%address, "no TLS handshake in time"),
            Some(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
            Some(Ok(stream)) => {
                let session = stream.get_ref().1;
                let h2 = session.alpn_protocol() == Some(b"h2");
                let names = session.peer_certificates().and_then(<[_]>::first).map(|cert| names_of(cert));
                self.requests(stream, h2, Peer { names: names.unwrap_or_default().into(), ..peer }).await;
            }
        }
    }

    /// What comes of `work` in time; nothing, once no more connections are wanted.
    async fn unless_stopped<T>(&self, time: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            () = self.stop.cancelled() => None,
            done = timeout(time, work) => done.ok(),
        }
    }

    /// Serves the requests of a connection until one side ends it.
    async fn requests(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        h2: bool,
        peer: Peer,
    ) {
        let busy = Arc::new(Busy::default());
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
            let (router, busy) = (self.router.clone(), Busy::enter(&busy));
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(peer.clone());
            async move {
                let response = router.oneshot(request).await;
                response.map(|response| response.map(|body| busy.hold(body)))
            }
        });
        let builder = self.builder();
        let builder = if h2 { builder.http2_only() } else { builder.http1_only() };
        let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
        let mut stopping = false;
        loop {
            let stop = async {
                tokio::select! {
                    () = self.stop.cancelled() => {}
                    () = busy.idle() => {}
                }
            };
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(address = %peer.address, error, "connection ended");
                    }
                    return;
                }
                () = stop, if !stopping => {
                    stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    fn builder(&self) -> Builder<TokioExecutor> {
        let mut builder = Builder::new(TokioExecutor::new());
        let limits = &self.limits;
        // Up to here the door answers what is too large, in the form of its route; beyond it nothing is read.
        let most = limits.max_header.saturating_mul(2);
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(most.max(SMALLEST_BUFFER));
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .max_concurrent_streams(STREAMS)
            .max_pending_accept_reset_streams(RESETS)
            .max_header_list_size(u32::try_from(most).unwrap_or(u32::MAX));
        builder
    }
}

/// The smallest buffer that the HTTP/1 reader takes, bytes.
const SMALLEST_BUFFER: usize = 8192;

/// Whether a plain connection opens as HTTP/2 with prior knowledge does.
async fn is_h2(stream: &TcpStream) -> bool {
    let mut start = [0; PREFACE.len()];
    loop {
        let Ok(read) = stream.peek(&mut start).await else { return false };
        let seen = start.get(..read).unwrap_or_default();
        if read == 0 || !PREFACE.starts_with(seen) {
            return false;
        }
        if read == PREFACE.len() {
            return true;
        }
        // What was peeked stays readable, so there is nothing to wait for but time.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn refuse(mut stream: TcpStream) {
    // Who does not listen is not told.
    let _ = stream.write_all(FULL).await;
    let _ = stream.shutdown().await;
    // What the peer sent must be read, or it is told that the connection broke.
    let mut rest = [0; 4096];
    while tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await.is_ok_and(|read| read > 0) {}
}
