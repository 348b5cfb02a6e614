//! Accepts connections: limits, TLS handshakes, requests and shutdown.

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

use super::connection_limit::{ConnectionLimit, ConnectionPermit};
use super::open_requests::OpenRequests;
use super::peer::Peer;
use super::tls::{Certificates, names_of};
use super::{ServerLimits, metrics};

/// The interval of pings to an HTTP/2 peer, and the time for its answer.
const PING_INTERVAL: Duration = Duration::from_secs(30);
/// The largest number of concurrent streams of an HTTP/2 connection.
const MAX_STREAMS: u32 = 200;
/// The number of pending resets after which the connection of a peer is closed.
const MAX_RESETS: usize = 50;
/// The pause after a failed accept, whose usual cause is too many open files.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);
/// The first bytes of an HTTP/2 connection.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The response to a connection above the limit.
const TOO_MANY_CONNECTIONS: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 45\r\nretry-after: 1\r\nconnection: close\r\n\r\ntoo many connections; try again in a second.\n";

/// Serves the connections of one listener.
#[derive(Clone)]
pub(super) struct Acceptor {
    /// The routes.
    pub router: Router,
    /// The certificates; `None` without TLS.
    pub tls: Option<Arc<Certificates>>,
    /// The limits on headers and handshakes.
    pub limits: ServerLimits,
    /// The connections of all listeners.
    pub connection_limit: Arc<ConnectionLimit>,
    /// The tasks of the open connections.
    pub connections: TaskTracker,
    /// Cancelled to stop accepting; open connections finish their requests.
    pub stop: CancellationToken,
    /// Cancelled to close all connections immediately.
    pub abort: CancellationToken,
}

impl Acceptor {
    /// Accepts connections until `stop` is cancelled.
    pub(super) async fn run(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.handle_connection(stream, address),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            }
        }
    }

    fn handle_connection(&self, stream: TcpStream, address: SocketAddr) {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        let peer = Peer { address, names: Arc::default() };
        let Some(permit) = self.connection_limit.acquire(peer.client()) else {
            metrics::count_refused_connection();
            // A TLS connection is closed without a response, because that would need a handshake.
            if self.tls.is_none() {
                self.connections.spawn(timeout(ACCEPT_RETRY_DELAY, refuse_connection(stream)));
            }
            return;
        };
        let acceptor = self.clone();
        self.connections.spawn(async move {
            tokio::select! {
                () = acceptor.abort.cancelled() => {}
                () = acceptor.serve(stream, peer, permit) => {}
            }
        });
    }

    async fn serve(&self, stream: TcpStream, peer: Peer, _permit: ConnectionPermit) {
        // Without Nagle's algorithm small responses are sent at once. The connection works without the option too.
        let _ = stream.set_nodelay(true);
        let address = peer.address;
        let Some(tls) = &self.tls else {
            let Some(h2) = self.until_stop_or_timeout(self.limits.header_timeout, is_h2(&stream)).await
            else {
                return;
            };
            return self.serve_requests(stream, h2, peer).await;
        };
        let handshake = tls.acceptor().accept(stream);
        match self.until_stop_or_timeout(self.limits.handshake_timeout, handshake).await {
            None => tracing::debug!(%address, "TLS handshake timed out"),
            Some(Err(error)) => tracing::debug!(%address, %error, "TLS handshake failed"),
            Some(Ok(stream)) => {
                let session = stream.get_ref().1;
                let h2 = session.alpn_protocol() == Some(b"h2");
                let names = session.peer_certificates().and_then(<[_]>::first).map(|cert| names_of(cert));
                self.serve_requests(stream, h2, Peer { names: names.unwrap_or_default().into(), ..peer })
                    .await;
            }
        }
    }

    /// Returns the result of `work`; `None` after the timeout or when the server stops.
    async fn until_stop_or_timeout<T>(&self, time: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            () = self.stop.cancelled() => None,
            done = timeout(time, work) => done.ok(),
        }
    }

    /// Serves the requests of a connection until one side closes it.
    async fn serve_requests(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        h2: bool,
        peer: Peer,
    ) {
        let open = Arc::new(OpenRequests::default());
        let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
            let (router, request_open) = (self.router.clone(), OpenRequests::begin(&open));
            let mut request: Request = request.map(Body::new);
            request.extensions_mut().insert(peer.clone());
            async move {
                let response = router.oneshot(request).await;
                response.map(|response| response.map(|body| request_open.attach_to(body)))
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
                    () = open.wait_until_idle() => {}
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
        // The guard refuses heads up to this size in the form of the route; larger ones are not read.
        let limit = limits.max_header.saturating_mul(2);
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(limit.max(SMALLEST_BUFFER));
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_INTERVAL)
            .max_concurrent_streams(MAX_STREAMS)
            .max_pending_accept_reset_streams(MAX_RESETS)
            .max_header_list_size(u32::try_from(limit).unwrap_or(u32::MAX));
        builder
    }
}

/// The smallest buffer of the HTTP/1 reader, in bytes.
const SMALLEST_BUFFER: usize = 8192;

/// Returns whether a plain connection starts with the HTTP/2 preface (prior knowledge).
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
        // Peeked bytes stay readable, so readiness does not tell when more arrive.
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn refuse_connection(mut stream: TcpStream) {
    // The peer may be gone.
    let _ = stream.write_all(TOO_MANY_CONNECTIONS).await;
    let _ = stream.shutdown().await;
    // Unread data would reset the connection before the peer reads the response.
    let mut rest = [0; 4096];
    while tokio::io::AsyncReadExt::read(&mut stream, &mut rest).await.is_ok_and(|read| read > 0) {}
}
