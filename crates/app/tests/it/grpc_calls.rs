//! The calls of the service of release 0.4.15 and of the service for jobs.

use api::backup::{
    BackupTaskStateCode, CheckRequest, CreateBackupRequest, DeleteBackupRequest, GetBackupRequest,
    GetRestoreStateRequest, ListBackupsRequest, ResponseCode, RestoreBackupRequest, RestoreTaskStateCode,
};
use api::v1::{CancelJobRequest, GetJobRequest, JobKind, JobState, ListJobsRequest, result};
use serde_json::json;
use testkit::fake::Fault;
use tonic::Code;

use crate::grpc_client::{Calls, failure};
use crate::serving::World;

fn create(name: &str) -> CreateBackupRequest {
    CreateBackupRequest { backup_name: name.to_owned(), ..Default::default() }
}

fn get(name: &str) -> GetBackupRequest {
    GetBackupRequest { backup_name: name.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn a_backup_is_created_shown_listed_restored_and_deleted() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let mut calls = Calls::connect_without_token(&serving).await;

    let request = CreateBackupRequest {
        request_id: "first".to_owned(),
        collection_names: vec!["books".to_owned()],
        ..create("nightly")
    };
    let made = calls.go_service.create_backup(request).await.unwrap().into_inner();
    assert_eq!(
        (made.request_id.as_str(), made.code(), made.msg.as_str()),
        ("first", ResponseCode::Success, "success")
    );
    let info = made.data.unwrap();
    assert_eq!((info.id.as_str(), info.name.as_str()), ("first", "nightly"));
    assert_eq!((info.state_code(), info.progress), (BackupTaskStateCode::BackupSuccess, 100));
    assert!(info.start_time > 1_700_000_000_000 && info.end_time >= info.start_time, "{info:?}");

    for request in [get("nightly"), GetBackupRequest { backup_id: "first".to_owned(), ..Default::default() }]
    {
        let info = calls.go_service.get_backup(request).await.unwrap().into_inner().data.unwrap();
        let books = &info.collection_backups[0];
        assert_eq!(
            (info.id.as_str(), books.db_name.as_str(), books.collection_name.as_str()),
            ("first", "default", "books")
        );
        let segment = &books.partition_backups[0].segment_backups[0];
        assert_eq!((segment.num_of_rows, books.schema.as_ref().unwrap().fields.len()), (5, 2));
        let file = &segment.binlogs[0].binlogs[0];
        assert!(
            file.log_path.contains("/insert_log/") && file.log_path.ends_with(&format!("/{}", file.log_id)),
            "{file:?}"
        );
    }
    let brief = GetBackupRequest { without_detail: true, ..get("nightly") };
    let brief = calls.go_service.get_backup(brief).await.unwrap().into_inner().data.unwrap();
    assert!(brief.collection_backups[0].partition_backups.is_empty());

    for (collection, found) in [("", 1), ("books", 1), ("tags", 0)] {
        let request = ListBackupsRequest { collection_name: collection.to_owned(), ..Default::default() };
        let list = calls.go_service.list_backups(request).await.unwrap().into_inner();
        assert_eq!(list.data.len(), found, "{collection:?}");
    }

    let request = RestoreBackupRequest {
        backup_name: "nightly".to_owned(),
        collection_suffix: "_copy".to_owned(),
        id: "second".to_owned(),
        ..Default::default()
    };
    let restored = calls.go_service.restore_backup(request).await.unwrap().into_inner().data.unwrap();
    let state = GetRestoreStateRequest { id: "second".to_owned(), ..Default::default() };
    let state = calls.go_service.get_restore(state).await.unwrap().into_inner().data.unwrap();
    assert_eq!(restored, state);
    assert_eq!((state.state_code(), state.progress), (RestoreTaskStateCode::Success, 100));
    let task = &state.collection_restore_tasks[0];
    assert_eq!(
        (task.target_db_name.as_str(), task.target_collection_name.as_str()),
        ("default", "books_copy")
    );
    assert!(!task.restore_index, "indexes are made only where asked for");
    let job = calls.jobs.get_job(GetJobRequest { id: "second".to_owned() }).await.unwrap().into_inner();
    let Some(result::Of::Restore(result)) = job.result.unwrap().of else { panic!("not of a restore") };
    assert_eq!((result.rows, result.collections[0].target.as_str()), (5, "default.books_copy"));
    let list = calls.jobs.list_jobs(ListJobsRequest::default()).await.unwrap().into_inner().jobs;
    let listed: Vec<_> =
        list.iter().map(|job| (job.id.as_str(), job.progress.as_ref().unwrap().percent)).collect();
    assert_eq!(listed, [("second", 100), ("first", 100)]);

    let delete = DeleteBackupRequest { backup_name: "nightly".to_owned(), ..Default::default() };
    assert_eq!(
        calls.go_service.delete_backup(delete).await.unwrap().into_inner().code(),
        ResponseCode::Success
    );
    assert_eq!(calls.go_service.get_backup(get("nightly")).await.unwrap_err().code(), Code::NotFound);

    let check = calls.go_service.check(CheckRequest {}).await.unwrap().into_inner();
    assert!(check.code() == ResponseCode::Success && check.msg.contains("backup storage"), "{check:?}");
}

#[tokio::test]
async fn a_failed_call_has_the_status_of_its_kind_and_the_failure_as_detail() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let mut calls = Calls::connect_without_token(&serving).await;
    calls.go_service.create_backup(create("nightly")).await.unwrap();

    let again = calls.go_service.create_backup(create("nightly")).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    let stderr = failure(&again);
    assert_eq!(stderr.kind, "already_exists");
    assert!(
        !stderr.hint.is_empty() && again.message().ends_with(&format!("\nhint: {}", stderr.hint)),
        "{again:?}"
    );

    let mut create_fails = async |request: CreateBackupRequest, code: Code, kind: &str| {
        let status = calls.go_service.create_backup(request).await.unwrap_err();
        assert_eq!((status.code(), failure(&status).kind.as_str()), (code, kind), "{status:?}");
    };
    create_fails(create("../x"), Code::InvalidArgument, "usage").await;
    let extra = CreateBackupRequest { with_index_extra: true, ..create("b") };
    create_fails(extra, Code::Unimplemented, "unsupported").await;
    create_fails(CreateBackupRequest { rbac: true, ..create("b") }, Code::InvalidArgument, "usage").await;
    let nothing = CreateBackupRequest { collection_names: vec!["nothing".to_owned()], ..create("b") };
    create_fails(nothing, Code::NotFound, "not_found").await;
    let elsewhere = CreateBackupRequest { backup_root_path: "/etc".to_owned(), ..create("b") };
    create_fails(elsewhere, Code::PermissionDenied, "forbidden").await;

    let restore = RestoreBackupRequest { backup_name: "nightly".to_owned(), ..Default::default() };
    assert_eq!(calls.go_service.restore_backup(restore).await.unwrap_err().code(), Code::AlreadyExists);
    let missing = RestoreBackupRequest { backup_name: "missing".to_owned(), ..Default::default() };
    assert_eq!(calls.go_service.restore_backup(missing).await.unwrap_err().code(), Code::NotFound);
    let nameless = calls.go_service.get_backup(GetBackupRequest::default()).await.unwrap_err();
    assert_eq!(nameless.code(), Code::InvalidArgument);
    let unknown = GetRestoreStateRequest { id: "x".to_owned(), ..Default::default() };
    assert_eq!(calls.go_service.get_restore(unknown).await.unwrap_err().code(), Code::NotFound);
    let no_id = calls.jobs.get_job(GetJobRequest::default()).await.unwrap_err();
    assert_eq!(no_id.code(), Code::InvalidArgument);
    let no_kind = ListJobsRequest { kinds: vec![99], ..Default::default() };
    assert_eq!(calls.jobs.list_jobs(no_kind).await.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn an_asynchronous_call_creates_a_job_that_can_be_watched_listed_and_cancelled() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let mut calls = Calls::connect_without_token(&serving).await;
    world.fake.inject(Fault::Hangs { call: "Flush" });

    let request = CreateBackupRequest { r#async: true, ..create("nightly") };
    let accepted = calls.go_service.create_backup(request).await.unwrap().into_inner();
    let id = accepted.data.unwrap().id;
    assert_eq!(accepted.request_id, id);
    calls.wait_for_state(&id, JobState::Running).await;
    let running = calls.go_service.get_backup(get("nightly")).await.unwrap().into_inner().data.unwrap();
    assert_eq!(
        (running.id.as_str(), running.state_code()),
        (id.as_str(), BackupTaskStateCode::BackupExecuting)
    );

    let same = CreateBackupRequest { r#async: true, ..create("nightly") };
    assert_eq!(calls.go_service.create_backup(same).await.unwrap_err().code(), Code::Aborted);

    let restores = ListJobsRequest { kinds: vec![JobKind::Restore.into()], ..Default::default() };
    assert!(calls.jobs.list_jobs(restores).await.unwrap().into_inner().jobs.is_empty());
    let running = ListJobsRequest { states: vec![JobState::Running.into()], ..Default::default() };
    let running = calls.jobs.list_jobs(running).await.unwrap().into_inner();
    assert_eq!((running.jobs[0].id.as_str(), running.next_page_token.as_str()), (id.as_str(), ""));

    calls.jobs.cancel_job(CancelJobRequest { id: id.clone() }).await.unwrap();
    let over = calls.wait_for_end(&id).await;
    assert_eq!(over.state(), JobState::Cancelled);
    assert_eq!(over.failure.unwrap().kind, "interrupted");
    let late = calls.jobs.cancel_job(CancelJobRequest { id }).await.unwrap_err();
    assert_eq!(late.code(), Code::Aborted);
    let unknown = calls.jobs.cancel_job(CancelJobRequest { id: "x".to_owned() }).await.unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
}
