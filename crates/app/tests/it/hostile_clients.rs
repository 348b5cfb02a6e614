//! Hostile requests: each is answered, nothing outside the backup root is touched, and the server keeps running.

use std::path::Path;

use futures::future::join_all;
use reqwest::{Client, Method};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::serving::{DEADLINE, Reply, Serving, World};

/// Names that lead out of the backup root or are invalid.
const BAD_NAMES: [&str; 9] = [
    "../outside",
    "..",
    ".",
    "/etc",
    "a/../../outside",
    "..\\outside",
    "a\u{0}b",
    "a\nb",
    "%2e%2e%2foutside",
];

async fn post(serving: &Serving, path: &str, body: Vec<u8>) -> Reply {
    let request = serving.request(Method::POST, path).header("content-type", "application/json").body(body);
    Reply::read(request.send().await.unwrap()).await
}

/// Percent-encodes every byte of a text.
fn percent_encode(text: &str) -> String {
    text.bytes().fold(String::new(), |encoded, byte| format!("{encoded}%{byte:02x}"))
}

fn write_file(file: &Path) {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, "mine").unwrap();
}

#[tokio::test]
async fn names_do_not_lead_out_of_the_backup_root() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    // The directory outside looks like a backup, so a deletion could succeed.
    let file = world.path("outside/meta/backup_meta.json");
    write_file(&file);
    for name in BAD_NAMES {
        let encoded = percent_encode(name);
        let create = serving.post("/api/v1/create", &json!({ "backup_name": name })).await;
        assert_eq!(create.status, 400, "{name:?}: {create:?}");
        let create = serving.post("/api/v2/backups", &json!({ "name": name })).await;
        assert_eq!(create.status, 400, "{name:?}: {create:?}");
        for reply in [
            serving.post("/api/v1/restore", &json!({ "backup_name": name })).await,
            serving.post("/api/v2/restores", &json!({ "backup": name })).await,
            serving.get(&format!("/api/v1/get_backup?backup_name={encoded}")).await,
            serving.delete(&format!("/api/v1/delete?backup_name={encoded}")).await,
        ] {
            assert!(matches!(reply.status, 400 | 404), "{name:?}: {reply:?}");
        }
        for line in
            ["GET /api/v2/backups/NAME", "DELETE /api/v2/backups/NAME", "GET /api/v2/backups/NAME/plan"]
        {
            let line = line.replace("NAME", &encoded);
            let head = format!("{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
            let answer = serving.send_raw(head.as_bytes()).await;
            let refused = ["HTTP/1.1 400 ", "HTTP/1.1 404 "].iter().any(|start| answer.starts_with(start));
            assert!(refused, "{line}: {answer}");
        }
    }
    for target in ["/api/v2/backups/../../outside", "/api/v1/docs/../list", "/api/v1/docs/..%2f..%2flist"] {
        let head = format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert!(serving.send_raw(head.as_bytes()).await.starts_with("HTTP/1.1 404 "), "{target}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    let left = std::fs::read_dir(world.path("backup")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "something was made below the backup root");
}

#[tokio::test]
async fn another_backup_root_is_rejected_unless_the_configuration_allows_it() {
    let world = World::with_books().await;
    let other = world.path("other");
    let body = json!({ "backup_name": "there", "backup_root_path": other });
    let serving = world.serve(json!({}), &[]);
    let refused = serving.post("/api/v1/create", &body).await.has_status(403);
    assert!(refused.text.contains("server.allow_backup_root_path"), "{refused:?}");
    assert!(!other.exists());
    drop(serving);

    let serving = world.serve(json!({ "allow_backup_root_path": true }), &[]);
    serving.post("/api/v1/create", &body).await.has_status(200);
    assert!(other.join("there/meta/backup_meta.json").exists());
    assert!(!world.path("backup/there").exists());
}

#[tokio::test]
async fn bodies_that_are_not_valid_json_are_rejected() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let deep = |inside: &str| format!("{{\"{inside}\":{}{}", "[".repeat(10_000), "]".repeat(10_000)) + "}";
    let bodies = [
        deep("name").into_bytes(),
        deep("db_collections").into_bytes(),
        format!("{}1{}", "{\"a\":".repeat(10_000), "}".repeat(10_000)).into_bytes(),
        b"{\"backup_name\":\"\xff\xfe\",\"name\":\"\xff\"}".to_vec(),
        b"\xef\xbb\xbf{".to_vec(),
        vec![0; 1000],
        b"{\"backup_name\":\"\\ud800\",\"name\":\"\\ud800\"}".to_vec(),
    ];
    for body in bodies {
        for path in ["/api/v1/create", "/api/v1/restore", "/api/v2/backups", "/api/v2/restores"] {
            let reply = post(&serving, path, body.clone()).await;
            let start = String::from_utf8_lossy(&body[..body.len().min(30)]).into_owned();
            assert!(matches!(reply.status, 400 | 422), "{path} {start:?}: {reply:?}");
        }
    }
    serving.get("/healthz").await.has_status(200);
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let one = |path: &str, last: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\n{last}\r\n");
    let three = [one("/healthz", ""), one("/nothing", ""), one("/api/v1/hello", "connection: close\r\n")];
    let answer = serving.send_raw(three.concat().as_bytes()).await;
    let statuses: Vec<_> =
        answer.match_indices("HTTP/1.1 ").map(|(at, _)| &answer[at + 9..at + 12]).collect();
    assert_eq!(statuses, ["200", "404", "200"], "{answer}");
}

#[tokio::test]
async fn ambiguous_request_framing_is_rejected() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let smuggled = "GET /api/v1/list HTTP/1.1\r\nhost: x\r\n\r\n";
    for head in [
        "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n",
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: +5\r\n",
        "content-length: 5\r\ntransfer-encoding: xchunked\r\n",
    ] {
        let request = format!("POST /api/v1/create HTTP/1.1\r\nhost: x\r\n{head}\r\n0\r\n\r\n{smuggled}");
        let answer = serving.send_raw(request.as_bytes()).await;
        assert!(
            answer.starts_with("HTTP/1.1 400 ") && answer.matches("HTTP/1.1").count() == 1,
            "{head}: {answer}"
        );
    }
    serving.get("/healthz").await.has_status(200);
}

