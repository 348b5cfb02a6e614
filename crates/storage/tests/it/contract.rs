//! Tests that every store must pass: disk, S3 server in this process, and Ceph RGW.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use milvus_backup_storage::{LevelListing, ListedObject, StorageErrorKind};
use model::key::ObjectKey;
use tokio_util::sync::CancellationToken;

use crate::fixtures::{self, StoreFixture};

/// Runs all test cases against each of the named stores.
macro_rules! store_contract {
    ($($fixture:ident),+) => { $(
        mod $fixture {
            store_contract!(@cases $fixture:
                written_objects_can_be_read
                a_range_is_part_of_an_object
                a_write_replaces_the_object
                a_missing_object_is_not_found
                create_new_never_replaces_an_object
                a_large_object_is_written_in_parts
                an_aborted_object_does_not_exist
                keys_may_contain_special_characters
                listing_returns_all_objects_below_a_prefix
                a_prefix_that_does_not_exist_is_empty
                listing_and_deleting_continue_after_a_page
                one_level_is_listed_as_directories_and_objects
                objects_are_deleted_in_batches
                deleting_a_prefix_keeps_its_neighbours
                deleting_a_prefix_can_be_cancelled
                an_object_and_a_prefix_may_have_the_same_name
            );
        }
    )+ };
    (@cases $fixture:ident: $($case:ident)+) => { $(
        #[tokio::test]
        async fn $case() {
            if let Some(fixture) = super::fixtures::$fixture().await {
                super::$case(&fixture).await;
            }
        }
    )+ };
}

store_contract!(disk, in_process, ceph);

fn patterned_bytes(len: usize) -> Bytes {
    (0..len).map(|i| u8::try_from(i * 31 % 251).unwrap()).collect()
}

/// Lists all objects below a prefix, sorted by key.
async fn list_sorted(fixture: &StoreFixture, prefix: &ObjectKey) -> Vec<ListedObject> {
    let mut entries: Vec<ListedObject> = fixture.store.list(prefix).try_collect().await.unwrap();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    entries
}

/// Lists the keys below a prefix, relative to the base of the store under test.
async fn list_names(fixture: &StoreFixture, prefix: &ObjectKey) -> Vec<String> {
    list_sorted(fixture, prefix)
        .await
        .iter()
        .map(|entry| entry.key.relative_to(&fixture.base).unwrap().to_owned())
        .collect()
}

async fn written_objects_can_be_read(fixture: &StoreFixture) {
    for len in [0, 1, 100_000] {
        let key = fixture.put(&format!("a/{len}"), patterned_bytes(len)).await;
        assert_eq!(fixture.store.read(&key).await.unwrap(), patterned_bytes(len));
        let meta = fixture.store.metadata(&key).await.unwrap().unwrap();
        assert_eq!(meta.size, len as u64);
        assert!(meta.modified_ms.is_some_and(|ms| ms > 1_600_000_000_000), "{meta:?}");
        assert_eq!(meta.etag.is_some(), fixture.store.location().bucket().is_some());
    }
}

async fn a_range_is_part_of_an_object(fixture: &StoreFixture) {
    let key = fixture.put("a", patterned_bytes(1000)).await;
    let read = |range| fixture.store.read_range(&key, range);
    assert_eq!(read(990..1000).await.unwrap(), patterned_bytes(1000)[990..]);
    assert_eq!(read(0..1000).await.unwrap(), patterned_bytes(1000));
    assert!(read(990..1001).await.is_err(), "the object is shorter");
}

async fn a_write_replaces_the_object(fixture: &StoreFixture) {
    let key = fixture.put("a", "a longer first text").await;
    fixture.put("a", "short").await;
    assert_eq!(fixture.store.read(&key).await.unwrap(), "short");
    assert_eq!(list_names(fixture, &fixture.base).await, ["a"]);
}

