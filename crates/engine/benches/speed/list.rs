//! Measures the list of 1,000 backups, compared with a bare loop of the same requests: one listing, and the heads.

use engine::{BackupState, JobCtx};
use futures::stream::{self, StreamExt};
use model::key::ObjectKey;
use model::layout::backup::{BackupLayout, MB_MANIFEST, ManifestFile};
use model::manifest::{Manifest, ManifestSummary, json};
use testkit::names;
use testkit::servers::S3Server;
use tokio_util::sync::CancellationToken;

use crate::measure::{Stopwatch, median, peak_mb, print_result};
use crate::s3::BareClient;
use crate::setup;

const BACKUPS: usize = 1000;
const ROUNDS: usize = 7;
/// The number of concurrent requests, the same as in the engine.
const CONCURRENCY: usize = 64;
/// The time that the Go tool 0.5.16 needed on such a store, in seconds.
const GO_S: f64 = 10.7;

/// Lists in turns with the engine and a bare loop, and prints the times.
pub(crate) async fn measure_list(endpoint: &str) {
    let bucket = names::bucket("bench-list");
    S3Server { endpoint: endpoint.to_owned() }.create_bucket(&bucket).await;
    let place = setup::bucket_place(endpoint, &bucket, "backup");
    let store = setup::open_store(&place);
    eprintln!("list: writing {BACKUPS} backups");
    stream::iter(0..BACKUPS).for_each_concurrent(CONCURRENCY, |n| write_backup(&store, &place.root, n)).await;
    let engine = setup::create_engine(setup::unused_milvus(), place.clone(), place);
    let [mut ours, mut theirs] = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        // The two take turns, and each is the first one equally often. Both open new connections.
        for turn in [round % 2, (round + 1) % 2] {
            let watch = Stopwatch::start();
            if turn == 0 {
                let found = engine.list(&JobCtx::detached()).await.expect("a list");
                ours.push(watch.wall_s());
                let complete = found.iter().filter(|b| b.state == BackupState::Complete);
                assert_eq!((found.len(), complete.count()), (BACKUPS, BACKUPS));
            } else {
                let bare = BareClient::new(endpoint);
                let dirs = bare.list_dirs(&bucket, "backup/").await;
                assert_eq!(dirs.len(), BACKUPS);
                let heads =
                    dirs.into_iter().map(|dir| format!("{bucket}/{dir}meta/{}", ManifestFile::Head.as_str()));
                assert!(bare.get_all(heads, CONCURRENCY).await > 0);
                theirs.push(watch.wall_s());
            }
        }
    }
    eprintln!("list: ours {ours:.2?} s, bare loop {theirs:.2?} s, peak {:.0} MB", peak_mb());
    store
        .delete_below(&ObjectKey::new(""), &CancellationToken::new(), |_| {})
        .await
        .expect("an empty bucket");
    let (ours, theirs) = (median(ours), median(theirs));
    let figure = |seconds: f64| format!("{seconds:.2} s");
    print_result(
        "list of 1,000 backups, against a bare loop",
        &figure(ours),
        &figure(theirs),
        ours / theirs,
        "<= 1.2",
    );
    print_result(
        "list of 1,000 backups, against Go 0.5.16",
        &figure(ours),
        &figure(GO_S),
        ours / GO_S,
        "<= 0.25",
    );
}

/// Writes the metadata files of an empty backup.
async fn write_backup(store: &storage::Store, root: &ObjectKey, n: usize) {
    let name = format!("nightly_{n:04}");
    let layout = BackupLayout::new(root, &name.parse().expect("a name"));
    let summary = ManifestSummary {
        format_version: 1,
        tool: "milvus-backup 0.1.0".to_owned(),
        ..ManifestSummary::default()
    };
    let manifest = Manifest {
        id: "00000000-0000-0000-0000-000000000000".to_owned(),
        name,
        milvus_version: "2.3.5".to_owned(),
        summary: Some(summary),
        ..Manifest::default()
    };
    let mut head = Vec::new();
    json::write_manifest_file(ManifestFile::Head, &manifest, "files", &mut head).expect("a head");
    let mut full = Vec::new();
    json::write_manifest_file(ManifestFile::Full, &manifest, "files", &mut full).expect("a manifest");
    let empty = b"{}".to_vec();
    for (file, body) in [
        (ManifestFile::Collections.as_str(), empty.clone()),
        (ManifestFile::Partitions.as_str(), empty.clone()),
        (ManifestFile::Segments.as_str(), empty.clone()),
        (MB_MANIFEST, empty),
        (ManifestFile::Full.as_str(), full),
        (ManifestFile::Head.as_str(), head),
    ] {
        store.write(&layout.meta_file(file), body.into()).await.expect("a file");
    }
}
