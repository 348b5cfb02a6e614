//! Permissions: every route and every call without credentials, with unknown credentials, and with each role.

use std::collections::BTreeSet;

use api::backup::{
    CheckRequest, CreateBackupRequest, DeleteBackupRequest, GetBackupRequest, GetRestoreStateRequest,
    ListBackupsRequest, RestoreBackupRequest,
};
use api::v1::{self, CancelJobRequest, GetJobRequest, ListJobsRequest, ListSegmentsRequest, WatchJobRequest};
use prost::Message;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::serving::{DEADLINE, Serving, World};

/// The roles, from the fewest to the most permissions.
const ROLES: [&str; 4] = ["read", "backup", "restore", "admin"];

/// A caller: its authorization header and its role.
struct Caller {
    header: Option<String>,
    /// The index in [`ROLES`]; `None` if the credentials are missing or unknown.
    role: Option<usize>,
}

/// Returns callers without credentials, with unknown credentials of both schemes, and with each role; also the
/// configuration of their tokens.
fn create_callers() -> (Vec<Caller>, Value) {
    let unknown = |header: &str| Caller { header: Some(header.to_owned()), role: None };
    let mut callers = vec![
        Caller { header: None, role: None },
        unknown("Bearer read"),
        unknown("Basic cmVhZDpyZWFk"),
        unknown("nothing readable"),
    ];
    let mut items = Vec::new();
    for (index, role) in ROLES.into_iter().enumerate() {
        let (token, item) = crate::server_access::create_token(role);
        callers.push(Caller { header: Some(format!("Bearer {token}")), role: Some(index) });
        items.push(item);
    }
    (callers, json!({ "tokens": items, "requests_per_second": 0 }))
}

