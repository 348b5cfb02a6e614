//! Monitoring of a server: health, metrics and logs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use testkit::fake::Fault;

use crate::serving::{DEADLINE, Reply, Serving, World};

#[tokio::test]
async fn readiness_reports_an_unreachable_milvus() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let ready = serving.get("/readyz").await.has_status(200).json();
    assert_eq!(ready["ready"], true);
    assert_eq!(ready["checks"].as_array().unwrap().len(), 3);
    serving.get("/healthz").await.has_status(200);
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
    serving.get("/healthz").await.has_status(200);
}

#[tokio::test]
async fn readiness_names_the_hanging_component_and_limits_its_calls() {
    let world = World::new();
    world.fake.inject(Fault::Hangs { call: "ListDatabases" });
    let serving = world.serve(json!({ "requests_per_second": 0 }), &[]);
    // Requests whose caller disconnects cause no further calls of Milvus.
    let asked = || world.fake.calls().iter().filter(|call| call.contains("ListDatabases")).count();
    for _ in 0..20 {
        let leaving = serving.request(Method::GET, "/readyz").timeout(Duration::from_millis(50)).send();
        assert!(leaving.await.is_err(), "it hangs");
    }
    let down = serving.get("/readyz").await.has_status(503).json();
    let states: Vec<_> = down["checks"].as_array().unwrap().iter().map(|check| &check["ready"]).collect();
    assert_eq!(states, [false, true, true], "{down}");
    assert_eq!(
        (&down["checks"][0]["name"], &down["checks"][0]["kind"]),
        (&json!("milvus"), &json!("timeout"))
    );
    assert!(asked() <= 3, "asked {} times", asked());
}

#[tokio::test]
async fn readiness_reports_wrong_credentials_and_an_unreachable_store() {
    let world = World::with_login("root:right");
    let serving = world.serve(json!({}), &["--set", "milvus.user=root", "--set", "milvus.password=wrong-pw"]);
    let down = serving.get("/readyz").await.has_status(503);
    let milvus = &down.json()["checks"][0];
    assert_eq!((&milvus["ready"], &milvus["kind"]), (&json!(false), &json!("unreachable")), "{down:?}");
    assert!(!down.text.contains("wrong-pw") && !serving.log().contains("wrong-pw"), "{down:?}");
    drop(serving);
    let serving = world.serve(json!({}), &["--set", "milvus.user=root", "--set", "milvus.password=right"]);
    serving.get("/readyz").await.has_status(200);
    drop(serving);
    // A store at a port where nothing listens.
    let more = ["provider=minio", "address=127.0.0.1", "port=1", "rootPath=b"];
    let more = more.map(|value| format!("backup.storage.{value}"));
    let login = ["milvus.user=root", "milvus.password=right"].map(str::to_owned);
    let more: Vec<_> = login.iter().chain(&more).flat_map(|value| ["--set", value]).collect();
    let serving = world.serve(json!({}), &more);
    let down = serving.get("/readyz").await.has_status(503).json();
    let states: Vec<_> = down["checks"].as_array().unwrap().iter().map(|check| &check["ready"]).collect();
    assert_eq!(states, [true, true, false], "{down}");
}

#[tokio::test]
async fn the_age_of_the_last_backup_survives_a_restart() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let timestamp = async |serving: &Serving| {
        let text = serving.get("/metrics").await.has_status(200).text;
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix("milvus_backup_last_backup_timestamp_seconds "))
            .map(str::to_owned);
        assert_eq!(found.is_some(), text.contains("\nmilvus_backup_last_backup_age_seconds "), "{text}");
        found
    };
    assert_eq!(timestamp(&serving).await, None);
    serving.post("/api/v1/create", &json!({ "backup_name": "nightly" })).await.has_status(200);
    let before = timestamp(&serving).await.expect("the timestamp of the backup");
    drop(serving);
    let again = world.serve(json!({}), &[]);
    assert_eq!(timestamp(&again).await.as_deref(), Some(before.as_str()));
}

