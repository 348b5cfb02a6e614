//! The management routes on the metrics port.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fault::Fault;
use super::state::{FakeState, lock_state};

const GARBAGE_COLLECTION: &str = "/management/datacoord/garbage_collection/";

/// Replies to one request on each connection.
pub(super) async fn serve(listener: TcpListener, state: Arc<Mutex<FakeState>>) {
    while let Ok((stream, _)) = listener.accept().await {
        // a client that closed its connection is not an error
        let _ = reply_to_request(stream, &state).await;
    }
}

async fn reply_to_request(mut stream: TcpStream, state: &Mutex<FakeState>) -> std::io::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
    }
    let text = String::from_utf8_lossy(&request).into_owned();
    let target = text.split(' ').nth(1).unwrap_or_default();
    let (status, body) = handle_route(target, state);
    let length = body.len();
    let reply = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(reply.as_bytes()).await
}

/// Returns the status and the body of the reply; 2.3.6 is the first 2.3 release with these routes.
fn handle_route(target: &str, state: &Mutex<FakeState>) -> (&'static str, &'static str) {
    let mut state = lock_state(state);
    state.calls.push(target.to_owned());
    let known = target.strip_prefix(GARBAGE_COLLECTION).is_some_and(|route| {
        route == "resume"
            || route.strip_prefix("pause?pause_seconds=").is_some_and(|n| n.parse::<u64>().is_ok())
    });
    if state.version < (2, 3, 6) || !known {
        ("404 Not Found", "404 page not found")
    } else if state.faults.take_equal(&Fault::ManagementFails) {
        ("500 Internal Server Error", r#"{"msg":"failed"}"#)
    } else {
        ("200 OK", r#"{"msg":"OK"}"#)
    }
}
