//! Backups at another place, and jobs whose id somebody chose (simulated Milvus).

use engine::JobCtx;
use model::name::BackupName;
use testkit::fake::Fault;
use tokio_util::sync::CancellationToken;

use crate::disk;
use crate::watch::Watched;
use crate::world::{World, backup_of, in_time, restore, restore_beside};

#[tokio::test]
async fn backups_lie_below_another_root_of_the_same_store() {
    let world = World::with_books().await;
    let root = world.backup_path("team");
    let there = world.engine().with_backup(Some(""), Some(root.to_str().unwrap())).unwrap();
    let ctx = JobCtx::detached();
    let prepared = in_time(there.plan_backup(&backup_of("nightly"), &ctx)).await.unwrap();
    assert_eq!(in_time(there.backup(prepared, &ctx)).await.unwrap().rows, 9);
    assert!(root.join("nightly/meta/backup_meta.json").exists());
    let name: BackupName = "nightly".parse().unwrap();
    assert!(in_time(world.engine().get(&name, &JobCtx::detached())).await.is_err());
    assert_eq!(in_time(there.list(&JobCtx::detached())).await.unwrap().len(), 1);
    let report = restore(&there, &restore_beside("nightly"), &JobCtx::detached()).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
}

#[tokio::test]
async fn the_id_of_the_job_is_that_of_the_backup_whatever_it_is() {
    let world = World::with_books().await;
    let id = "../nightly run \"1\" — für alle";
    let ctx = JobCtx::with_id(id, CancellationToken::new(), |_| {});
    world.back_up_watched(&backup_of("nightly"), &ctx).await.unwrap();
    let meta = disk::json(&world.backup_path("nightly/meta/backup_meta.json"));
    assert_eq!(meta["id"], id);
    let detail = in_time(world.engine().get(&"nightly".parse().unwrap(), &ctx)).await.unwrap();
    assert_eq!((detail.manifest.id.as_str(), detail.extra.unwrap().job.as_str()), (id, id));

    // a job of the same id is another run: it cannot take the place of the first
    let error = world.back_up_watched(&backup_of("nightly"), &ctx).await.unwrap_err();
    assert_eq!(error.to_string(), "backup nightly exists already (complete)");
    let binlogs = world.backup_path("nightly/binlogs/insert_log");
    let file = disk::files(&binlogs).into_keys().next().unwrap();
    let partition = file.split('/').take(2).collect::<Vec<_>>().join("/");
    disk::write(&binlogs.join(partition).join("left/behind.txt"), "so that it is staged");
    let report = restore(&world.engine(), &restore_beside("nightly"), &ctx).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
}

#[tokio::test]
async fn a_database_that_is_dropped_while_it_is_listed_is_left_out_with_a_warning() {
    let world = World::with_books().await;
    world.client().await.create_database("gone").await.unwrap();
    world.fake.inject(Fault::DatabaseVanishes { database: "gone".to_owned(), before: "ShowCollections" });
    let watched = Watched::new(|_, _| {});
    let report = world.back_up_watched(&backup_of("nightly"), &watched.ctx).await.unwrap();
    assert_eq!((report.kind(), report.rows), (None, 9));
    let warning = "database gone was dropped while it was listed, and is left out";
    assert_eq!((report.warnings.as_slice(), watched.words().as_str()), (&[warning.to_owned()][..], warning));
    let detail = in_time(world.engine().get(&"nightly".parse().unwrap(), &JobCtx::detached())).await;
    let databases = detail.unwrap().manifest.databases;
    assert_eq!(databases.iter().map(|db| db.name.as_str()).collect::<Vec<_>>(), ["default"]);
}
