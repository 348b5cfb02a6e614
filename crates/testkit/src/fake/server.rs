//! Serves the gRPC API and the REST API on one port.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use proto::milvus::milvus_service_server::MilvusServiceServer;
use tokio::net::TcpListener;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;

use super::config::FakeConfig;
use super::rest;
use super::service::Service;
use super::state::{FakeState, lock_state};

/// The largest message that real servers accept, in bytes.
const LARGEST_MESSAGE: usize = 64 << 20;

/// The state, and whether calls need the credentials of a user.
type Shared = (Arc<Mutex<FakeState>>, bool);

/// Serves all calls until the listener fails.
pub(super) fn serve(
    listener: TcpListener,
    state: Arc<Mutex<FakeState>>,
    config: &FakeConfig,
) -> impl Future<Output = Result<(), tonic::transport::Error>> + use<> {
    let demands_login = config.login.is_some();
    let service = MilvusServiceServer::new(Service::new(Arc::clone(&state), demands_login))
        .max_decoding_message_size(LARGEST_MESSAGE);
    let router = Router::new()
        .route_service("/milvus.proto.milvus.MilvusService/{call}", service)
        .fallback(serve_other)
        .with_state((state, demands_login));
    let mut server = tonic::transport::Server::builder().accept_http1(!config.grpc_only);
    server
        .add_routes(Routes::from(router))
        .serve_with_incoming(TcpIncoming::from(listener).with_nodelay(Some(true)))
}

/// Serves REST requests, and refuses gRPC calls of other services.
async fn serve_other(State((state, demands_login)): State<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get("content-type").map(HeaderValue::as_bytes).unwrap_or_default();
    if content_type.starts_with(b"application/grpc") {
        let (service, call) = parts.uri.path().trim_start_matches('/').split_once('/').unwrap_or_default();
        return tonic::Status::unimplemented(format!("unknown method {call} for service {service}"))
            .into_http::<axum::body::Body>();
    }
    let Ok(body) = axum::body::to_bytes(body, LARGEST_MESSAGE).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let credentials = rest::credentials(&parts.headers);
    let mut state = lock_state(&state);
    let caller = credentials.as_ref().and_then(|login| login.split_once(':'));
    let caller = caller.filter(|(user, password)| state.users.is_login(user, password));
    let is_known = !demands_login || caller.is_some();
    state.caller = caller.filter(|_| demands_login).map(|(user, _)| user.to_owned());
    let (status, text) = rest::respond(&mut state, &parts.method, parts.uri.path(), is_known, &body);
    let kind = if text.starts_with('{') { "application/json; charset=utf-8" } else { "text/plain" };
    (status, [("content-type", kind)], text).into_response()
}
