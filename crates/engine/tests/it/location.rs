//! Backups at another location, jobs with a given id, and a database that is dropped (simulated Milvus).

use engine::JobCtx;
use model::name::BackupName;
use testkit::fake::Fault;
use tokio_util::sync::CancellationToken;

use crate::disk;
use crate::watch::WatchedJob;
use crate::world::{World, backup_request, restore, restore_copy_request, within_deadline};

#[tokio::test]
async fn backups_can_be_created_below_another_root_of_the_same_store() {
    let world = World::with_books().await;
    let root = world.backup_path("team");
    let engine = world.engine().with_backup(Some(""), Some(root.to_str().unwrap())).unwrap();
    let ctx = JobCtx::detached();
    let prepared = within_deadline(engine.plan_backup(&backup_request("nightly"), &ctx)).await.unwrap();
    assert_eq!(within_deadline(engine.backup(prepared, &ctx)).await.unwrap().rows, 9);
    assert!(root.join("nightly/meta/backup_meta.json").exists());
    let name: BackupName = "nightly".parse().unwrap();
    assert!(within_deadline(world.engine().get(&name, &JobCtx::detached())).await.is_err());
    assert_eq!(within_deadline(engine.list(&JobCtx::detached())).await.unwrap().len(), 1);
    let report = restore(&engine, &restore_copy_request("nightly"), &JobCtx::detached()).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
}

#[tokio::test]
async fn any_text_can_be_the_id_of_a_job_and_its_backup() {
    let world = World::with_books().await;
    let id = "../nightly run \"1\" — für alle";
    let ctx = JobCtx::with_id(id, CancellationToken::new(), |_| {});
    world.back_up_watched(&backup_request("nightly"), &ctx).await.unwrap();
    let meta = disk::read_json(&world.backup_path("nightly/meta/backup_meta.json"));
    assert_eq!(meta["id"], id);
    let detail = within_deadline(world.engine().get(&"nightly".parse().unwrap(), &ctx)).await.unwrap();
    assert_eq!((detail.manifest.id.as_str(), detail.facts.unwrap().job.as_str()), (id, id));

    // A second job with the same id is a different run, so the name is taken.
    let error = world.back_up_watched(&backup_request("nightly"), &ctx).await.unwrap_err();
    assert_eq!(error.to_string(), "backup nightly exists already (complete)");
    let binlogs = world.backup_path("nightly/binlogs/insert_log");
    let file = disk::list_files(&binlogs).into_keys().next().unwrap();
    let partition = file.split('/').take(2).collect::<Vec<_>>().join("/");
    disk::write_file(&binlogs.join(partition).join("left/behind.txt"), "so that it is staged");
    let report = restore(&world.engine(), &restore_copy_request("nightly"), &ctx).await.unwrap();
    assert_eq!((report.kind(), report.rows()), (None, 9));
}

#[tokio::test]
async fn a_database_that_is_dropped_while_it_is_listed_is_left_out_with_a_warning() {
    let world = World::with_books().await;
    world.connect().await.create_database("gone").await.unwrap();
    world.fake.inject(Fault::DatabaseVanishes { database: "gone".to_owned(), before: "ShowCollections" });
    let watched = WatchedJob::new(|_, _| {});
    let report = world.back_up_watched(&backup_request("nightly"), &watched.ctx).await.unwrap();
    assert_eq!((report.kind(), report.rows), (None, 9));
    let warning = "database gone was dropped while it was listed, and is left out";
    assert_eq!(
        (report.warnings.as_slice(), watched.messages().as_str()),
        (&[warning.to_owned()][..], warning)
    );
    let detail = within_deadline(world.engine().get(&"nightly".parse().unwrap(), &JobCtx::detached())).await;
    let databases = detail.unwrap().manifest.databases;
    assert_eq!(databases.iter().map(|db| db.name.as_str()).collect::<Vec<_>>(), ["default"]);
}
