//! Copies across buckets of one store, against a bare loop of the same requests.

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use model::key::ObjectKey;
use storage::{CopyItem, CopyMode, Mover, MoverOptions, Store};
use testkit::names;
use tokio_util::sync::CancellationToken;

use crate::measure::{Watch, median, row};
use crate::s3::Bare;
use crate::setup;

const OBJECTS: usize = 600;
const SIZE: usize = 16 << 10;
const ROUNDS: usize = 12;
/// Enough to keep the store busy; the Go tool's limit was found with as many.
const AT_ONCE: usize = 24;

pub(crate) async fn run(endpoint: &str) {
    let buckets = [names::bucket("bench-from"), names::bucket("bench-to")];
    let [from, to] = [0, 1].map(|i: usize| setup::open(&setup::bucket(endpoint, &buckets[i], "")));
    for store in [&from, &to] {
        store.create_bucket().await.expect("a bucket");
    }
    eprintln!("copy: writing {OBJECTS} objects of {} KiB", SIZE >> 10);
    let body = Bytes::from(vec![7; SIZE]);
    stream::iter(0..OBJECTS)
        .for_each_concurrent(AT_ONCE, |n| {
            let (from, body) = (&from, body.clone());
            async move { from.write(&ObjectKey::new(&source(n)), body).await.expect("an object") }
        })
        .await;
    let mover = Mover::new(from.clone(), to.clone(), options(AT_ONCE)).expect("a mover");
    let bare = Bare::new(endpoint);
    let [mut ours, mut theirs] = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        // in turns, and each first as often as the other
        let mut both = [0.0, 0.0];
        for turn in [round % 2, (round + 1) % 2] {
            let watch = Watch::start();
            if turn == 0 {
                copy_ours(&mover, OBJECTS, SIZE as u64, &format!("ours/{round}")).await;
            } else {
                let path = |bucket: &str, key: &str| format!("{bucket}/{key}");
                let items = (0..OBJECTS).map(|n| {
                    (path(&buckets[0], &source(n)), path(&buckets[1], &target(&format!("bare/{round}"), n)))
                });
                bare.copy_all(items, AT_ONCE).await;
            }
            both[turn] = watch.wall_s();
        }
        eprintln!("copy: round {round}: ours {:.2} s, bare loop {:.2} s", both[0], both[1]);
        // the first one opens the connections
        if round > 0 {
            ours.push(both[0]);
            theirs.push(both[1]);
        }
    }
    clear(&from).await;
    clear(&to).await;
    let (ours, theirs) = (median(ours), median(theirs));
    let rate = |seconds: f64| format!("{:.0} objects/s", OBJECTS as f64 / seconds);
    row("copy across buckets, against a bare loop", &rate(ours), &rate(theirs), theirs / ours, ">= 0.95");
}

pub(crate) fn options(concurrency: usize) -> MoverOptions {
    let multipart_threshold = 500 << 20;
    MoverOptions { mode: CopyMode::Direct, concurrency, multipart_threshold, bytes_per_second: None }
}

/// Copies numbered objects with a mover.
pub(crate) async fn copy_ours(mover: &Mover, objects: usize, size: u64, to: &str) {
    let items = (0..objects).map(|n| CopyItem {
        from: ObjectKey::new(&source(n)),
        to: ObjectKey::new(&target(to, n)),
        size,
    });
    mover.copy_all(items, &CancellationToken::new(), |_, _| {}).await.expect("copies");
}

/// A key as long as Milvus's own.
pub(crate) fn source(n: usize) -> String {
    let id = setup::id(1);
    format!("files/insert_log/{id}/{id}/{id}/100/{n}")
}

/// A key as long as a backup's.
pub(crate) fn target(dir: &str, n: usize) -> String {
    let id = setup::id(1);
    format!("backup/{dir}/binlogs/insert_log/{id}/{id}/{id}/{id}/100/{n}")
}

async fn clear(store: &Store) {
    let all = ObjectKey::new("");
    store.delete_below(&all, &CancellationToken::new(), |_| {}).await.expect("an empty bucket");
}