/// Every described route: the method, the path, the body, and the required role, if any.
const ROUTES: &[(&str, &str, &str, Option<&str>)] = &[
    ("get", "/api/v1/hello", "", None),
    ("get", "/api/v1/check", "", Some("read")),
    ("post", "/api/v1/create", r#"{"backup_name":"made"}"#, Some("backup")),
    ("get", "/api/v1/list", "", Some("read")),
    ("get", "/api/v1/get_backup?backup_name=made", "", Some("read")),
    ("delete", "/api/v1/delete?backup_name=none", "", Some("admin")),
    ("post", "/api/v1/restore", r#"{"backup_name":"none"}"#, Some("restore")),
    ("post", "/api/v1/restore_secondary", r#"{"backup_name":"none"}"#, Some("read")),
    ("get", "/api/v1/get_restore?id=none", "", Some("read")),
    ("get", "/api/v2/backups", "", Some("read")),
    ("post", "/api/v2/backups", r#"{"name":"made"}"#, Some("backup")),
    ("get", "/api/v2/backups/{name}", "", Some("read")),
    ("delete", "/api/v2/backups/{name}", "", Some("admin")),
    ("get", "/api/v2/backups/{name}/inspect", "", Some("restore")),
    ("get", "/api/v2/backups/{name}/plan", "", Some("read")),
    ("post", "/api/v2/backups/{name}/plan", "{}", Some("read")),
    ("post", "/api/v2/restores", r#"{"backup":"none"}"#, Some("restore")),
    ("get", "/api/v2/restores", "", Some("read")),
    ("get", "/api/v2/jobs", "", Some("read")),
    ("get", "/api/v2/jobs/{id}", "", Some("read")),
    ("get", "/api/v2/jobs/{id}/events", "", Some("read")),
    ("post", "/api/v2/jobs/{id}:cancel", "", Some("backup")),
    ("get", "/api/v2/check", "", Some("read")),
];

/// The routes that are not in a description.
const UNDESCRIBED_ROUTES: &[(&str, &str, &str, Option<&str>)] = &[
    ("get", "/", "", None),
    ("get", "/healthz", "", None),
    ("get", "/readyz", "", None),
    ("get", "/metrics", "", Some("read")),
    ("get", "/api/v1/docs/", "", None),
    ("get", "/api/v1/docs/doc.json", "", None),
    ("get", "/api/v2/openapi.json", "", None),
    ("get", "/nothing/here", "", Some("read")),
];

#[tokio::test]
async fn every_route_requires_its_role() {
    let (callers, settings) = create_callers();
    let world = World::with_books().await;
    let serving = world.serve(settings, &[]);
    let admin = callers.last().unwrap().header.clone().unwrap();
    let first = serving.request(Method::POST, "/api/v1/create").header("authorization", &admin);
    let first = first.header("request_id", "made").body(r#"{"backup_name":"first"}"#).send().await.unwrap();
    assert_eq!(first.status(), 200);

    let template = |path: &str| path.split('?').next().unwrap().to_owned();
    let listed: BTreeSet<_> =
        ROUTES.iter().map(|(method, path, ..)| ((*method).to_owned(), template(path))).collect();
    assert_eq!(listed, described_routes(&serving).await, "a route without a line here");

    for (method, path, body, needed) in ROUTES.iter().chain(UNDESCRIBED_ROUTES) {
        let path = path.replace("{name}", "none").replace("{id}", "made");
        let needed = needed.map(|role| ROLES.iter().position(|known| *known == role).unwrap());
        for caller in &callers {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let mut request = serving.request(method.clone(), &path).body((*body).to_owned());
            request = request.header("content-type", "application/json");
            if let Some(header) = &caller.header {
                request = request.header("authorization", header);
            }
            let status = request.send().await.unwrap().status().as_u16();
            let expected = match (needed, caller.role) {
                (Some(_), None) => Some(401),
                (Some(needed), Some(role)) if role < needed => Some(403),
                _ => None,
            };
            let who = caller.role.map_or("a stranger", |role| ROLES[role]);
            match expected {
                Some(expected) => assert_eq!(status, expected, "{method} {path} by {who}"),
                None => assert!(status != 401 && status != 403, "{method} {path} by {who}: {status}"),
            }
        }
        // The content type of gRPC does not turn a REST route into a call.
        let request = serving.request(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), &path);
        let reply = request.header("content-type", "application/grpc").send().await.unwrap();
        let grpc = reply.headers().contains_key("grpc-status");
        assert_eq!(grpc, path.starts_with("/nothing"), "{method} {path}: {reply:?}");
        assert!(grpc || needed.is_none() || reply.status() == 401, "{method} {path}: {reply:?}");
    }
}

/// Returns the methods and paths of both descriptions.
async fn described_routes(serving: &Serving) -> BTreeSet<(String, String)> {
    let mut all = BTreeSet::new();
    for document in ["/api/v1/docs/doc.json", "/api/v2/openapi.json"] {
        let document = serving.get(document).await.has_status(200).json();
        for (path, operations) in document["paths"].as_object().unwrap() {
            all.extend(operations.as_object().unwrap().keys().map(|method| (method.clone(), path.clone())));
        }
    }
    all
}

/// Returns every call: its path, a request, and the required role.
fn all_calls() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let name = || "none".to_owned();
    let id = || "made".to_owned();
    let create =
        CreateBackupRequest { request_id: id(), backup_name: "first".to_owned(), ..Default::default() };
    let restore = RestoreBackupRequest { backup_name: name(), ..Default::default() };
    let delete = DeleteBackupRequest { backup_name: name(), ..Default::default() };
    let get = GetBackupRequest { backup_name: name(), ..Default::default() };
    let state = GetRestoreStateRequest { id: id(), ..Default::default() };
    let segments = ListSegmentsRequest { backup: name(), ..Default::default() };
    let new_backup =
        v1::CreateBackupRequest { name: "second".to_owned(), ..Default::default() }.encode_to_vec();
    let new_restore = v1::RestoreBackupRequest { backup: name(), ..Default::default() }.encode_to_vec();
    let deletion = v1::DeleteBackupRequest { backup: name(), ..Default::default() }.encode_to_vec();
    vec![
        ("milvus_backup.v1.BackupService/PlanBackup", new_backup.clone(), "read"),
        ("milvus_backup.v1.BackupService/PlanRestore", new_restore.clone(), "read"),
        ("milvus_backup.v1.BackupService/PlanDeletion", deletion.clone(), "read"),
        ("milvus_backup.v1.BackupService/CreateBackup", new_backup, "backup"),
        ("milvus_backup.v1.BackupService/RestoreBackup", new_restore, "restore"),
        ("milvus_backup.v1.BackupService/DeleteBackup", deletion, "admin"),
        ("milvus.proto.backup.MilvusBackupService/CreateBackup", create.encode_to_vec(), "backup"),
        ("milvus.proto.backup.MilvusBackupService/GetBackup", get.encode_to_vec(), "read"),
        (
            "milvus.proto.backup.MilvusBackupService/ListBackups",
            ListBackupsRequest::default().encode_to_vec(),
            "read",
        ),
        ("milvus.proto.backup.MilvusBackupService/DeleteBackup", delete.encode_to_vec(), "admin"),
        ("milvus.proto.backup.MilvusBackupService/RestoreBackup", restore.encode_to_vec(), "restore"),
        ("milvus.proto.backup.MilvusBackupService/GetRestore", state.encode_to_vec(), "read"),
        ("milvus.proto.backup.MilvusBackupService/Check", CheckRequest {}.encode_to_vec(), "read"),
        ("milvus_backup.v1.JobService/GetJob", GetJobRequest { id: id() }.encode_to_vec(), "read"),
        ("milvus_backup.v1.JobService/ListJobs", ListJobsRequest::default().encode_to_vec(), "read"),
        ("milvus_backup.v1.JobService/WatchJob", WatchJobRequest { id: id() }.encode_to_vec(), "read"),
        ("milvus_backup.v1.JobService/CancelJob", CancelJobRequest { id: id() }.encode_to_vec(), "backup"),
        ("milvus_backup.v1.CatalogService/ListBackups", Vec::new(), "read"),
        ("milvus_backup.v1.CatalogService/ListSegments", segments.encode_to_vec(), "read"),
        ("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", Vec::new(), "read"),
        ("grpc.reflection.v1.Nothing/Here", Vec::new(), "read"),
    ]
}

/// Returns the calls in the descriptors of our own services.
fn described_calls() -> BTreeSet<String> {
    let files = prost_types::FileDescriptorSet::decode(api::DESCRIPTORS).unwrap().file;
    let ours = files.iter().filter(|file| !file.package().starts_with("google."));
    ours.flat_map(|file| file.service.iter().map(move |service| (file.package(), service)))
        .flat_map(|(package, service)| {
            service.method.iter().map(move |method| format!("{package}.{}/{}", service.name(), method.name()))
        })
        .collect()
}

#[tokio::test]
async fn every_call_requires_its_role() {
    let (callers, settings) = create_callers();
    let world = World::with_books().await;
    let serving = world.serve(settings, &[]);
    let calls = all_calls();
    let listed: BTreeSet<_> = calls.iter().map(|(call, ..)| (*call).to_owned()).collect();
    let missing: Vec<_> = described_calls().into_iter().filter(|call| !listed.contains(call)).collect();
    assert!(missing.is_empty(), "calls without a line here: {missing:?}");

    let client = Client::builder().http2_prior_knowledge().timeout(DEADLINE).no_proxy().build().unwrap();
    for (call, message, needed) in calls {
        let needed = ROLES.iter().position(|known| *known == needed).unwrap();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let frame = [&[0][..], &length, &message].concat();
        for caller in &callers {
            let mut request = client.post(serving.url(&format!("/{call}"))).body(frame.clone());
            request = request.header("content-type", "application/grpc").header("te", "trailers");
            if let Some(header) = &caller.header {
                request = request.header("authorization", header);
            }
            let response = request.send().await.unwrap();
            // The status of a successful call is in the trailers, after the messages.
            let status = response.headers().get("grpc-status").map_or("", |status| status.to_str().unwrap());
            let who = caller.role.map_or("a stranger", |role| ROLES[role]);
            match caller.role {
                None => assert_eq!(status, "16", "{call} by {who}"),
                Some(role) if role < needed => assert_eq!(status, "7", "{call} by {who}"),
                Some(_) => assert!(status != "16" && status != "7", "{call} by {who}: {status}"),
            }
        }
    }

    // Errors of a request are explained to authorised callers only.
    let reader = callers.iter().find(|caller| caller.role == Some(0)).unwrap().header.clone().unwrap();
    let bad_name = CreateBackupRequest { backup_name: "../x".to_owned(), ..Default::default() };
    for (call, message) in [
        ("milvus.proto.backup.MilvusBackupService/CreateBackup", bad_name.encode_to_vec()),
        ("milvus.proto.backup.MilvusBackupService/RestoreBackup", Vec::new()),
        ("milvus.proto.backup.MilvusBackupService/DeleteBackup", Vec::new()),
        ("milvus_backup.v1.JobService/CancelJob", Vec::new()),
    ] {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let request =
            client.post(serving.url(&format!("/{call}"))).body([&[0][..], &length, &message].concat());
        let request = request.header("content-type", "application/grpc").header("authorization", &reader);
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["grpc-status"], "7", "{call}: {response:?}");
    }
    serving.logs(r#"who="read" role="read" action="backup" subject="../x" result="forbidden""#).await;
}

#[tokio::test]
async fn errors_of_a_change_are_explained_to_authorised_callers_only() {
    let (callers, settings) = create_callers();
    let world = World::with_books().await;
    let serving = world.serve(settings, &[]);
    let ask = async |role: usize, method: Method, path: &str, body: &str| {
        let header = callers.iter().find(|caller| caller.role == Some(role)).unwrap().header.clone().unwrap();
        let request = serving.request(method, &format!("/api/v2{path}")).header("authorization", header);
        let request = request.header("content-type", "application/json").body(body.to_owned());
        request.send().await.unwrap().status().as_u16()
    };
    for (path, needed) in [("/backups", 1), ("/restores", 2)] {
        for body in ["{bad", "", r#"{"x":1}"#, "[]", r#"{"name":"../x"}"#, r#"{"backup":"../x"}"#] {
            for (role, name) in ROLES.iter().enumerate() {
                let expected = if role < needed { 403 } else { 400 };
                let status = ask(role, Method::POST, path, body).await;
                assert_eq!(status, expected, "{path} {body} by {name}");
            }
        }
    }
    assert_eq!(ask(0, Method::POST, "/backups", r#"{"dry_run":true}"#).await, 200, "a plan changes nothing");
    assert_eq!(ask(0, Method::POST, "/backups", r#"{"name":"../x","dry_run":true}"#).await, 400);
    assert_eq!(ask(2, Method::DELETE, "/backups/..%2Fx", "").await, 403);
    assert_eq!(ask(3, Method::DELETE, "/backups/..%2Fx", "").await, 400);
    assert_eq!(ask(0, Method::POST, "/jobs/none:cancel", "").await, 403);
    assert_eq!(ask(1, Method::POST, "/jobs/none:cancel", "").await, 404);
}
