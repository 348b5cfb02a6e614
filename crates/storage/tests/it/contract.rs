//! What every store owes its callers.

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt};
use milvus_backup_storage::{Entry, ErrorKind, Listing, StoreKind};
use model::key::ObjectKey;
use tokio_util::sync::CancellationToken;

use crate::places::{self, Place};

/// Runs the whole contract against each of the places named.
macro_rules! store_contract {
    ($($place:ident),+) => { $(
        mod $place {
            store_contract!(@cases $place:
                what_is_written_is_read
                the_last_write_wins
                a_missing_object_is_not_found
                ranges_are_cut_from_the_object
                an_object_is_created_once
                a_large_object_arrives_whole
                an_aborted_object_never_was
                keys_may_hold_anything
                listing_tells_all_below_a_prefix
                a_prefix_that_does_not_exist_is_empty
                listing_goes_on_after_a_page
                one_level_is_told_apart
                objects_are_deleted_in_batches
                deleting_below_keeps_the_neighbours
                deleting_below_stops_when_told
                a_key_may_stand_beside_its_prefix
            );
        }
    )+ };
    (@cases $place:ident: $($case:ident)+) => { $(
        #[tokio::test]
        async fn $case() {
            if let Some(place) = super::places::$place().await {
                super::$case(&place).await;
            }
        }
    )+ };
}

store_contract!(disk, in_process, ceph);

fn pattern(len: usize) -> Bytes {
    (0..len).map(|i| u8::try_from(i * 31 % 251).unwrap()).collect()
}

async fn listed(place: &Place, prefix: &ObjectKey) -> Vec<Entry> {
    let mut entries: Vec<Entry> = place.store.list(prefix).try_collect().await.unwrap();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    entries
}

async fn names(place: &Place, prefix: &ObjectKey) -> Vec<String> {
    listed(place, prefix).await.iter().map(|entry| entry.key.below(&place.base).unwrap().to_owned()).collect()
}

async fn what_is_written_is_read(place: &Place) {
    for len in [0, 1, 100_000] {
        let key = place.put(&format!("a/{len}"), pattern(len)).await;
        assert_eq!(place.store.read(&key).await.unwrap(), pattern(len));
        let meta = place.store.stat(&key).await.unwrap().unwrap();
        assert_eq!(meta.size, len as u64);
        assert!(meta.modified_ms.is_some_and(|ms| ms > 1_600_000_000_000), "{meta:?}");
        assert_eq!(meta.etag.is_some(), place.store.location().kind() == StoreKind::S3);
    }
}

async fn the_last_write_wins(place: &Place) {
    let key = place.put("a", "a longer first text").await;
    place.put("a", "short").await;
    assert_eq!(place.store.read(&key).await.unwrap(), "short");
    assert_eq!(names(place, &place.base).await, ["a"]);
}

async fn a_missing_object_is_not_found(place: &Place) {
    place.put("a", "an object").await;
    // the last two a disk refuses with errors of their own
    for missing in ["no/such", "a/below", &"long".repeat(75)] {
        let key = place.key(missing);
        assert_eq!(place.store.stat(&key).await.unwrap(), None);
        let error = place.store.read(&key).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        assert!(!error.is_temporary());
        assert!(
            error.to_string().starts_with(&format!("cannot read {}", place.store.describe(&key))),
            "{error}"
        );
    }
}

