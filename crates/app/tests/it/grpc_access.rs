//! The limits of gRPC calls: authorization, deadlines and sizes. Also the standard services: health and reflection.

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

use crate::grpc_client::{Calls, failure, request_with_deadline};
use crate::serving::{DEADLINE, Serving, World};

fn create(id: &str) -> CreateBackupRequest {
    CreateBackupRequest { request_id: id.to_owned(), backup_name: "nightly".to_owned(), ..Default::default() }
}

fn token(name: &str, role: &str) -> String {
    let hash = Sha256::digest(name).iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    format!("{name}:{role}:sha256:{hash}")
}

#[tokio::test]
async fn calls_need_a_role() {
    let world = World::with_books().await;
    let serving = world.serve(json!({ "tokens": [token("reader", "read"), token("maker", "backup")] }), &[]);

    let mut nobody = Calls::connect_without_token(&serving).await;
    let refused = nobody.go_service.get_backup(GetBackupRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    let refused = nobody.jobs.list_jobs(ListJobsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    HealthClient::new(nobody.channel).check(HealthCheckRequest::default()).await.unwrap();

    let mut wrong = Calls::connect(&serving, 0, Some("wrong")).await;
    let refused = wrong.catalog.list_backups(ListBackupsRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);

    let mut reader = Calls::connect(&serving, 0, Some("reader")).await;
    reader.go_service.check(CheckRequest {}).await.unwrap();
    reader.catalog.list_backups(ListBackupsRequest::default()).await.unwrap();
    let refused = reader.go_service.create_backup(create("r")).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);

    let mut maker = Calls::connect(&serving, 0, Some("maker")).await;
    maker.go_service.create_backup(create("m")).await.unwrap();
    let job = reader.jobs.get_job(GetJobRequest { id: "m".to_owned() }).await.unwrap().into_inner();
    assert_eq!(job.by, "maker");
}

#[tokio::test]
async fn grpc_can_have_its_own_listener() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &["--grpc-listen", "127.0.0.1:0"]);
    let mut calls = Calls::connect(&serving, 1, None).await;
    calls.go_service.create_backup(create("first")).await.unwrap();
    serving.get("/api/v2/jobs/first").await.has_status(200);
    let on_rest = Calls::connect_without_token(&serving)
        .await
        .go_service
        .create_backup(create("second"))
        .await
        .unwrap_err();
    assert_eq!(on_rest.code(), Code::Unimplemented);
}

/// Starts a server over a Milvus on which no backup ends.
async fn serve_endless_backups() -> (World, Serving) {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    world.fake.inject(Fault::Hangs { call: "Flush" });
    (world, serving)
}

#[tokio::test]
async fn a_job_is_cancelled_when_the_deadline_of_its_call_passes() {
    let (_world, serving) = serve_endless_backups().await;
    let mut calls = Calls::connect_without_token(&serving).await;
    let late = calls
        .go_service
        .create_backup(request_with_deadline(Duration::from_secs(2), create("late")))
        .await
        .unwrap_err();
    assert!(matches!(late.code(), Code::DeadlineExceeded | Code::Cancelled), "{late:?}");
    assert_eq!(calls.wait_for_end("late").await.state(), JobState::Cancelled);
}

#[tokio::test]
async fn a_job_is_cancelled_when_its_caller_disconnects() {
    let (_world, serving) = serve_endless_backups().await;
    let mut calls = Calls::connect_without_token(&serving).await;
    let mut leaving = Calls::connect_without_token(&serving).await;
    let left = tokio::spawn(async move { leaving.go_service.create_backup(create("left")).await });
    serving.logs("left").await;
    calls.wait_for_state("left", JobState::Running).await;
    left.abort();
    assert_eq!(calls.wait_for_end("left").await.state(), JobState::Cancelled);
}