#[tokio::test]
async fn many_streams_on_one_connection_are_served() {
    let world = World::new();
    let serving = world.serve(json!({ "requests_per_second": 0 }), &[]);
    let client = Client::builder().http2_prior_knowledge().timeout(DEADLINE).no_proxy().build().unwrap();
    let asked = (0..1000).map(|_| client.get(serving.url("/api/v2/jobs")).send());
    for reply in join_all(asked).await {
        assert_eq!(reply.unwrap().status(), 200);
    }
    // Requests whose caller disconnects immediately.
    for _ in 0..20 {
        let left: Vec<_> = (0..50).map(|_| tokio::spawn(client.get(serving.url("/readyz")).send())).collect();
        tokio::task::yield_now().await;
        left.iter().for_each(tokio::task::JoinHandle::abort);
    }
    serving.get("/healthz").await.has_status(200);
}

#[tokio::test]
async fn one_client_cannot_use_up_the_connections_of_others() {
    let world = World::new();
    let serving =
        world.serve(json!({ "listen": "0.0.0.0:0", "max_connections_per_client": 20 }), &["--no-auth"]);
    let port = serving.address().rsplit(':').next().unwrap().to_owned();
    let mut open = Vec::new();
    for _ in 0..40 {
        open.push(TcpStream::connect(format!("127.0.0.1:{port}")).await.unwrap());
    }
    let mut answer = String::new();
    tokio::time::timeout(DEADLINE, open[30].read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    // 127.0.0.2 is also this machine, but counts as another client.
    let other = Client::builder().local_address("127.0.0.2".parse::<std::net::IpAddr>().unwrap());
    let other = other.timeout(DEADLINE).no_proxy().build().unwrap();
    let reply = other.get(format!("http://127.0.0.2:{port}/healthz")).send().await.unwrap();
    assert_eq!(reply.status(), 200);
}
