//! gRPC at the door: who may call, how long calls last, how large they are, and what the standard services tell.

use std::time::Duration;

use api::backup::{CheckRequest, CreateBackupRequest, GetBackupRequest};
use api::v1::{GetJobRequest, JobState, ListBackupsRequest, ListJobsRequest, WatchJobRequest};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use http_body_util::Full;
use serde_json::json;
use sha2::{Digest, Sha256};
use testkit::fake::Fault;
use tonic::{Code, Request, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1alpha;
use tower::{Service, ServiceExt};

use crate::calling::{Calls, failure, within};
use crate::serving::{DEADLINE, Serving, World};

fn create(id: &str) -> CreateBackupRequest {
    CreateBackupRequest { request_id: id.to_owned(), backup_name: "nightly".to_owned(), ..Default::default() }
}

fn token(name: &str, role: &str) -> String {
    let hash = Sha256::digest(name).iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    format!("{name}:{role}:sha256:{hash}")
}

#[tokio::test]
async fn roles_hold_for_calls() {
    let world = World::with_books().await;
    let serving = world.serve(json!({ "tokens": [token("reader", "read"), token("maker", "backup")] }), &[]);

    let mut nobody = Calls::open(&serving).await;
    let refused = nobody.backups.get_backup(GetBackupRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = nobody.jobs.list_jobs(ListJobsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    HealthClient::new(nobody.door).check(HealthCheckRequest::default()).await.unwrap();

    let mut wrong = Calls::of(&serving, 0, Some("wrong")).await;
    let refused = wrong.catalog.list_backups(ListBackupsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);

    let mut reader = Calls::of(&serving, 0, Some("reader")).await;
    reader.backups.check(CheckRequest {}).await.unwrap();
    reader.catalog.list_backups(ListBackupsRequest::default()).await.unwrap();
    let refused = reader.backups.create_backup(create("r")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let mut maker = Calls::of(&serving, 0, Some("maker")).await;
    maker.backups.create_backup(create("m")).await.unwrap();
    let job = reader.jobs.get_job(GetJobRequest { id: "m".to_owned() }).await.unwrap().into_inner();
    assert_eq!(job.by, "maker");
}

#[tokio::test]
async fn grpc_may_have_a_listener_of_its_own() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &["--grpc-listen", "127.0.0.1:0"]);
    let mut calls = Calls::of(&serving, 1, None).await;
    calls.backups.create_backup(create("first")).await.unwrap();
    serving.get("/api/v2/jobs/first").await.is(200);
    let there = Calls::open(&serving).await.backups.create_backup(create("second")).await.unwrap_err();
    assert_eq!(there.code(), Code::Unimplemented);
}

/// A world in which a backup takes for ever, and a server in it.
async fn endless() -> (World, Serving) {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    (world, serving)
}

#[tokio::test]
async fn the_job_of_a_call_whose_deadline_passes_is_cancelled() {
    let (_world, serving) = endless().await;
    let mut calls = Calls::open(&serving).await;
    let late = calls.backups.create_backup(within(Duration::from_secs(2), create("late"))).await.unwrap_err();
    assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late:?}");
    assert_eq!(calls.over("late").await.state(), JobState::Cancelled);
}

#[tokio::test]
async fn the_job_of_a_call_whose_caller_leaves_is_cancelled() {
    let (_world, serving) = endless().await;
    let mut calls = Calls::open(&serving).await;
    let mut leaving = Calls::open(&serving).await;
    let left = tokio::spawn(async move { leaving.backups.create_backup(create("left")).await });
    serving.logs("left").await;
    calls.becomes("left", JobState::Running).await;
    left.abort();
    assert_eq!(calls.over("left").await.state(), JobState::Cancelled);
}

#[tokio::test]
async fn jobs_that_were_not_to_be_waited_for_go_on_without_their_callers() {
    let (_world, serving) = endless().await;
    let mut calls = Calls::open(&serving).await;
    let mut request = within(Duration::from_secs(2), create("goes_on"));
    request.metadata_mut().insert("idempotency-key", "key".parse().unwrap());
    calls.backups.create_backup(request).await.unwrap_err();
    let job = calls.jobs.get_job(GetJobRequest { id: "goes_on".to_owned() }).await.unwrap().into_inner();
    assert!(job.state() == JobState::Running && !job.cancelling, "{job:?}");

    let mut again = Request::new(CreateBackupRequest { r#async: true, ..create("goes_on") });
    again.metadata_mut().insert("idempotency-key", "key".parse().unwrap());
    let same = calls.backups.create_backup(again).await.unwrap().into_inner();
    assert_eq!(same.data.unwrap().id, "goes_on");
}

#[tokio::test]
async fn requests_are_as_large_as_bodies_may_be() {
    let world = World::with_books().await;
    let serving = world.serve(json!({ "max_body": "1MiB" }), &[]);
    let mut calls = Calls::open(&serving).await;
    let large = |bytes: usize| CreateBackupRequest { gc_pause_address: "x".repeat(bytes), ..create("large") };
    let refused = calls.backups.create_backup(large(2 << 20)).await.unwrap_err();
    assert_eq!((refused.code(), failure(&refused).kind.as_str()), (Code::ResourceExhausted, "too_large"));
    calls.backups.create_backup(large(1 << 19)).await.unwrap();
}

#[tokio::test]
async fn a_message_that_does_not_come_or_drips_is_not_waited_for() {
    const DRIPS: Option<Duration> = Some(Duration::from_millis(100));
    let world = World::new();
    let serving = world.serve(json!({ "body_timeout": "1s" }), &[]);
    let mut door = Calls::open(&serving).await.door;
    for (call, drips) in [
        ("milvus.proto.backup.MilvusBackupService/CreateBackup", None),
        ("milvus.proto.backup.MilvusBackupService/CreateBackup", DRIPS),
        ("milvus_backup.v1.JobService/ListJobs", None),
        ("milvus_backup.v1.JobService/CancelJob", DRIPS),
        ("milvus_backup.v1.JobService/WatchJob", DRIPS),
    ] {
        // The start of a message that is longer than what ever comes of it.
        let start = stream::iter([Ok::<_, Status>(Bytes::from_static(&[0, 0, 1, 0, 0, 10]))]);
        let rest = stream::unfold((), move |()| async move {
            match drips {
                Some(time) => tokio::time::sleep(time).await,
                None => std::future::pending().await,
            }
            Some((Ok(Bytes::from_static(b"x")), ()))
        });
        let body = http_body_util::StreamBody::new(start.chain(rest).map_ok(hyper::body::Frame::data));
        let request = http::Request::post(format!("/{call}")).header("content-type", "application/grpc");
        let request = request.body(tonic::body::Body::new(body)).unwrap();
        let answer = door.ready().await.unwrap().call(request);
        let answer = tokio::time::timeout(DEADLINE, answer).await.expect("it is waited for").unwrap();
        let status = Status::from_header_map(answer.headers()).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{call}: {status:?}");
        let told = failure(&status);
        assert_eq!(told.kind, "timeout");
        assert!(told.message.ends_with("did not arrive within 1 s"), "{told:?}");
    }
}

#[tokio::test]
async fn metadata_is_as_large_as_heads_may_be() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let mut calls = Calls::open(&serving).await;
    let mut list = async |bytes: usize| {
        let mut request = Request::new(ListJobsRequest::default());
        request.metadata_mut().insert("x", "x".repeat(bytes).parse().unwrap());
        calls.jobs.list_jobs(request).await
    };
    list(64_000).await.unwrap();
    let refused = list(66_000).await.unwrap_err();
    assert_eq!((refused.code(), failure(&refused).kind.as_str()), (Code::ResourceExhausted, "too_large"));
}

#[tokio::test]
async fn health_and_reflection_tell_of_every_service() {
    const V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";
    const SERVICES: [&str; 3] = [
        "milvus.proto.backup.MilvusBackupService",
        "milvus_backup.v1.CatalogService",
        "milvus_backup.v1.JobService",
    ];
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let calls = Calls::open(&serving).await;

    let mut health = HealthClient::new(calls.door.clone());
    for service in SERVICES.into_iter().chain([""]) {
        let answer =
            health.check(HealthCheckRequest { service: service.to_owned() }).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service}");
    }
    let unknown = health.check(HealthCheckRequest { service: "x".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);

    let ask = |message_request| ServerReflectionRequest {
        host: String::new(),
        message_request: Some(message_request),
    };
    let asked = stream::iter([
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("milvus.proto.backup.MilvusBackupService".to_owned())),
        ask(MessageRequest::FileContainingSymbol("google.protobuf.Value".to_owned())),
    ]);
    let older = calls.door.clone();
    let mut reflection = ServerReflectionClient::new(calls.door);
    let mut answers = reflection.server_reflection_info(asked).await.unwrap().into_inner();
    let mut next = async || answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(list) = next().await else { panic!("not a list") };
    let names: Vec<_> = list.service.iter().map(|service| service.name.as_str()).collect();
    assert!(SERVICES.iter().all(|service| names.contains(service)), "{names:?}");
    for standard in ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", V1ALPHA] {
        assert!(names.contains(&standard), "{names:?}");
    }
    for _ in 0..2 {
        let MessageResponse::FileDescriptorResponse(file) = next().await else { panic!("not a file") };
        assert!(!file.file_descriptor_proto.is_empty());
    }

    let asked = stream::iter([v1alpha::ServerReflectionRequest {
        host: String::new(),
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::ListServices(String::new()),
        ),
    }]);
    let mut older = v1alpha::server_reflection_client::ServerReflectionClient::new(older);
    let mut answers = older.server_reflection_info(asked).await.unwrap().into_inner();
    let answer = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let v1alpha::server_reflection_response::MessageResponse::ListServicesResponse(list) = answer else {
        panic!("not a list")
    };
    assert_eq!(names, list.service.iter().map(|service| service.name.as_str()).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_watches_health_is_told_that_the_server_stops() {
    let world = World::new();
    let mut serving = world.serve(json!({}), &[]);
    let door = Calls::open(&serving).await.door;
    let ask = HealthCheckRequest { service: "milvus_backup.v1.JobService".to_owned() };
    let mut watch = HealthClient::new(door).watch(ask).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    serving.signal("TERM");
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(serving.ended().await.success());
}

#[tokio::test]
async fn what_is_no_call_or_cannot_be_read_is_told_as_the_table_says() {
    // its first field is a number, where a text is asked for
    const NUMBER: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
    const CUT_OFF: &[u8] = &[0, 0, 0, 0, 9, 8];
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let mut door = Calls::open(&serving).await.door;
    let mut call = async |path: &str, body: &'static [u8]| {
        let request = http::Request::post(path)
            .header("content-type", "application/grpc")
            .body(tonic::body::Body::new(Full::new(Bytes::from_static(body))));
        let answer = door.ready().await.unwrap().call(request.unwrap()).await.unwrap();
        Status::from_header_map(answer.headers()).unwrap()
    };
    for body in [NUMBER, CUT_OFF, b""] {
        let status = call("/milvus.proto.backup.MilvusBackupService/CreateBackup", body).await;
        let told = (status.code(), failure(&status).kind);
        assert_eq!(told, (Code::InvalidArgument, "usage".to_owned()), "{status:?}");
    }
    for path in ["/milvus.proto.backup.MilvusBackupService/Nothing", "/nothing.Nothing/Nothing"] {
        let unknown = call(path, NUMBER).await;
        assert_eq!((unknown.code(), failure(&unknown).kind.as_str()), (Code::Unimplemented, "unsupported"));
    }
}

#[tokio::test]
async fn watching_ends_at_its_deadline_and_the_job_goes_on() {
    let (_world, serving) = endless().await;
    let mut calls = Calls::open(&serving).await;
    calls.backups.create_backup(CreateBackupRequest { r#async: true, ..create("long") }).await.unwrap();
    let watch = within(Duration::from_secs(3), WatchJobRequest { id: "long".to_owned() });
    let mut watch = calls.jobs.watch_job(watch).await.unwrap().into_inner();
    let ended = loop {
        match watch.message().await {
            Ok(now) => assert!(now.is_some(), "the stream ends as if the job were over"),
            Err(status) => break status,
        }
    };
    assert_eq!((ended.code(), failure(&ended).kind.as_str()), (Code::DeadlineExceeded, "timeout"));
    let job = calls.jobs.get_job(GetJobRequest { id: "long".to_owned() }).await.unwrap().into_inner();
    assert!(!job.cancelling, "{job:?}");
}
