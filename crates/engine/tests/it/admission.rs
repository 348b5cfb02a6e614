//! Admission: the jobs that are rejected before they are queued, and the claims of the others (simulated Milvus).

use std::fs;

use engine::{
    Admission, CheckPurpose, Claim, DeleteRequest, Error, FailureKind, JobCtx, L0CompactionRequest, now_ms,
};
use model::mapping::Mapping;
use model::plan::backup::BackupRequest;
use model::plan::restore::{ExistingTargetPolicy, RestoreOptions, RestoreRequest};
use model::selection::Selection;
use serde_json::json;

use crate::disk;
use crate::samples::collection;
use crate::world::{
    World, backup_request, restore_copy_request, restore_options, restore_request, within_deadline,
};

async fn admit_backup(world: &World, request: &BackupRequest) -> Result<Admission, Error> {
    within_deadline(world.engine().admit_backup(request, &JobCtx::detached())).await
}

async fn admit_restore(world: &World, request: &RestoreRequest) -> Result<Admission, Error> {
    within_deadline(world.engine().admit_restore(request, &JobCtx::detached())).await
}

async fn admit_delete(world: &World, request: &DeleteRequest) -> Result<Admission, Error> {
    within_deadline(world.engine().admit_delete(request, &JobCtx::detached())).await
}

fn rejection_kind(admitted: Result<Admission, Error>) -> FailureKind {
    admitted.unwrap_err().kind()
}

fn delete_request(name: &str) -> DeleteRequest {
    DeleteRequest { name: name.parse().unwrap(), force: false }
}

fn backup_claim(world: &World, name: &str) -> Claim {
    Claim::Backup(format!("{}/", world.backup_path(name).display()))
}

#[tokio::test]
async fn a_backup_claims_its_location_and_changes_nothing() {
    let world = World::with_books().await;
    let admission = admit_backup(&world, &backup_request("nightly")).await.unwrap();
    assert_eq!(admission.server.as_deref(), Some("v2.3.6"));
    assert_eq!(admission.writes, [backup_claim(&world, "nightly")]);
    assert_eq!((admission.reads, admission.targets), (vec![], vec![]));
    assert_eq!(world.count_calls("Flush"), 0);
    assert!(!world.backup_path("").exists());
}

#[tokio::test]
async fn a_backup_that_is_certain_to_fail_is_rejected() {
    let mut world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    disk::write_file(&world.backup_path("letters/one.txt"), "not yours");
    assert_eq!(
        rejection_kind(admit_backup(&world, &backup_request("nightly")).await),
        FailureKind::AlreadyExists
    );
    assert_eq!(
        rejection_kind(admit_backup(&world, &backup_request("letters")).await),
        FailureKind::AlreadyExists
    );
    let nothing =
        BackupRequest { selection: Selection::from_filter("films").unwrap(), ..backup_request("second") };
    assert_eq!(rejection_kind(admit_backup(&world, &nothing).await), FailureKind::NotFound);
    // Port 1 (tcpmux) has no listener.
    world.config.milvus.port = 1;
    world.config.milvus.limits.outage = std::time::Duration::from_millis(1);
    assert_eq!(
        rejection_kind(admit_backup(&world, &backup_request("second")).await),
        FailureKind::Unreachable
    );
}

#[tokio::test]
async fn a_restore_claims_its_targets_and_reads_its_backup() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let admission = admit_restore(&world, &restore_copy_request("nightly")).await.unwrap();
    let targets = ["books", "tags"].map(|name| (collection(name), collection(&format!("{name}_copy"))));
    assert_eq!(admission.targets, targets);
    assert_eq!(admission.writes, targets.map(|(_, target)| Claim::Collection(target)));
    assert_eq!(admission.reads, [backup_claim(&world, "nightly")]);
    assert_eq!(admission.server.as_deref(), Some("v2.3.6"));
    assert_eq!(world.collection_names("default").await, ["books", "tags"]);
}

