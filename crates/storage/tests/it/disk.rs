//! What only a disk does.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use bytes::Bytes;
use milvus_backup_storage::{
    CopyItem, CopyMode, CopyWay, ErrorKind, Mover, MoverOptions, Store, StoreConfig,
};
use model::key::ObjectKey;
use tokio_util::sync::CancellationToken;

use crate::places::{Place, disk};

fn mover(place: &Place) -> Mover {
    let options =
        MoverOptions { mode: CopyMode::Auto, concurrency: 4, multipart_threshold: 1, bytes_per_second: None };
    Mover::new(place.store.clone(), place.store.clone(), options).unwrap()
}

async fn copy(
    place: &Place,
    from: &ObjectKey,
    to: &ObjectKey,
    size: u64,
) -> Result<(), milvus_backup_storage::CopyError> {
    let items = [CopyItem { from: from.clone(), to: to.clone(), size }].into_iter();
    mover(place).copy_all(items, &CancellationToken::new(), |_, _| {}).await
}

#[tokio::test]
async fn files_are_copied_and_never_linked() {
    let place = disk().await.unwrap();
    assert_eq!(mover(&place).way(), CopyWay::LocalCopy);
    let from = place.put("milvus/log", vec![7; 3 << 20]).await;
    let to = place.put("backup/deep/log", "an older copy").await;
    copy(&place, &from, &to, 3 << 20).await.unwrap();
    assert_eq!(place.store.read(&to).await.unwrap(), vec![7; 3 << 20]);
    let inode = |key: &ObjectKey| std::fs::metadata(place.store.describe(key)).unwrap().ino();
    assert_ne!(inode(&from), inode(&to));
    assert_eq!(std::fs::read_dir(place.store.describe(&place.key("backup/deep"))).unwrap().count(), 1);
}

#[tokio::test]
async fn a_file_that_vanished_is_told_apart() {
    let place = disk().await.unwrap();
    let error = copy(&place, &place.key("gone"), &place.key("to"), 1).await.unwrap_err();
    assert!(error.source_vanished());
    let (from, to) = (place.store.describe(&place.key("gone")), place.store.describe(&place.key("to")));
    assert_eq!(error.to_string(), format!("cannot copy {from} to {to}: no such file or directory"));
    place.put("a/file", "x").await;
    let blocked = copy(&place, &place.key("a/file"), &place.key("a/file/below"), 1).await.unwrap_err();
    assert!(!blocked.source_vanished(), "{blocked}");
}

#[tokio::test]
async fn files_being_written_are_hidden_and_swept_away() {
    let place = disk().await.unwrap();
    place.put("dir/whole", "x").await;
    let mut writer = place.store.writer(&place.key("dir/half")).await.unwrap();
    writer.write(Bytes::from("half")).await.unwrap();
    assert_eq!(place.store.list_dirs(&place.key("dir")).await.unwrap().objects.len(), 1);
    drop(writer);
    place.store.delete_below(&place.key("dir"), &CancellationToken::new(), |_| {}).await.unwrap();
    assert!(!std::fs::exists(place.store.describe(&place.key("dir"))).unwrap());
}

#[tokio::test]
async fn deleting_objects_leaves_their_directories() {
    let place = disk().await.unwrap();
    let key = place.put("root/object", "x").await;
    place.store.delete(&[key]).await.unwrap();
    assert!(std::fs::exists(place.store.describe(&place.key("root"))).unwrap());
}

#[tokio::test]
async fn a_path_that_climbs_is_refused() {
    let place = disk().await.unwrap();
    let error = place.store.write(&place.key("../../escape"), Bytes::from("x")).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot write"), "{error}");
}

/// Runs the test below in a mount namespace of its own, on a disk of 512 KiB.
#[test]
fn a_full_disk_is_told_and_left_clean() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!(
        "mount -t tmpfs -o size=512k none {dir} && cd {dir} && exec {test} --exact disk::on_a_small_disk --ignored",
        dir = dir.path().display(),
        test = std::env::current_exe().unwrap().display(),
    );
    let run =
        Command::new("unshare").args(["--user", "--map-root-user", "--mount", "sh", "-c", &script]).output();
    match run {
        Ok(run) if run.status.success() => {}
        Ok(run) if String::from_utf8_lossy(&run.stdout).contains("running 1 test") => {
            panic!("{}", String::from_utf8_lossy(&run.stdout))
        }
        other => println!("not run: this machine gives no mount namespace ({other:?})"),
    }
}

#[tokio::test]
#[ignore = "run by a_full_disk_is_told_and_left_clean on a small disk"]
async fn on_a_small_disk() {
    let root = std::env::current_dir().unwrap();
    let base = ObjectKey::new(root.to_str().unwrap());
    let store = Store::open(&StoreConfig::Local).unwrap();
    let big = Bytes::from(vec![1; 300 << 10]);
    store.write(&base.join("first"), big.clone()).await.unwrap();
    let full = store.write(&base.join("second"), big.clone()).await.unwrap_err();
    assert_eq!(full.kind(), ErrorKind::NoSpace);
    assert!(!full.is_temporary());
    assert_eq!(full.to_string(), format!("cannot write /{base}/second: no space left on device"));
    let options =
        MoverOptions { mode: CopyMode::Auto, concurrency: 1, multipart_threshold: 1, bytes_per_second: None };
    for mode in [CopyMode::Direct, CopyMode::Streaming] {
        let mover = Mover::new(store.clone(), store.clone(), MoverOptions { mode, ..options }).unwrap();
        let item = CopyItem { from: base.join("first"), to: base.join("copy"), size: 300 << 10 };
        let error =
            mover.copy_all([item].into_iter(), &CancellationToken::new(), |_, _| {}).await.unwrap_err();
        assert_eq!(error.error.kind(), ErrorKind::NoSpace, "{error}");
    }
    assert!(store.create_new(&base.join("new"), big.clone()).await.is_err());
    let left: Vec<_> = std::fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["first"], "nothing half-written stays");
}