async fn a_missing_object_is_not_found(fixture: &StoreFixture) {
    fixture.put("a", "an object").await;
    // For the last two, a disk reports errors other than `NotFound`.
    for missing in ["no/such", "a/below", &"long".repeat(75)] {
        let key = fixture.key(missing);
        assert_eq!(fixture.store.metadata(&key).await.unwrap(), None);
        let error = fixture.store.read(&key).await.unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::NotFound, "{error}");
        assert!(!error.is_temporary());
        assert!(
            error.to_string().starts_with(&format!("cannot read {}", fixture.store.describe(&key))),
            "{error}"
        );
    }
}

async fn create_new_never_replaces_an_object(fixture: &StoreFixture) {
    let key = fixture.key("deep/marker");
    assert!(fixture.store.create_new(&key, Bytes::from("first")).await.unwrap());
    assert!(!fixture.store.create_new(&key, Bytes::from("second")).await.unwrap());
    assert_eq!(fixture.store.read(&key).await.unwrap(), "first");
}

async fn a_large_object_is_written_in_parts(fixture: &StoreFixture) {
    let key = fixture.key("large");
    let piece = patterned_bytes(3 << 20);
    let mut writer = fixture.store.open_writer(&key).await.unwrap();
    let mut whole = BytesMut::new();
    for _ in 0..7 {
        writer.write(piece.clone()).await.unwrap();
        whole.extend_from_slice(&piece);
    }
    assert_eq!(
        fixture.store.metadata(&key).await.unwrap(),
        None,
        "an object exists only when it is complete"
    );
    assert_eq!(list_names(fixture, &fixture.base).await, [""; 0]);
    writer.close().await.unwrap();
    let read: BytesMut = fixture
        .store
        .read_stream(&key)
        .try_fold(BytesMut::new(), async |mut all, bytes| {
            all.extend_from_slice(&bytes);
            Ok(all)
        })
        .await
        .unwrap();
    assert!(read == whole);
}

async fn an_aborted_object_does_not_exist(fixture: &StoreFixture) {
    let key = fixture.key("large");
    let mut writer = fixture.store.open_writer(&key).await.unwrap();
    writer.write(patterned_bytes(20 << 20)).await.unwrap();
    writer.abort().await;
    assert_eq!(fixture.store.metadata(&key).await.unwrap(), None);
    assert_eq!(list_names(fixture, &fixture.base).await, [""; 0]);
}

async fn keys_may_contain_special_characters(fixture: &StoreFixture) {
    let keys = ["a b", "a+b", "50%", "x=y&z", "ünï", "semi;colon,comma", "quote'\"", "hash#ask?"];
    for key in keys {
        fixture.put(&format!("odd/{key}/o"), key.to_owned()).await;
    }
    for key in keys {
        assert_eq!(fixture.store.read(&fixture.key(&format!("odd/{key}/o"))).await.unwrap(), key);
    }
    let mut expected = keys.map(|key| format!("odd/{key}/o"));
    expected.sort_unstable();
    assert_eq!(list_names(fixture, &fixture.key("odd")).await, expected);
    let one = fixture.key("odd/a b");
    fixture.store.delete_below(&one, &CancellationToken::new(), |_| {}).await.unwrap();
    assert_eq!(list_names(fixture, &one).await, [""; 0]);
}

async fn listing_returns_all_objects_below_a_prefix(fixture: &StoreFixture) {
    fixture.put("dir/a", "1").await;
    fixture.put("dir/deep/er/b", "22").await;
    fixture.put("dir2/c", "333").await;
    assert_eq!(list_names(fixture, &fixture.key("dir")).await, ["dir/a", "dir/deep/er/b"]);
    let entries = list_sorted(fixture, &fixture.key("dir/")).await;
    assert_eq!(entries.iter().map(|entry| entry.meta.size).collect::<Vec<_>>(), [1, 2]);
    let meta = fixture.store.metadata(&entries[0].key).await.unwrap().unwrap();
    // The S3 server in this process lists no entity tags.
    assert!(
        entries[0].meta.etag.is_none() || entries[0].meta.etag == meta.etag,
        "listing and looking up agree"
    );
    assert!(fixture.store.has_objects_below(&fixture.key("dir")).await.unwrap());
}