#[tokio::test]
async fn a_restore_that_is_certain_to_fail_is_rejected() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    disk::write_file(&world.backup_path("half/meta/collection_meta.json"), "{}");
    let drop = RestoreRequest {
        options: RestoreOptions { existing: ExistingTargetPolicy::Drop, ..restore_options() },
        ..restore_request("nightly")
    };
    assert!(admit_restore(&world, &drop).await.is_ok());
    let gone = Mapping::new(Some("films:films_2"), None).unwrap();
    for (request, kind) in [
        (restore_copy_request("weekly"), FailureKind::NotFound),
        (restore_copy_request("half"), FailureKind::Damaged),
        (restore_request("nightly"), FailureKind::AlreadyExists),
        (
            RestoreRequest {
                selection: Selection::from_filter("films").unwrap(),
                ..restore_copy_request("nightly")
            },
            FailureKind::NotFound,
        ),
        (
            RestoreRequest {
                options: RestoreOptions { existing: ExistingTargetPolicy::Use, ..restore_options() },
                ..restore_copy_request("nightly")
            },
            FailureKind::NotFound,
        ),
        (RestoreRequest { mapping: gone, ..restore_copy_request("nightly") }, FailureKind::Usage),
    ] {
        assert_eq!(rejection_kind(admit_restore(&world, &request).await), kind, "{request:?}");
    }
}

#[tokio::test]
async fn admission_does_not_check_the_files_of_a_backup() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    fs::remove_dir_all(world.backup_path("nightly/binlogs")).unwrap();
    assert!(admit_restore(&world, &restore_copy_request("nightly")).await.is_ok());
    assert_eq!(
        world.restore(&restore_copy_request("nightly")).await.unwrap_err().kind(),
        FailureKind::Damaged
    );
}

#[tokio::test]
async fn a_deletion_claims_its_backup_and_is_rejected_while_it_is_running() {
    let world = World::with_books().await;
    world.back_up(&backup_request("nightly")).await.unwrap();
    let admission = admit_delete(&world, &delete_request("nightly")).await.unwrap();
    assert_eq!((admission.writes, admission.server), (vec![backup_claim(&world, "nightly")], None));
    assert!(world.find_listed("nightly").await.is_some());
    assert_eq!(rejection_kind(admit_delete(&world, &delete_request("weekly")).await), FailureKind::NotFound);
    let marker = json!({
        "format_version": 1, "owner": "x", "host": "there", "pid": 7, "tool": "milvus-backup 9.9.9",
        "started_ms": now_ms(), "renewed_ms": now_ms(),
    });
    disk::write_file(&world.backup_path("weekly/meta/mb_begin.json"), marker.to_string());
    assert_eq!(rejection_kind(admit_delete(&world, &delete_request("weekly")).await), FailureKind::Busy);
    assert_eq!(
        rejection_kind(admit_backup(&world, &backup_request("weekly")).await),
        FailureKind::AlreadyExists
    );
}

/// A server runs each job as a task of its own, so the futures must be `Send`.
#[tokio::test]
async fn every_use_case_can_run_as_a_task() {
    let world = World::with_books().await;
    let engine = world.engine();
    let job = tokio::spawn(async move {
        let ctx = JobCtx::detached();
        engine.admit_backup(&backup_request("nightly"), &ctx).await?;
        let prepared = engine.plan_backup(&backup_request("nightly"), &ctx).await?;
        prepared.preview(&ctx).await?;
        engine.backup(prepared, &ctx).await?;
        engine.list(&ctx).await?;
        engine.get(&backup_request("nightly").name, &ctx).await?;
        engine.check(CheckPurpose::Everything, &ctx).await?;
        engine.admit_restore(&restore_copy_request("nightly"), &ctx).await?;
        let prepared = engine.plan_restore(&restore_copy_request("nightly"), &ctx).await?;
        engine.restore(prepared, &ctx).await?;
        let compaction = L0CompactionRequest {
            name: "nightly".parse().unwrap(),
            into: "compacted".parse().unwrap(),
            replace: false,
        };
        let prepared = engine.plan_l0_compaction(&compaction, &ctx).await?;
        engine.compact_l0(prepared, &ctx).await?;
        engine.admit_delete(&delete_request("nightly"), &ctx).await?;
        let prepared = engine.plan_delete(&delete_request("nightly"), &ctx).await?;
        engine.delete(prepared, &ctx).await
    });
    assert_eq!(within_deadline(job).await.unwrap().unwrap().backup.rows, Some(9));
}