/// Checks the rules of `promtool check metrics` that a new metric could break.
#[tokio::test]
async fn metrics_follow_the_naming_rules_of_prometheus() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    serving.post("/api/v1/create", &json!({ "backup_name": "nightly" })).await.has_status(200);
    for path in 0..50 {
        serving.get(&format!("/nothing/{path}")).await.has_status(404);
        serving.get(&format!("/api/v2/backups/none_{path}")).await.has_status(404);
        let odd = Method::from_bytes(format!("ODD{path}").as_bytes()).unwrap();
        serving.request(odd, "/api/v2/jobs").send().await.unwrap();
    }
    let text = serving.get("/metrics").await.has_status(200).text;
    let mut samples = BTreeSet::new();
    let mut kinds = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert!(text.contains(&format!("# HELP {name} ")), "{name} without help");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} is a {kind}");
            assert_eq!(
                kind == "histogram",
                name.ends_with("_seconds") && kind != "gauge",
                "{name} is a {kind}"
            );
            assert_eq!(kinds.insert(name, kind), None, "{name} stands there twice");
        } else if !line.starts_with('#') {
            let (sample, _) = line.rsplit_once(' ').unwrap();
            let family = sample.split('{').next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|part| family.strip_suffix(part))
                .unwrap_or(family);
            assert!(kinds.contains_key(family), "{family} without a type");
            assert!(samples.insert(sample), "{sample} stands there twice");
        }
    }
    // Paths and methods that callers invent create no time series.
    let requests = samples.iter().filter(|sample| sample.starts_with("milvus_backup_http_requests_total{"));
    assert!(requests.count() < 12, "{text}");
}

#[tokio::test]
async fn logs_and_responses_contain_no_secrets() {
    let world = World::with_login("root:hush-password");
    let (token, item) = crate::server_access::create_token("admin");
    let set = [
        "milvus.user=root",
        "milvus.password=hush-password",
        "backup.storage.auth.secretAccessKey=hush-key",
        "backup.storage.auth.sessionToken=hush-session",
    ];
    let set: Vec<_> = set.iter().flat_map(|value| ["--set", *value]).chain(["-vv"]).collect();
    let serving = world.serve(json!({ "tokens": [item] }), &set);
    let mut answers = String::new();
    for path in
        ["/readyz", "/metrics", "/api/v1/check", "/api/v2/check", "/api/v1/docs/doc.json", "/api/v2/jobs"]
    {
        let request = serving.request(Method::GET, path).bearer_auth(&token);
        answers += &Reply::read(request.send().await.unwrap()).await.text;
    }
    for body in [r#"{"backup_name":"nightly"}"#, r#"{"backup_name":"..hush"}"#] {
        let request = serving.request(Method::POST, "/api/v1/create").bearer_auth(&token).body(body);
        answers += &Reply::read(request.send().await.unwrap()).await.text;
    }
    let refused =
        serving.request(Method::GET, "/api/v2/jobs").bearer_auth("hush-token").send().await.unwrap();
    answers += &refused.text().await.unwrap();
    let refused = serving.request(Method::GET, "/api/v2/jobs").basic_auth("ops", Some("hush-basic")).send();
    answers += &refused.await.unwrap().text().await.unwrap();
    serving.logs("succeeded").await;
    let log = serving.log();
    assert!(log.contains("DEBUG"), "{log}");
    for secret in ["hush-", &token, item.rsplit(':').next().unwrap()] {
        assert!(!log.contains(secret) && !answers.contains(secret), "{secret} in {log}\n{answers}");
    }
}

#[tokio::test]
async fn metrics_report_jobs_requests_and_memory() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    serving.post("/api/v1/create", &json!({ "backup_name": "nightly" })).await.has_status(200);
    serving.get("/api/v2/backups/nightly").await.has_status(200);
    let text = serving.get("/metrics").await.has_status(200).text;
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
async fn log_lines_are_json_documents_with_request_ids() {
    let world = World::with_books().await;
    // Other lines on stderr are JSON too: warnings, the addresses, and the stop.
    let mut serving = world
        .serve(json!({ "debugMode": true }), &["--log-format", "json", "-v", "--set", "NO_SUCH_VARIABLE=1"]);
    let request = serving.request(Method::POST, "/api/v1/create").header("request_id", "mine-1");
    let made =
        Reply::read(request.body(json!({ "backup_name": "nightly" }).to_string()).send().await.unwrap())
            .await;
    made.has_status(200);
    serving.logs("\"result\":\"succeeded\"").await;
    serving.signal("TERM");
    assert_eq!(serving.wait_for_end().await.code(), Some(0), "{}", serving.log());
    let log = serving.log();
    let documents: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let audit: Vec<&Value> = documents.iter().filter(|line| line["target"] == "audit").collect();
    let accepted = audit.iter().find(|line| line["fields"]["result"] == "accepted").expect("an audit line");
    assert_eq!(
        (&accepted["fields"]["who"], &accepted["fields"]["action"], &accepted["fields"]["subject"]),
        (&json!("anonymous"), &json!("backup"), &json!("nightly"))
    );
    let spans = accepted["spans"].as_array().unwrap();
    assert!(spans.iter().any(|span| span["name"] == "request" && span["id"] == "mine-1"), "{accepted}");
}
