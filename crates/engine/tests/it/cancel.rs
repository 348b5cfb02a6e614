//! Interrupted backups (simulated Milvus).

use engine::{BackupState, CollectionPhase, Event, FailureKind, Phase};
use serde_json::json;

use crate::disk;
use crate::watch::WatchedJob;
use crate::world::{World, backup_request, describe_error, restore_request};

#[tokio::test]
async fn an_interrupted_backup_is_unfinished_and_can_be_deleted() {
    type At = fn(&Event) -> bool;
    let moments: [At; 5] = [
        |event| matches!(event, Event::Collection { phase: CollectionPhase::Describing, .. }),
        |event| matches!(event, Event::Collection { phase: CollectionPhase::Flushing, .. }),
        |event| matches!(event, Event::ObjectCopied { .. }),
        |event| matches!(event, Event::Collection { phase: CollectionPhase::Verifying, .. }),
        |event| *event == Event::Phase(Phase::Commit),
    ];
    for at in moments {
        let world = World::with_books().await;
        let watched = WatchedJob::cancelled_at(at);
        let error = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (FailureKind::Interrupted, "interrupted"));
        assert!(watched.messages().contains("nightly is left unfinished"));
        assert!(!world.backup_path("nightly/meta/backup_meta.json").exists());
        assert_eq!(disk::read_json(&world.backup_path("nightly/meta/mb_begin.json"))["stopped"], json!(true));
        assert_eq!(world.find_listed("nightly").await.unwrap().state, BackupState::Unfinished);

        let error = world.back_up(&backup_request("nightly")).await.unwrap_err();
        assert_eq!(error.to_string(), "backup nightly exists already (unfinished)");
        let error = world.restore(&restore_request("nightly")).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Damaged);
        assert!(
            describe_error(&error)
                .starts_with("backup nightly is unfinished, not complete\ndelete_and_create_again")
        );

        world.delete("nightly").await.unwrap();
        assert!(world.list_backups().await.is_empty());
        assert_eq!(world.back_up(&backup_request("nightly")).await.unwrap().rows, 9);
    }
}

#[tokio::test]
async fn a_cancellation_during_the_preflight_writes_nothing() {
    for at in [(|event| *event == Event::Phase(Phase::Preflight)) as fn(&Event) -> bool, |event| {
        matches!(event, Event::Overview { .. })
    }] {
        let world = World::with_books().await;
        let watched = WatchedJob::cancelled_at(at);
        let error = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Interrupted);
        assert!(disk::list_files(&world.backup_path("")).is_empty());
        assert_eq!(world.count_calls("Flush"), 0);
    }
}
