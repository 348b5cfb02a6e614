//! Backups that are interrupted (simulated Milvus).

use engine::{BackupState, CollectionPhase, Event, Kind, Phase};
use serde_json::json;

use crate::disk;
use crate::watch::Watched;
use crate::world::{World, backup_of, restore_of, told};

#[tokio::test]
async fn what_was_begun_is_unfinished_refused_and_can_be_deleted() {
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
        let watched = Watched::cancelled_at(at);
        let error = world.back_up_watched(&backup_of("nightly"), &watched.ctx).await.unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Interrupted, "interrupted"));
        assert!(watched.words().contains("milvus-backup delete -n nightly removes it"));
        assert!(!world.backup_path("nightly/meta/backup_meta.json").exists());
        assert_eq!(disk::json(&world.backup_path("nightly/meta/mb_begin.json"))["stopped"], json!(true));
        assert_eq!(world.listed("nightly").await.unwrap().state, BackupState::Unfinished);

        let error = world.back_up(&backup_of("nightly")).await.unwrap_err();
        assert_eq!(error.to_string(), "backup nightly exists already (unfinished)");
        let error = world.restore(&restore_of("nightly")).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Damaged);
        assert!(
            told(&error).starts_with("backup nightly is unfinished, not complete\nit cannot be restored")
        );

        world.delete("nightly").await.unwrap();
        assert!(world.list().await.is_empty());
        assert_eq!(world.back_up(&backup_of("nightly")).await.unwrap().rows, 9);
    }
}

#[tokio::test]
async fn before_the_beginning_nothing_is_written() {
    for at in [(|event| *event == Event::Phase(Phase::Preflight)) as fn(&Event) -> bool, |event| {
        matches!(event, Event::Overview { .. })
    }] {
        let world = World::with_books().await;
        let watched = Watched::cancelled_at(at);
        let error = world.back_up_watched(&backup_of("nightly"), &watched.ctx).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted);
        assert!(disk::files(&world.backup_path("")).is_empty());
        assert_eq!(world.calls("Flush"), 0);
    }
}
