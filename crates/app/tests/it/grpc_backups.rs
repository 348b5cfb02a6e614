//! The calls that create, restore and delete backups, and plan that.

use api::v1::{CreateBackupRequest, DeleteBackupRequest, JobKind, JobState, RestoreBackupRequest, result};
use serde_json::json;
use tonic::{Code, Request};

use crate::grpc_client::{Calls, failure};
use crate::server_access::create_token;
use crate::serving::World;

fn create(name: &str) -> CreateBackupRequest {
    CreateBackupRequest { name: name.to_owned(), ..Default::default() }
}

fn restore(backup: &str) -> RestoreBackupRequest {
    RestoreBackupRequest { backup: backup.to_owned(), ..Default::default() }
}

fn delete(backup: &str) -> DeleteBackupRequest {
    DeleteBackupRequest { backup: backup.to_owned(), ..Default::default() }
}

#[tokio::test]
async fn backups_are_planned_created_restored_and_deleted_as_jobs() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let mut calls = Calls::connect_without_token(&serving).await;

    let request = CreateBackupRequest { filter: "books".to_owned(), ..create("nightly") };
    let plan = calls.backups.plan_backup(request.clone()).await.unwrap().into_inner();
    assert_eq!((plan.name.as_str(), plan.strategy.as_str()), ("nightly", "serial_flush"));
    assert_eq!((plan.collections.len(), plan.collections[0].name.as_str()), (1, "default.books"));
    let request = CreateBackupRequest { job_id: "first".to_owned(), ..request };
    let job = calls.backups.create_backup(request).await.unwrap().into_inner();
    assert_eq!((job.id.as_str(), job.kind(), job.backup.as_str()), ("first", JobKind::Backup, "nightly"));
    let job = calls.wait_for_end("first").await;
    assert_eq!(job.state(), JobState::Succeeded, "{job:?}");

    let request = RestoreBackupRequest { suffix: "_copy".to_owned(), ..restore("nightly") };
    let plan = calls.backups.plan_restore(request.clone()).await.unwrap().into_inner();
    let planned = &plan.collections[0];
    assert_eq!((planned.target.as_str(), planned.action.as_str()), ("default.books_copy", "create"));
    assert_eq!((planned.rows_max, planned.partitions[0].jobs.len(), plan.jobs), (5, 1, 1));
    let job = calls.backups.restore_backup(request).await.unwrap().into_inner();
    let job = calls.wait_for_end(&job.id).await;
    let Some(result::Of::Restore(result)) = job.result.unwrap().of else { panic!("not of a restore") };
    assert_eq!((result.rows, result.collections[0].target.as_str()), (5, "default.books_copy"));

    let plan = calls.backups.plan_deletion(delete("nightly")).await.unwrap().into_inner();
    assert_eq!((plan.name.as_str(), plan.state.as_str()), ("nightly", "complete"));
    let job = calls.backups.delete_backup(delete("nightly")).await.unwrap().into_inner();
    let job = calls.wait_for_end(&job.id).await;
    let Some(result::Of::Delete(result)) = job.result.unwrap().of else { panic!("not of a deletion") };
    assert_eq!((result.objects, result.bytes), (plan.objects, plan.bytes));
    let gone = calls.backups.plan_deletion(delete("nightly")).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
}

#[tokio::test]
async fn a_rejected_request_names_the_next_step_as_data() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let mut calls = Calls::connect_without_token(&serving).await;
    let first = calls.backups.create_backup(create("nightly")).await.unwrap().into_inner();
    calls.wait_for_end(&first.id).await;

    let again = calls.backups.create_backup(create("nightly")).await.unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    let advice = failure(&again).advice.unwrap();
    assert!(advice.fields.contains_key("action"), "{advice:?}");
    let exists = calls.backups.restore_backup(restore("nightly")).await.unwrap_err();
    assert_eq!(exists.code(), Code::AlreadyExists, "{exists:?}");

    let unknown = RestoreBackupRequest { existing: "burn".to_owned(), ..restore("nightly") };
    let unknown = calls.backups.plan_restore(unknown).await.unwrap_err();
    assert_eq!(unknown.code(), Code::InvalidArgument);
    assert!(unknown.message().contains("burn") && unknown.message().contains("refuse"), "{unknown:?}");
    let nameless = calls.backups.delete_backup(delete("")).await.unwrap_err();
    assert_eq!(nameless.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn a_repeated_request_with_the_same_idempotency_key_returns_the_same_job() {
    let world = World::with_books().await;
    let serving = world.serve(json!({}), &[]);
    let mut calls = Calls::connect_without_token(&serving).await;
    let with_key = || {
        let mut request = Request::new(create(""));
        request.metadata_mut().insert("idempotency-key", "tonight".parse().unwrap());
        request
    };
    let first = calls.backups.create_backup(with_key()).await.unwrap().into_inner();
    let second = calls.backups.create_backup(with_key()).await.unwrap().into_inner();
    assert_eq!((&first.id, &first.backup), (&second.id, &second.backup));
}

#[tokio::test]
async fn plans_need_the_role_to_read_and_jobs_that_to_change() {
    let world = World::with_books().await;
    let (reader, entry) = create_token("read");
    let serving = world.serve(json!({ "tokens": [entry] }), &[]);
    let mut calls = Calls::connect(&serving, 0, Some(&reader)).await;
    calls.backups.plan_backup(create("nightly")).await.unwrap();
    for refused in [
        calls.backups.create_backup(create("nightly")).await.unwrap_err(),
        calls.backups.restore_backup(restore("nightly")).await.unwrap_err(),
        calls.backups.delete_backup(delete("")).await.unwrap_err(),
    ] {
        assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    }
    let mut nobody = Calls::connect_without_token(&serving).await;
    let refused = nobody.backups.plan_backup(create("nightly")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
}
