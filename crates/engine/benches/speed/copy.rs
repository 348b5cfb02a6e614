//! Measures copies between buckets of one store, compared with a bare loop of the same requests.

use bytes::Bytes;
use futures::stream::{self, StreamExt};
use model::key::ObjectKey;
use storage::{CopyItem, CopyMode, Mover, MoverOptions, Store};
use testkit::names;
use testkit::servers::S3Server;
use tokio_util::sync::CancellationToken;

use crate::measure::{Stopwatch, median, print_result};
use crate::s3::BareClient;
use crate::setup;

const OBJECTS: usize = 600;
/// The size of an object in bytes.
const SIZE: usize = 16 << 10;
const ROUNDS: usize = 12;
/// The number of concurrent copies; enough to keep the store busy, and the same as in the measurement of the Go tool.
const CONCURRENCY: usize = 24;

/// Copies in turns with the mover and a bare loop, and prints the rates.
pub(crate) async fn measure_copies(endpoint: &str) {
    let buckets = [names::bucket("bench-from"), names::bucket("bench-to")];
    let [from, to] =
        [0, 1].map(|i: usize| setup::open_store(&setup::bucket_place(endpoint, &buckets[i], "")));
    for bucket in &buckets {
        S3Server { endpoint: endpoint.to_owned() }.create_bucket(bucket).await;
    }
    eprintln!("copy: writing {OBJECTS} objects of {} KiB", SIZE >> 10);
    let body = Bytes::from(vec![7; SIZE]);
    stream::iter(0..OBJECTS)
        .for_each_concurrent(CONCURRENCY, |n| {
            let (from, body) = (&from, body.clone());
            async move { from.write(&ObjectKey::new(&source_key(n)), body).await.expect("an object") }
        })
        .await;
    let mover = Mover::new(from.clone(), to.clone(), mover_options(CONCURRENCY)).expect("a mover");
    let bare = BareClient::new(endpoint);
    let [mut ours, mut theirs] = [Vec::new(), Vec::new()];
    for round in 0..=ROUNDS {
        // The two take turns, and each is the first one equally often.
        let mut seconds = [0.0, 0.0];
        for turn in [round % 2, (round + 1) % 2] {
            let watch = Stopwatch::start();
            if turn == 0 {
                copy_with_mover(&mover, OBJECTS, SIZE as u64, &format!("ours/{round}")).await;
            } else {
                let path = |bucket: &str, key: &str| format!("{bucket}/{key}");
                let items = (0..OBJECTS).map(|n| {
                    (
                        path(&buckets[0], &source_key(n)),
                        path(&buckets[1], &target_key(&format!("bare/{round}"), n)),
                    )
                });
                bare.copy_all(items, CONCURRENCY).await;
            }
            seconds[turn] = watch.wall_s();
        }
        eprintln!("copy: round {round}: ours {:.2} s, bare loop {:.2} s", seconds[0], seconds[1]);
        // The first round opens the connections and does not count.
        if round > 0 {
            ours.push(seconds[0]);
            theirs.push(seconds[1]);
        }
    }
    clear_bucket(&from).await;
    clear_bucket(&to).await;
    let (ours, theirs) = (median(ours), median(theirs));
    let rate = |seconds: f64| format!("{:.0} objects/s", OBJECTS as f64 / seconds);
    print_result(
        "copy across buckets, against a bare loop",
        &rate(ours),
        &rate(theirs),
        theirs / ours,
        ">= 0.95",
    );
}

/// Returns the options of a mover that only copies directly.
pub(crate) fn mover_options(concurrency: usize) -> MoverOptions {
    let multipart_threshold = 500 << 20;
    MoverOptions { mode: CopyMode::Direct, concurrency, multipart_threshold, bytes_per_second: None }
}

/// Copies the first `objects` source objects, of `size` bytes each, below the directory `to`.
pub(crate) async fn copy_with_mover(mover: &Mover, objects: usize, size: u64, to: &str) {
    let items = (0..objects).map(|n| CopyItem {
        from: ObjectKey::new(&source_key(n)),
        to: ObjectKey::new(&target_key(to, n)),
        size,
    });
    mover.copy_all(items, &CancellationToken::new(), |_, _| {}).await.expect("copies");
}

/// Returns the key of a source object, as long as those of Milvus.
pub(crate) fn source_key(n: usize) -> String {
    let id = setup::long_id(1);
    format!("files/insert_log/{id}/{id}/{id}/100/{n}")
}

/// Returns the key of a copy, as long as those of a backup.
pub(crate) fn target_key(dir: &str, n: usize) -> String {
    let id = setup::long_id(1);
    format!("backup/{dir}/binlogs/insert_log/{id}/{id}/{id}/{id}/100/{n}")
}

async fn clear_bucket(store: &Store) {
    let all = ObjectKey::new("");
    store.delete_below(&all, &CancellationToken::new(), |_| {}).await.expect("an empty bucket");
}