async fn ranges_are_cut_from_the_object(place: &Place) {
    let key = place.put("a", pattern(1000)).await;
    assert_eq!(place.store.read_range(&key, 10..20).await.unwrap(), pattern(1000).slice(10..20));
    assert_eq!(place.store.read_range(&key, 0..0).await.unwrap(), Bytes::new());
    let gone = place.store.read_range(&place.key("b"), 0..10).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

async fn an_object_is_created_once(place: &Place) {
    let key = place.key("deep/marker");
    assert!(place.store.create_new(&key, Bytes::from("first")).await.unwrap());
    assert!(!place.store.create_new(&key, Bytes::from("second")).await.unwrap());
    assert_eq!(place.store.read(&key).await.unwrap(), "first");
}

async fn a_large_object_arrives_whole(place: &Place) {
    let key = place.key("large");
    let piece = pattern(3 << 20);
    let mut writer = place.store.writer(&key).await.unwrap();
    let mut whole = BytesMut::new();
    for _ in 0..7 {
        writer.write(piece.clone()).await.unwrap();
        whole.extend_from_slice(&piece);
    }
    assert_eq!(place.store.stat(&key).await.unwrap(), None, "an object exists only when it is complete");
    assert_eq!(names(place, &place.base).await, [""; 0]);
    writer.close().await.unwrap();
    let read: BytesMut = place
        .store
        .reader(&key)
        .try_fold(BytesMut::new(), async |mut all, bytes| {
            all.extend_from_slice(&bytes);
            Ok(all)
        })
        .await
        .unwrap();
    assert!(read == whole);
}

async fn an_aborted_object_never_was(place: &Place) {
    let key = place.key("large");
    let mut writer = place.store.writer(&key).await.unwrap();
    writer.write(pattern(20 << 20)).await.unwrap();
    writer.abort().await;
    assert_eq!(place.store.stat(&key).await.unwrap(), None);
    assert_eq!(names(place, &place.base).await, [""; 0]);
}

async fn keys_may_hold_anything(place: &Place) {
    let keys = ["a b", "a+b", "50%", "x=y&z", "ünï", "semi;colon,comma", "quote'\"", "hash#ask?"];
    for key in keys {
        place.put(&format!("odd/{key}/o"), key.to_owned()).await;
    }
    for key in keys {
        assert_eq!(place.store.read(&place.key(&format!("odd/{key}/o"))).await.unwrap(), key);
    }
    let mut expected = keys.map(|key| format!("odd/{key}/o"));
    expected.sort_unstable();
    assert_eq!(names(place, &place.key("odd")).await, expected);
    let one = place.key("odd/a b");
    place.store.delete_below(&one, &CancellationToken::new(), |_| {}).await.unwrap();
    assert_eq!(names(place, &one).await, [""; 0]);
}

async fn listing_tells_all_below_a_prefix(place: &Place) {
    place.put("dir/a", "1").await;
    place.put("dir/deep/er/b", "22").await;
    place.put("dir2/c", "333").await;
    assert_eq!(names(place, &place.key("dir")).await, ["dir/a", "dir/deep/er/b"]);
    let entries = listed(place, &place.key("dir/")).await;
    assert_eq!(entries.iter().map(|entry| entry.meta.size).collect::<Vec<_>>(), [1, 2]);
    let meta = place.store.stat(&entries[0].key).await.unwrap().unwrap();
    // The server in this process lists no tags.
    assert!(
        entries[0].meta.etag.is_none() || entries[0].meta.etag == meta.etag,
        "listing and looking up agree"
    );
    assert!(place.store.any_below(&place.key("dir")).await.unwrap());
}

async fn a_prefix_that_does_not_exist_is_empty(place: &Place) {
    assert_eq!(names(place, &place.key("nothing")).await, [""; 0]);
    assert_eq!(place.store.list_dirs(&place.key("nothing")).await.unwrap(), Listing::default());
    assert!(!place.store.any_below(&place.key("nothing")).await.unwrap());
    let deleted = place.store.delete_below(&place.key("nothing"), &CancellationToken::new(), |_| {}).await;
    assert_eq!(deleted.unwrap(), 0);
}

async fn listing_goes_on_after_a_page(place: &Place) {
    let numbers: Vec<String> = (0..1203).map(|number| format!("many/{number:05}")).collect();
    futures::stream::iter(&numbers)
        .for_each_concurrent(16, async |name| {
            place.put(name, "x").await;
        })
        .await;
    assert_eq!(names(place, &place.key("many")).await, numbers);
    let reported = AtomicU64::new(0);
    let deleted = place
        .store
        .delete_below(&place.key("many"), &CancellationToken::new(), |count| {
            reported.store(count, Ordering::Relaxed);
        })
        .await
        .unwrap();
    assert_eq!((deleted, reported.into_inner()), (1203, 1203));
    assert!(!place.store.any_below(&place.base).await.unwrap());
}

async fn one_level_is_told_apart(place: &Place) {
    for name in ["z/1", "z/2", "b/deep/1", "top", "another"] {
        place.put(name, "x").await;
    }
    let listing = place.store.list_dirs(&place.base).await.unwrap();
    assert_eq!(listing.dirs, ["b", "z"]);
    let objects: Vec<_> = listing.objects.iter().map(|entry| entry.key.file_name()).collect();
    assert_eq!(objects, ["another", "top"]);
    assert!(listing.objects.iter().all(|entry| entry.meta.size == 1));
}

async fn objects_are_deleted_in_batches(place: &Place) {
    let a = place.put("a", "1").await;
    let b = place.put("dir/b", "2").await;
    let kept = place.put("kept", "3").await;
    place.store.delete(&[a.clone(), place.key("never was"), b]).await.unwrap();
    assert_eq!(names(place, &place.base).await, ["kept"]);
    place.store.delete(&[kept]).await.unwrap();
    place.store.delete(&[a]).await.unwrap();
    assert!(!place.store.any_below(&place.base).await.unwrap());
}

async fn deleting_below_keeps_the_neighbours(place: &Place) {
    for name in ["backup/a", "backup/meta/b", "backup2/c", "back/d"] {
        place.put(name, "x").await;
    }
    let deleted = place.store.delete_below(&place.key("backup"), &CancellationToken::new(), |_| {}).await;
    assert_eq!(deleted.unwrap(), 2);
    assert_eq!(names(place, &place.base).await, ["back/d", "backup2/c"]);
    assert_eq!(
        place.store.list_dirs(&place.base).await.unwrap().dirs,
        ["back", "backup2"],
        "no empty directory stays"
    );
}

async fn deleting_below_stops_when_told(place: &Place) {
    place.put("dir/a", "x").await;
    let cancel = CancellationToken::new();
    cancel.cancel();
    let error = place.store.delete_below(&place.key("dir"), &cancel, |_| {}).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(names(place, &place.base).await, ["dir/a"]);
}

async fn a_key_may_stand_beside_its_prefix(place: &Place) {
    if !place.flat {
        return;
    }
    place.put("x", "object").await;
    place.put("x/y", "below").await;
    let listing = place.store.list_dirs(&place.base).await.unwrap();
    assert_eq!((listing.dirs.as_slice(), listing.objects.len()), (["x".to_owned()].as_slice(), 1));
    place.store.delete_below(&place.key("x"), &CancellationToken::new(), |_| {}).await.unwrap();
    assert_eq!(names(place, &place.base).await, ["x"]);
}