async fn a_prefix_that_does_not_exist_is_empty(fixture: &StoreFixture) {
    assert_eq!(list_names(fixture, &fixture.key("nothing")).await, [""; 0]);
    assert_eq!(fixture.store.list_level(&fixture.key("nothing")).await.unwrap(), LevelListing::default());
    assert!(!fixture.store.has_objects_below(&fixture.key("nothing")).await.unwrap());
    let deleted =
        fixture.store.delete_below(&fixture.key("nothing"), &CancellationToken::new(), |_| {}).await;
    assert_eq!(deleted.unwrap(), 0);
}

async fn listing_and_deleting_continue_after_a_page(fixture: &StoreFixture) {
    let numbers: Vec<String> = (0..1203).map(|number| format!("many/{number:05}")).collect();
    futures::stream::iter(&numbers)
        .for_each_concurrent(16, async |name| {
            fixture.put(name, "x").await;
        })
        .await;
    assert_eq!(list_names(fixture, &fixture.key("many")).await, numbers);
    let reported = AtomicU64::new(0);
    let deleted = fixture
        .store
        .delete_below(&fixture.key("many"), &CancellationToken::new(), |count| {
            reported.store(count, Ordering::Relaxed);
        })
        .await
        .unwrap();
    assert_eq!((deleted, reported.into_inner()), (1203, 1203));
    assert!(!fixture.store.has_objects_below(&fixture.base).await.unwrap());
}

async fn one_level_is_listed_as_directories_and_objects(fixture: &StoreFixture) {
    for name in ["z/1", "z/2", "b/deep/1", "top", "another"] {
        fixture.put(name, "x").await;
    }
    let listing = fixture.store.list_level(&fixture.base).await.unwrap();
    assert_eq!(listing.dirs, ["b", "z"]);
    let objects: Vec<_> = listing.objects.iter().map(|entry| entry.key.file_name()).collect();
    assert_eq!(objects, ["another", "top"]);
    assert!(listing.objects.iter().all(|entry| entry.meta.size == 1));
}

async fn objects_are_deleted_in_batches(fixture: &StoreFixture) {
    let a = fixture.put("a", "1").await;
    let b = fixture.put("dir/b", "2").await;
    let kept = fixture.put("kept", "3").await;
    fixture.store.delete(&[a.clone(), fixture.key("never was"), b]).await.unwrap();
    assert_eq!(list_names(fixture, &fixture.base).await, ["kept"]);
    fixture.store.delete(&[kept]).await.unwrap();
    fixture.store.delete(&[a]).await.unwrap();
    assert!(!fixture.store.has_objects_below(&fixture.base).await.unwrap());
}

async fn deleting_a_prefix_keeps_its_neighbours(fixture: &StoreFixture) {
    for name in ["backup/a", "backup/meta/b", "backup2/c", "back/d"] {
        fixture.put(name, "x").await;
    }
    let deleted = fixture.store.delete_below(&fixture.key("backup"), &CancellationToken::new(), |_| {}).await;
    assert_eq!(deleted.unwrap(), 2);
    assert_eq!(list_names(fixture, &fixture.base).await, ["back/d", "backup2/c"]);
    assert_eq!(
        fixture.store.list_level(&fixture.base).await.unwrap().dirs,
        ["back", "backup2"],
        "no empty directory stays"
    );
}

async fn deleting_a_prefix_can_be_cancelled(fixture: &StoreFixture) {
    fixture.put("dir/a", "x").await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = fixture.store.delete_below(&fixture.key("dir"), &cancel, |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), StorageErrorKind::Cancelled);
    assert_eq!(list_names(fixture, &fixture.base).await, ["dir/a"]);
}

async fn an_object_and_a_prefix_may_have_the_same_name(fixture: &StoreFixture) {
    if !fixture.flat {
        return;
    }
    fixture.put("x", "object").await;
    fixture.put("x/y", "below").await;
    let listing = fixture.store.list_level(&fixture.base).await.unwrap();
    assert_eq!((listing.dirs.as_slice(), listing.objects.len()), (["x".to_owned()].as_slice(), 1));
    fixture.store.delete_below(&fixture.key("x"), &CancellationToken::new(), |_| {}).await.unwrap();
    assert_eq!(list_names(fixture, &fixture.base).await, ["x"]);
}
