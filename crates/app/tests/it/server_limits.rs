//! Requests that are too large, too slow, too many or malformed: each is answered, and the server keeps running.

use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::serving::{DEADLINE, Reply, Serving, World};

async fn assert_still_serves(serving: &Serving) {
    serving.get("/api/v2/jobs").await.has_status(200);
}

#[tokio::test]
async fn an_oversized_body_is_rejected() {
    let world = World::new();
    let serving = world.serve(json!({ "max_body": "1KiB" }), &[]);
    let body = json!({ "backup_name": "x".repeat(2000) });
    let refused = serving.post("/api/v1/create", &body).await.has_status(413);
    assert!(refused.json()["msg"].as_str().unwrap().contains("larger than 1024 bytes"), "{refused:?}");
    // A body without a declared length is rejected too.
    let chunked =
        reqwest::Body::wrap_stream(futures::stream::repeat_with(|| Ok::<_, std::io::Error>("x".repeat(100))));
    let request = serving.request(Method::POST, "/api/v2/backups").body(chunked);
    if let Ok(response) = request.send().await {
        let refused = Reply::read(response).await.has_status(413);
        assert_eq!(refused.json()["kind"], "too_large");
    }
    assert_still_serves(&serving).await;
}

#[tokio::test]
async fn a_client_that_sends_its_whole_body_before_reading_receives_the_response() {
    let world = World::new();
    let (_, token) = crate::server_access::create_token("read");
    let serving = world.serve(json!({ "max_body": "1KiB", "tokens": [token] }), &[]);
    // More than the socket buffers of the system hold.
    let body = "x".repeat(12 << 20);
    for (path, status) in [("/", "413"), ("/api/v1/list", "401")] {
        for length in [format!("content-length: {}", body.len()), "transfer-encoding: chunked".to_owned()] {
            let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{length}\r\n\r\n");
            let all = if length.starts_with('c') {
                format!("{head}{body}")
            } else {
                format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len())
            };
            let answer = serving.send_raw(all.as_bytes()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {length}: {answer}");
        }
    }
}

