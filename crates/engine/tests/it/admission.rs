//! What is refused before a job waits for its turn, and what is claimed (simulated Milvus).

use std::fs;

use engine::{Admission, Admit, Claim, DeleteRequest, Error, JobCtx, Kind, now_ms};
use model::mapping::Mapping;
use model::plan::backup::BackupRequest;
use model::plan::restore::{Existing, RestoreRequest};
use model::selection::Selection;
use serde_json::json;

use crate::disk;
use crate::shop::collection;
use crate::world::{World, backup_of, in_time, restore_beside, restore_of};

async fn admit(world: &World, what: Admit<'_>) -> Result<Admission, Error> {
    in_time(world.engine().admit(what, &JobCtx::detached())).await
}

async fn refused(world: &World, what: Admit<'_>) -> Kind {
    admit(world, what).await.unwrap_err().kind()
}

fn delete(name: &str) -> DeleteRequest {
    DeleteRequest { name: name.parse().unwrap() }
}

fn backup(world: &World, name: &str) -> Claim {
    Claim::Backup(format!("{}/", world.backup_path(name).display()))
}

#[tokio::test]
async fn a_backup_claims_its_place_and_changes_nothing() {
    let world = World::with_books().await;
    let admission = admit(&world, Admit::Backup(&backup_of("nightly"))).await.unwrap();
    assert_eq!(admission.server.as_deref(), Some("v2.3.6"));
    assert_eq!(admission.writes, [backup(&world, "nightly")]);
    assert_eq!((admission.reads, admission.targets), (vec![], vec![]));
    assert_eq!(world.calls("Flush"), 0);
    assert!(!world.backup_path("").exists());
}

#[tokio::test]
async fn a_backup_that_cannot_be_is_refused_at_once() {
    let mut world = World::with_books().await;
    world.back_up(&backup_of("nightly")).await.unwrap();
    disk::write(&world.backup_path("letters/one.txt"), "not yours");
    assert_eq!(refused(&world, Admit::Backup(&backup_of("nightly"))).await, Kind::AlreadyExists);
    assert_eq!(refused(&world, Admit::Backup(&backup_of("letters"))).await, Kind::AlreadyExists);
    let nothing =
        BackupRequest { selection: Selection::from_filter("films").unwrap(), ..backup_of("second") };
    assert_eq!(refused(&world, Admit::Backup(&nothing)).await, Kind::NotFound);
    // nobody listens at the port of tcpmux
    world.config.milvus.port = 1;
    world.config.milvus.limits.outage = std::time::Duration::from_millis(1);
    assert_eq!(refused(&world, Admit::Backup(&backup_of("second"))).await, Kind::Unreachable);
}

#[tokio::test]
async fn a_restore_claims_its_targets_and_needs_its_backup() {
    let world = World::with_books().await;
    world.back_up(&backup_of("nightly")).await.unwrap();
    let admission = admit(&world, Admit::Restore(&restore_beside("nightly"))).await.unwrap();
    let targets = ["books", "tags"].map(|name| (collection(name), collection(&format!("{name}_copy"))));
    assert_eq!(admission.targets, targets);
    assert_eq!(admission.writes, targets.map(|(_, target)| Claim::Collection(target)));
    assert_eq!(admission.reads, [backup(&world, "nightly")]);
    assert_eq!(admission.server.as_deref(), Some("v2.3.6"));
    assert_eq!(world.collections("default").await, ["books", "tags"]);
}

#[tokio::test]
async fn a_restore_that_cannot_be_is_refused_at_once() {
    let world = World::with_books().await;
    world.back_up(&backup_of("nightly")).await.unwrap();
    disk::write(&world.backup_path("half/meta/collection_meta.json"), "{}");
    let drop = RestoreRequest { existing: Existing::Drop, ..restore_of("nightly") };
    assert!(admit(&world, Admit::Restore(&drop)).await.is_ok());
    let gone = Mapping::new(Some("films:films_2"), None).unwrap();
    for (request, kind) in [
        (restore_beside("weekly"), Kind::NotFound),
        (restore_beside("half"), Kind::Damaged),
        (restore_of("nightly"), Kind::AlreadyExists),
        (
            RestoreRequest {
                selection: Selection::from_filter("films").unwrap(),
                ..restore_beside("nightly")
            },
            Kind::NotFound,
        ),
        (RestoreRequest { existing: Existing::Use, ..restore_beside("nightly") }, Kind::NotFound),
        (RestoreRequest { mapping: gone, ..restore_beside("nightly") }, Kind::Usage),
    ] {
        assert_eq!(refused(&world, Admit::Restore(&request)).await, kind, "{request:?}");
    }
}

#[tokio::test]
async fn the_files_of_a_backup_are_looked_at_by_the_run_alone() {
    let world = World::with_books().await;
    world.back_up(&backup_of("nightly")).await.unwrap();
    fs::remove_dir_all(world.backup_path("nightly/binlogs")).unwrap();
    assert!(admit(&world, Admit::Restore(&restore_beside("nightly"))).await.is_ok());
    assert_eq!(world.restore(&restore_beside("nightly")).await.unwrap_err().kind(), Kind::Damaged);
}

#[tokio::test]
async fn a_deletion_claims_what_the_others_claim_and_leaves_living_runs_alone() {
    let world = World::with_books().await;
    world.back_up(&backup_of("nightly")).await.unwrap();
    let admission = admit(&world, Admit::Delete(&delete("nightly"))).await.unwrap();
    assert_eq!((admission.writes, admission.server), (vec![backup(&world, "nightly")], None));
    assert!(world.listed("nightly").await.is_some());
    assert_eq!(refused(&world, Admit::Delete(&delete("weekly"))).await, Kind::NotFound);
    let marker = json!({
        "format_version": 1, "owner": "x", "host": "there", "pid": 7, "tool": "milvus-backup 9.9.9",
        "started_ms": now_ms(), "renewed_ms": now_ms(),
    });
    disk::write(&world.backup_path("weekly/meta/mb_begin.json"), marker.to_string());
    assert_eq!(refused(&world, Admit::Delete(&delete("weekly"))).await, Kind::Busy);
    assert_eq!(refused(&world, Admit::Backup(&backup_of("weekly"))).await, Kind::AlreadyExists);
}

/// A server runs jobs as tasks of their own, on whatever thread.
#[tokio::test]
async fn jobs_may_run_as_tasks() {
    let world = World::with_books().await;
    let engine = world.engine();
    let job = tokio::spawn(async move {
        let ctx = JobCtx::detached();
        engine.admit(Admit::Backup(&backup_of("nightly")), &ctx).await?;
        let prepared = engine.plan_backup(&backup_of("nightly"), &ctx).await?;
        prepared.preview(&ctx).await?;
        engine.backup(prepared, &ctx).await?;
        engine.list(&ctx).await?;
        engine.get(&backup_of("nightly").name, &ctx).await?;
        engine.check(&ctx).await?;
        engine.admit(Admit::Restore(&restore_beside("nightly")), &ctx).await?;
        let prepared = engine.plan_restore(&restore_beside("nightly"), &ctx).await?;
        engine.restore(prepared, &ctx).await?;
        engine.admit(Admit::Delete(&delete("nightly")), &ctx).await?;
        let prepared = engine.plan_delete(&delete("nightly"), &ctx).await?;
        engine.delete(prepared, &ctx).await
    });
    assert_eq!(in_time(job).await.unwrap().unwrap().backup.rows, Some(9));
}
