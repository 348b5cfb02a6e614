//! The life of a server: signals, crashes and listeners.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use testkit::fake::Fault;

use crate::serving::{DEADLINE, Serving, World};

/// Starts a backup that waits for a flush that never ends, and returns the id of its job.
async fn start_endless_backup(world: &World, serving: &Serving) -> String {
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let begun = serving
        .post("/api/v1/create", &json!({ "backup_name": "nightly", "async": true }))
        .await
        .has_status(200);
    let id = begun.json()["requestId"].as_str().unwrap().to_owned();
    // A queued job would not be interrupted; the next server would run it.
    let deadline = Instant::now() + DEADLINE;
    while serving.get(&format!("/api/v2/jobs/{id}")).await.json()["state"] != "running" {
        assert!(Instant::now() < deadline, "{}", serving.log());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    id
}

#[tokio::test]
async fn sigterm_stops_the_server_gracefully() {
    let world = World::with_books().await;
    let mut serving = world.serve(json!({}), &[]);
    let id = start_endless_backup(&world, &serving).await;
    let mut events = serving.request(Method::GET, &format!("/api/v2/jobs/{id}/events")).send().await.unwrap();
    assert!(events.chunk().await.unwrap().is_some());
    let begun = Instant::now();
    serving.signal("TERM");
    assert_eq!(serving.wait_for_end().await.code(), Some(0), "{}", serving.log());
    assert!(begun.elapsed() < Duration::from_secs(25), "the stream held it up: {:?}", begun.elapsed());
    // The watcher received the end of the job.
    let mut rest = String::new();
    while let Ok(Some(chunk)) = events.chunk().await {
        rest.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(rest.contains("interrupted"), "{rest}");

    let again = world.serve(json!({}), &[]);
    let job = again.get(&format!("/api/v2/jobs/{id}")).await.has_status(200).json();
    assert_eq!(job["state"], "interrupted", "{job}");
}

#[tokio::test]
async fn a_second_signal_stops_the_server_immediately() {
    let world = World::with_books().await;
    let mut serving = world.serve(json!({}), &[]);
    // An incomplete request delays the graceful stop.
    let mut held = tokio::net::TcpStream::connect(serving.address()).await.unwrap();
    let head = "POST /api/v1/create HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{";
    tokio::io::AsyncWriteExt::write_all(&mut held, head.as_bytes()).await.unwrap();
    serving.get("/healthz").await.has_status(200);
    serving.signal("INT");
    serving.logs("stopping; press Ctrl-C again to quit immediately").await;
    serving.signal("INT");
    assert_eq!(serving.wait_for_end().await.code(), Some(130), "{}", serving.log());
}

#[tokio::test]
async fn jobs_of_a_killed_server_are_interrupted_after_the_restart() {
    let world = World::with_books().await;
    let mut serving = world.serve(json!({}), &[]);
    let id = start_endless_backup(&world, &serving).await;
    serving.kill();
    let again = world.serve(json!({}), &[]);
    let job = again.get(&format!("/api/v2/jobs/{id}")).await.has_status(200).json();
    assert_eq!(job["state"], "interrupted", "{job}");
    again.get("/api/v2/jobs?state=running").await.has_status(200);
}

#[tokio::test]
async fn grpc_can_have_its_own_address() {
    let world = World::new();
    let serving = world.serve(json!({}), &["--grpc-listen", "127.0.0.1:0"]);
    assert_eq!(serving.urls.len(), 2, "{}", serving.log());
    assert!(
        serving.log().contains("(REST, no authentication")
            && serving.log().contains("(gRPC, no authentication")
    );
    serving.get("/api/v2/jobs").await.has_status(200);
    let other = reqwest::get(format!("{}/api/v2/jobs", serving.urls[1])).await.unwrap();
    assert_eq!(other.status(), 404);
}

#[tokio::test]
async fn two_listeners_cannot_share_an_address() {
    let world = World::new();
    // Nothing else listens at this address, so the port is still free.
    let port = std::net::TcpListener::bind("127.0.0.77:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.77:{port}");
    for grpc in [address.clone(), format!("0.0.0.0:{port}")] {
        let ended = world.try_serve(json!({ "listen": address }), &["--no-auth", "--grpc-listen", &grpc]);
        let (status, log) = ended.err().unwrap();
        assert_eq!(status.code(), Some(2), "{log}");
        for stderr in ["--listen", "--grpc-listen", &grpc, "hint: "] {
            assert!(log.contains(stderr), "no {stderr} in {log}");
        }
    }
}