#[tokio::test]
async fn the_rest_of_a_rejected_body_is_not_awaited() {
    let world = World::new();
    let serving = world.serve(json!({ "max_body": "1KiB" }), &[]);
    for head in ["content-length: 100000", "content-length: 100000\r\nexpect: 100-continue"] {
        let head = format!("POST /api/v1/create HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n");
        let answer = serving.send_raw(head.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{head}: {answer}");
    }
}

#[tokio::test]
async fn the_limits_apply_to_rest_for_every_content_type() {
    let world = World::new();
    let serving = world.serve(json!({ "max_body": "1KiB", "body_timeout": "1s" }), &[]);
    let called = "host: x\r\ncontent-type: application/grpc\r\nconnection: close\r\n";
    for path in ["/api/v1/create", "/api/v2/backups"] {
        let body = "x".repeat(2000);
        let large = format!("POST {path} HTTP/1.1\r\n{called}content-length: 2000\r\n\r\n{body}");
        let answer = serving.send_raw(large.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 413 "), "{path}: {answer}");

        let mut stream = TcpStream::connect(serving.address()).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\n{called}content-length: 1000\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut receive, mut send) = stream.into_split();
        let drip = async {
            while send.write_all(b"x").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let mut start = [0; 13];
        tokio::select! {
            read = receive.read_exact(&mut start) => { read.unwrap(); }
            () = drip => panic!("closed without an answer"),
            () = tokio::time::sleep(DEADLINE) => panic!("a body that drips is waited for"),
        }
        assert_eq!(std::str::from_utf8(&start).unwrap(), "HTTP/1.1 408 ", "{path}");
    }
}

#[tokio::test]
async fn an_oversized_header_is_rejected() {
    let world = World::new();
    let serving = world.serve(json!({ "max_header": "10KiB" }), &[]);
    let ask = async |path: &str, bytes: usize, kind: &str| {
        let request = serving.request(Method::GET, path).header("x", "x".repeat(bytes));
        Reply::read(request.header("content-type", kind).send().await.unwrap()).await
    };
    ask("/api/v2/jobs", 10_000, "").await.has_status(200);
    let problem = ask("/api/v2/jobs", 10_300, "").await.has_status(431).json();
    assert_eq!((&problem["kind"], &problem["status"]), (&json!("too_large"), &json!(431)), "{problem}");
    let envelope = ask("/api/v1/list", 10_300, "application/grpc").await.has_status(431).json();
    assert!(envelope["msg"].as_str().unwrap().contains("larger than 10240 bytes"), "{envelope}");
    ask(&format!("/healthz?{}", "x".repeat(6000)), 6000, "").await.has_status(431);
    // A much larger header is rejected before it is read completely.
    assert_eq!(ask("/healthz", 100_000, "").await.status, 431);
}

#[tokio::test]
async fn invalid_json_is_rejected_in_the_form_of_the_route() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    for body in ["{", "[]", "nothing", "\u{0}"] {
        let post = |path: &str| {
            serving.request(Method::POST, path).header("content-type", "application/json").body(body).send()
        };
        Reply::read(post("/api/v1/create").await.unwrap()).await.has_status(400).json();
        let problem = Reply::read(post("/api/v2/backups").await.unwrap()).await;
        assert!((400..=422).contains(&problem.status), "{problem:?}");
        assert_eq!(problem.header("content-type"), "application/problem+json");
    }
    assert_still_serves(&serving).await;
}

#[tokio::test]
async fn a_body_that_does_not_arrive_times_out() {
    let world = World::new();
    let serving = world.serve(json!({ "body_timeout": "1s" }), &[]);
    let head = "POST /api/v1/create HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{";
    let answer = serving.send_raw(head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("did not arrive within 1 s"), "{answer}");
    assert_still_serves(&serving).await;
}

#[tokio::test]
async fn an_incomplete_header_times_out() {
    let world = World::new();
    let serving = world.serve(json!({ "header_timeout": "1s", "max_header": "16KiB" }), &[]);
    for start in ["", "GET / HT", "PRI * HT", "GET / HTTP/1.1\r\nhost: x\r\n"] {
        let answer = serving.send_raw(start.as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{start:?}: {answer}");
    }
    let huge = format!("GET / HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(100_000));
    let answer = serving.send_raw(huge.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    let answer = serving.send_raw(b"\x16\x03\x01\x02\x00 this is no HTTP\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_still_serves(&serving).await;
}

#[tokio::test]
async fn a_thousand_connections_are_handled() {
    let world = World::new();
    let serving = world.serve(json!({ "max_connections": 200, "requests_per_second": 0 }), &[]);
    let mut open = Vec::new();
    for _ in 0..1000 {
        open.push(TcpStream::connect(serving.address()).await.unwrap());
    }
    // Connections beyond the limit receive a 503 and are closed.
    let mut refused = 0;
    for stream in &mut open[200..] {
        let mut answer = String::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("an end");
        if read.is_ok() && answer.starts_with("HTTP/1.1 503 ") {
            assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
            refused += 1;
        }
    }
    assert!(refused >= 700, "{refused}");
    // Connections within the limit are served, and others are accepted when they are closed.
    let answered = &mut open[0];
    answered.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    answered.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    drop(open);
    let deadline = tokio::time::Instant::now() + DEADLINE;
    while serving.request(Method::GET, "/api/v2/jobs").send().await.is_ok_and(|reply| reply.status() != 200) {
        assert!(tokio::time::Instant::now() < deadline, "no place is free again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_still_serves(&serving).await;
}

#[tokio::test]
async fn clients_with_too_many_requests_must_wait() {
    let world = World::new();
    let serving = world.serve(json!({ "requests_per_second": 5 }), &[]);
    let mut last = serving.get("/healthz").await;
    for _ in 0..200 {
        if last.status == 429 {
            break;
        }
        last = serving.get("/healthz").await;
    }
    assert_eq!(last.status, 429);
    let wait: u64 = last.header("retry-after").parse().unwrap();
    assert!((1..=2).contains(&wait), "{last:?}");
    tokio::time::sleep(Duration::from_secs(wait)).await;
    assert_still_serves(&serving).await;
}

#[tokio::test]
async fn unknown_routes_are_answered_like_the_go_tool() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    for path in ["/nothing", "/api/v1/nothing", "/api/v3"] {
        let reply = serving.get(path).await.has_status(404);
        assert_eq!(
            (reply.text.as_str(), reply.header("content-type").contains("text/plain")),
            ("404 page not found", true)
        );
    }
    // The Go tool treats an unsupported method like an unknown route.
    serving.post("/api/v1/list", &json!({})).await.has_status(404);
}

#[tokio::test]
async fn request_ids_are_returned() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let send = async |name: &str, id: &str| {
        let request = serving.request(Method::GET, "/healthz").header(name, id);
        Reply::read(request.send().await.unwrap()).await.header("x-request-id").to_owned()
    };
    assert_eq!(send("request_id", "mine-1").await, "mine-1");
    assert_eq!(send("X-Request-Id", "mine-2").await, "mine-2");
    assert_ne!(send("X-Request-Id", "../../etc").await, "../../etc");
}
