//! Finds out before anything is changed whether the target accepts the rows of a backup as inserts.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Instant;

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use model::ids::PartitionId;
use model::manifest::{CollectionBackup, Schema};
use model::name::{BackupName, CollectionRef};
use model::version::Capabilities;
use rows::ReadOptions;

use crate::catalog::{Catalog, SegmentEnds};
use crate::insert_rows::RowEncoder;
use crate::{Error, Event, JobCtx};

/// The number of collections whose rows are read at the same time.
const COLLECTIONS_AT_ONCE: usize = 4;

/// The number of live rows of each partition.
pub(super) type LiveRows = BTreeMap<PartitionId, u64>;

/// A collection of the backup, and the schema of the target into which its rows are inserted.
pub(super) struct InsertTarget<'a> {
    pub(super) backup: &'a CollectionBackup,
    pub(super) target: &'a CollectionRef,
    pub(super) schema: &'a Schema,
}

/// Returns every reason why the fields of the backup do not fit the targets; reads no rows.
pub(super) fn field_problems(targets: &[InsertTarget<'_>], capabilities: &Capabilities) -> Vec<Error> {
    let problem = |it: &InsertTarget<'_>| {
        let encoder = RowEncoder::new(&it.backup.schema, it.schema, capabilities, None);
        encoder.err().map(|problems| not_insertable(it.backup, it.target, &problems))
    };
    targets.iter().filter_map(problem).collect()
}

/// Reads all rows, counts them, and looks for values that the target would refuse or change.
///
/// Fails with the first such row of each collection.
pub(super) async fn check_rows(
    catalog: &Catalog,
    name: &BackupName,
    targets: &[InsertTarget<'_>],
    capabilities: &Capabilities,
    ctx: &JobCtx,
) -> Result<BTreeMap<CollectionRef, LiveRows>, Error> {
    let started = Instant::now();
    // The futures are made beforehand, so that this one is `Send`.
    let checks: Vec<_> = targets
        .iter()
        .map(|it| check_collection(catalog, name, it, capabilities).map(move |rows| (it, rows)).boxed())
        .collect();
    let mut checked = stream::iter(checks).buffered(COLLECTIONS_AT_ONCE);
    let (mut live, mut problems) = (BTreeMap::new(), Vec::new());
    while let Some((it, rows)) = checked.next().await {
        match rows {
            Ok(rows) => drop(live.insert(it.target.clone(), rows)),
            Err(problem @ Error::NotInsertable { .. }) => problems.push(problem),
            Err(error) => return Err(error),
        }
    }
    if !problems.is_empty() {
        return Err(Error::from_problems(problems));
    }
    let rows: u64 = live.values().flat_map(BTreeMap::values).sum();
    let ms = started.elapsed().as_millis();
    ctx.emit(Event::Note(format!("read {rows} rows to check that they can be inserted, in {ms} ms")));
    Ok(live)
}

async fn check_collection(
    catalog: &Catalog,
    name: &BackupName,
    it: &InsertTarget<'_>,
    capabilities: &Capabilities,
) -> Result<LiveRows, Error> {
    let InsertTarget { backup, target, schema } = it;
    let encoder = RowEncoder::new(&backup.schema, schema, capabilities, None)
        .map_err(|problems| not_insertable(backup, target, &problems))?;
    let l0 = catalog.read_l0(name, backup, SegmentEnds::new()).await?;
    let Some(contents) = catalog.open_segments(name, backup, &l0) else {
        return Err(Error::NoKey { collection: backup.name.to_string(), backup: name.to_string() });
    };
    let options =
        ReadOptions { columns: Some(encoder.fields().to_vec()), binary_text: true, ..ReadOptions::default() };
    let mut live = LiveRows::new();
    for (partition, segment) in contents.row_segments() {
        let rows = live.entry(partition.id).or_default();
        let mut reader = contents.read_rows(partition.id, segment, &options).await?;
        while let Some(batch) = reader.next().await? {
            *rows += batch.num_rows() as u64;
            if let Some(problem) = encoder.check(&batch) {
                return Err(not_insertable(backup, target, &[problem]));
            }
        }
    }
    Ok(live)
}

/// Makes an error of the reasons why rows cannot be inserted.
pub(super) fn not_insertable<P: Display>(
    backup: &CollectionBackup,
    target: &CollectionRef,
    problems: &[P],
) -> Error {
    Error::NotInsertable {
        collection: backup.name.to_string(),
        target: target.to_string(),
        problems: problems.iter().map(ToString::to_string).collect(),
    }
}