#[tokio::test]
async fn a_job_with_an_idempotency_key_continues_without_its_caller() {
    let (_world, serving) = serve_endless_backups().await;
    let mut calls = Calls::connect_without_token(&serving).await;
    let mut request = request_with_deadline(Duration::from_secs(2), create("goes_on"));
    request.metadata_mut().insert("idempotency-key", "key".parse().unwrap());
    calls.go_service.create_backup(request).await.unwrap_err();
    let job = calls.jobs.get_job(GetJobRequest { id: "goes_on".to_owned() }).await.unwrap().into_inner();
    assert!(job.state() == JobState::Running && !job.cancelling, "{job:?}");

    let mut again = Request::new(CreateBackupRequest { r#async: true, ..create("goes_on") });
    again.metadata_mut().insert("idempotency-key", "key".parse().unwrap());
    let same = calls.go_service.create_backup(again).await.unwrap().into_inner();
    assert_eq!(same.data.unwrap().id, "goes_on");
}

#[tokio::test]
async fn the_body_limit_applies_to_messages() {
    let world = World::with_books().await;
    let serving = world.serve(json!({ "max_body": "1MiB" }), &[]);
    let mut calls = Calls::connect_without_token(&serving).await;
    let large = |bytes: usize| CreateBackupRequest { gc_pause_address: "x".repeat(bytes), ..create("large") };
    let refused = calls.go_service.create_backup(large(2 << 20)).await.unwrap_err();
    assert_eq!((refused.code(), failure(&refused).kind.as_str()), (Code::ResourceExhausted, "too_large"));
    calls.go_service.create_backup(large(1 << 19)).await.unwrap();
}

#[tokio::test]
async fn a_message_that_is_missing_or_arrives_slowly_times_out() {
    const DRIPS: Option<Duration> = Some(Duration::from_millis(100));
    let world = World::new();
    let serving = world.serve(json!({ "body_timeout": "1s" }), &[]);
    let mut channel = Calls::connect_without_token(&serving).await.channel;
    for (call, drips) in [
        ("milvus.proto.backup.MilvusBackupService/CreateBackup", None),
        ("milvus.proto.backup.MilvusBackupService/CreateBackup", DRIPS),
        ("milvus_backup.v1.JobService/ListJobs", None),
        ("milvus_backup.v1.JobService/CancelJob", DRIPS),
        ("milvus_backup.v1.JobService/WatchJob", DRIPS),
    ] {
        // The header of a message that never arrives completely.
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
        let answer = channel.ready().await.unwrap().call(request);
        let answer = tokio::time::timeout(DEADLINE, answer)
            .await
            .expect("a message that never arrives is awaited")
            .unwrap();
        let status = Status::from_header_map(answer.headers()).unwrap();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{call}: {status:?}");
        let stderr = failure(&status);
        assert_eq!(stderr.kind, "timeout");
        assert!(stderr.message.ends_with("did not arrive within 1 s"), "{stderr:?}");
    }
}

#[tokio::test]
async fn the_header_limit_applies_to_metadata() {
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let mut calls = Calls::connect_without_token(&serving).await;
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
async fn health_and_reflection_know_every_service() {
    const V1ALPHA: &str = "grpc.reflection.v1alpha.ServerReflection";
    const SERVICES: [&str; 4] = [
        "milvus.proto.backup.MilvusBackupService",
        "milvus_backup.v1.BackupService",
        "milvus_backup.v1.CatalogService",
        "milvus_backup.v1.JobService",
    ];
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let calls = Calls::connect_without_token(&serving).await;

    let mut health = HealthClient::new(calls.channel.clone());
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
    let older = calls.channel.clone();
    let mut reflection = ServerReflectionClient::new(calls.channel);
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
async fn watchers_of_health_are_notified_when_the_server_stops() {
    let world = World::new();
    let mut serving = world.serve(json!({}), &[]);
    let channel = Calls::connect_without_token(&serving).await.channel;
    let ask = HealthCheckRequest { service: "milvus_backup.v1.JobService".to_owned() };
    let mut watch = HealthClient::new(channel).watch(ask).await.unwrap().into_inner();
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    serving.signal("TERM");
    assert_eq!(watch.message().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    assert!(serving.wait_for_end().await.success());
}

#[tokio::test]
async fn unknown_calls_and_unreadable_messages_have_the_status_of_their_kind() {
    // A message whose first field is a number instead of a text.
    const NUMBER: &[u8] = &[0, 0, 0, 0, 2, 8, 1];
    const CUT_OFF: &[u8] = &[0, 0, 0, 0, 9, 8];
    let world = World::new();
    let serving = world.serve(json!({}), &[]);
    let mut channel = Calls::connect_without_token(&serving).await.channel;
    let mut call = async |path: &str, body: &'static [u8]| {
        let request = http::Request::post(path)
            .header("content-type", "application/grpc")
            .body(tonic::body::Body::new(Full::new(Bytes::from_static(body))));
        let answer = channel.ready().await.unwrap().call(request.unwrap()).await.unwrap();
        Status::from_header_map(answer.headers()).unwrap()
    };
    for body in [NUMBER, CUT_OFF, b""] {
        let status = call("/milvus.proto.backup.MilvusBackupService/CreateBackup", body).await;
        let stderr = (status.code(), failure(&status).kind);
        assert_eq!(stderr, (Code::InvalidArgument, "usage".to_owned()), "{status:?}");
    }
    for path in ["/milvus.proto.backup.MilvusBackupService/Nothing", "/nothing.Nothing/Nothing"] {
        let unknown = call(path, NUMBER).await;
        assert_eq!((unknown.code(), failure(&unknown).kind.as_str()), (Code::Unimplemented, "unsupported"));
    }
}

#[tokio::test]
async fn a_watch_ends_at_its_deadline_and_the_job_continues() {
    let (_world, serving) = serve_endless_backups().await;
    let mut calls = Calls::connect_without_token(&serving).await;
    calls.go_service.create_backup(CreateBackupRequest { r#async: true, ..create("long") }).await.unwrap();
    let watch = request_with_deadline(Duration::from_secs(3), WatchJobRequest { id: "long".to_owned() });
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
