//! From start to end: health, metrics, logs, signals.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use testkit::fake::Fault;

use crate::serving::{DEADLINE, Reply, Serving, World};

/// Begins a backup that waits for a flush that never ends, and returns its job's id.
async fn begin_endless(world: &World, serving: &Serving) -> String {
    world.fake.inject(Fault::Hangs { call: "Flush" });
    let begun =
        serving.post("/api/v1/create", &json!({ "backup_name": "nightly", "async": true })).await.is(200);
    begun.json()["requestId"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn readiness_tells_what_is_missing() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let ready = serving.get("/readyz").await.is(200).json();
    assert_eq!(ready["ready"], true);
    assert_eq!(ready["checks"].as_array().unwrap().len(), 3);
    serving.get("/healthz").await.is(200);
    drop(world.fake);
    let deadline = Instant::now() + DEADLINE;
    let down = loop {
        let reply = serving.get("/readyz").await;
        if reply.status == 503 {
            break reply.json();
        }
        assert!(Instant::now() < deadline, "still ready: {reply:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(
        (&down["ready"], &down["checks"][0]["name"], &down["checks"][0]["ready"]),
        (&json!(false), &json!("milvus"), &json!(false))
    );
    assert!(down["checks"][0]["error"].as_str().unwrap().contains("127.0.0.1"), "{down}");
    serving.get("/healthz").await.is(200);
}

#[tokio::test]
async fn metrics_tell_of_jobs_requests_and_memory() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    serving.post("/api/v1/create", &json!({ "backup_name": "nightly" })).await.is(200);
    serving.get("/api/v2/backups/nightly").await.is(200);
    let text = serving.get("/metrics").await.is(200).text;
    for line in [
        "milvus_backup_build_info{",
        "milvus_backup_jobs{kind=\"backup\",state=\"succeeded\"} 1",
        "milvus_backup_jobs_ended_total{kind=\"backup\",result=\"succeeded\"} 1",
        "milvus_backup_job_seconds_count{kind=\"backup\",result=\"succeeded\"} 1",
        "milvus_backup_job_bytes_total{kind=\"backup\"} ",
        "milvus_backup_last_backup_age_seconds ",
        "milvus_backup_http_requests_total{method=\"GET\",route=\"/api/v2/backups/{name}\",status=\"200\"} 1",
        "process_resident_memory_bytes ",
        "milvus_backup_storage_call_seconds_bucket{",
        "milvus_backup_milvus_call_seconds_bucket{",
    ] {
        assert!(text.lines().any(|each| each.starts_with(line)), "no {line} in\n{text}");
    }
}

#[tokio::test]
async fn a_term_signal_ends_it_in_good_order() {
    let world = World::with_books().await;
    let mut serving = world.serve(json!({}), &[]);
    let id = begin_endless(&world, &serving).await;
    let mut events = serving.request(Method::GET, &format!("/api/v2/jobs/{id}/events")).send().await.unwrap();
    assert!(events.chunk().await.unwrap().is_some());
    let begun = Instant::now();
    serving.signal("TERM");
    assert_eq!(serving.ended().await.code(), Some(0), "{}", serving.log());
    assert!(begun.elapsed() < Duration::from_secs(25), "the stream held it up: {:?}", begun.elapsed());
    // What watched it heard of its end.
    let mut rest = String::new();
    while let Ok(Some(chunk)) = events.chunk().await {
        rest.push_str(&String::from_utf8_lossy(&chunk));
    }
    assert!(rest.contains("interrupted"), "{rest}");

    let again = world.serve(json!({}), &[]);
    let job = again.get(&format!("/api/v2/jobs/{id}")).await.is(200).json();
    assert_eq!(job["state"], "interrupted", "{job}");
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let world = World::with_books().await;
    let mut serving = world.serve(json!({}), &[]);
    // A request that is being answered holds the end up.
    let mut held = tokio::net::TcpStream::connect(serving.address()).await.unwrap();
    let head = "POST /api/v1/create HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{";
    tokio::io::AsyncWriteExt::write_all(&mut held, head.as_bytes()).await.unwrap();
    serving.get("/healthz").await.is(200);
    serving.signal("INT");
    serving.logs("stopping; once more to leave at once").await;
    serving.signal("INT");
    assert_eq!(serving.ended().await.code(), Some(130), "{}", serving.log());
}

#[tokio::test]
async fn a_killed_server_says_what_was_cut_off() {
    let world = World::with_books().await;
    let mut serving = world.serve(json!({}), &[]);
    let id = begin_endless(&world, &serving).await;
    serving.kill();
    let again = world.serve(json!({}), &[]);
    let job = again.get(&format!("/api/v2/jobs/{id}")).await.is(200).json();
    assert_eq!(job["state"], "interrupted", "{job}");
    again.get("/api/v2/jobs?state=running").await.is(200);
}

#[tokio::test]
async fn log_lines_are_documents_with_ids() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &["--log-format", "json"]);
    let request = serving.request(Method::POST, "/api/v1/create").header("request_id", "mine-1");
    let made =
        Reply::of(request.body(json!({ "backup_name": "nightly" }).to_string()).send().await.unwrap()).await;
    made.is(200);
    serving.logs("\"result\":\"succeeded\"").await;
    let log = serving.log();
    let lines = log.lines().filter(|line| !line.starts_with("listening on "));
    let documents: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let audit: Vec<&Value> = documents.iter().filter(|line| line["target"] == "audit").collect();
    let accepted = audit.iter().find(|line| line["fields"]["result"] == "accepted").expect("an audit line");
    assert_eq!(
        (&accepted["fields"]["who"], &accepted["fields"]["action"], &accepted["fields"]["subject"]),
        (&json!("anonymous"), &json!("backup"), &json!("nightly"))
    );
    let spans = accepted["spans"].as_array().unwrap();
    assert!(spans.iter().any(|span| span["name"] == "request" && span["id"] == "mine-1"), "{accepted}");
}

#[tokio::test]
async fn grpc_may_have_an_address_of_its_own() {
    let world = World::new();
    let serving = world.serve(json!({}), &["--grpc-listen", "127.0.0.1:0"]);
    assert_eq!(serving.urls.len(), 2, "{}", serving.log());
    assert!(
        serving.log().contains("(REST, no authentication")
            && serving.log().contains("(gRPC, no authentication")
    );
    serving.get("/api/v2/jobs").await.is(200);
    let other = reqwest::get(format!("{}/api/v2/jobs", serving.urls[1])).await.unwrap();
    assert_eq!(other.status(), 404);
}
