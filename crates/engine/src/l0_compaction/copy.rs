//! Copies one collection of a backup without its L0 segments, and writes the new delta logs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::ids::{PartitionId, PartitionScope, SegmentId};
use model::key::ObjectKey;
use model::manifest::object_list::ListedFile;
use model::manifest::{CollectionBackup, DeltaLog, Segment};
use model::plan::backup::segments;
use model::plan::replace_l0;
use model::segment::SegmentKind;
use storage::CopyItem;

use super::PreparedL0Compaction;
use crate::catalog::{
    CollectionComparison, CollectionFacts, ComparedFile, ComparedObject, ObjectListWriter, SegmentContents,
    SegmentEnds, missing_copy_error,
};
use crate::{CollectionPhase, Error, Event, JobCtx};

/// The number of segments whose deletes are folded at the same time.
const SEGMENTS_AT_ONCE: usize = 4;

/// Copies a collection into the new backup, verifies it, and returns it as the new manifest has it, with facts about it.
pub(super) async fn copy_collection(
    prepared: &PreparedL0Compaction,
    index: usize,
    collection: &CollectionBackup,
    ctx: &JobCtx,
) -> Result<(CollectionBackup, CollectionFacts), Error> {
    let emit = |phase| ctx.emit(Event::Collection { collection: collection.name.clone(), phase });
    emit(CollectionPhase::Copying);
    let effects = prepared.effects.get(&index);
    let changed = effects.into_iter().flatten().filter(|(_, effect)| !effect.own_logs_suffice);
    let folded: BTreeSet<SegmentId> = changed.map(|(id, _)| *id).collect();
    let items: Vec<CopyItem> = files_to_copy(prepared, collection, &folded).collect();
    let bytes = items.iter().map(|item| item.size).sum();
    let name = || collection.name.clone();
    ctx.emit(Event::Planned { collection: name(), objects: items.len() as u64, bytes });
    let on_copied = |item: &CopyItem, _: &storage::CopyResult| {
        ctx.emit(Event::ObjectCopied { collection: name(), bytes: item.size });
    };
    let copied = prepared.mover.copy_all(items.into_iter(), ctx.cancel(), on_copied).await;
    copied.map_err(|error| Error::from(error.error))?;
    let new_logs = write_new_logs(prepared, collection, &folded).await?;
    let copied = replace_l0(collection.clone(), &new_logs);
    emit(CollectionPhase::Verifying);
    verify(prepared, &copied).await?;
    let deletes = prepared.catalog.count_delete_entries(&prepared.request.into, &copied).await?;
    emit(CollectionPhase::Done);
    let facts = CollectionFacts::new(&copied, &BTreeMap::new(), &deletes);
    Ok((copied, facts))
}

/// Lists the files that the new backup has unchanged: all but those of L0 segments, and the delta logs to be replaced.
fn files_to_copy(
    prepared: &PreparedL0Compaction,
    collection: &CollectionBackup,
    folded: &BTreeSet<SegmentId>,
) -> impl Iterator<Item = CopyItem> {
    let PreparedL0Compaction { catalog, request, .. } = prepared;
    let (from, to) = (catalog.layout(&request.name), catalog.layout(&request.into));
    let id = collection.id;
    let kept = segments(collection).filter(|(_, segment)| segment.kind != SegmentKind::Deletes);
    kept.flat_map(move |(scope, segment)| {
        let group = segment.group_id;
        let partition = PartitionId(scope.to_wire());
        let item = |[from, to]: [ObjectKey; 2], size| CopyItem { from, to, size };
        let inserts = segment.binlogs.iter().map(|b| {
            let keys = [&from, &to]
                .map(|layout| layout.insert_key(id, partition, group, segment.id, b.field, b.log));
            item(keys, b.size)
        });
        let deltas = segment.delta_logs.iter().filter(|_| !folded.contains(&segment.id)).map(|d| {
            item([&from, &to].map(|layout| layout.delta_key(id, scope, group, segment.id, d.log)), d.size)
        });
        inserts.chain(deltas).collect::<Vec<_>>()
    })
}

/// Writes the delta logs of the folded segments, and returns them; `None` for a segment in which no row is deleted.
async fn write_new_logs(
    prepared: &PreparedL0Compaction,
    collection: &CollectionBackup,
    folded: &BTreeSet<SegmentId>,
) -> Result<BTreeMap<SegmentId, Option<DeltaLog>>, Error> {
    let PreparedL0Compaction { catalog, request, .. } = prepared;
    if folded.is_empty() {
        return Ok(BTreeMap::new());
    }
    let l0 = catalog.read_l0(&request.name, collection, SegmentEnds::new()).await?;
    let Some(contents) = catalog.open_segments(&request.name, collection, &l0) else {
        return Ok(BTreeMap::new());
    };
    let contents = &contents;
    let partitions = collection.partitions.iter();
    let wanted = partitions.flat_map(|p| p.segments.iter().map(move |segment| (p.id, segment)));
    let writes: Vec<_> = wanted
        .filter(|(_, segment)| folded.contains(&segment.id))
        .map(|(partition, segment)| write_new_log(prepared, collection, contents, partition, segment).boxed())
        .collect();
    stream::iter(writes).buffer_unordered(SEGMENTS_AT_ONCE).try_collect().await
}

async fn write_new_log(
    prepared: &PreparedL0Compaction,
    collection: &CollectionBackup,
    contents: &SegmentContents<'_>,
    partition: PartitionId,
    segment: &Segment,
) -> Result<(SegmentId, Option<DeltaLog>), Error> {
    let PreparedL0Compaction { catalog, request, .. } = prepared;
    let Some((log, file)) = contents.fold_deletes(partition, segment).await? else {
        return Ok((segment.id, None));
    };
    let scope = PartitionScope::One(partition);
    let key =
        catalog.layout(&request.into).delta_key(collection.id, scope, segment.group_id, segment.id, log.log);
    catalog.store.write(&key, file).await?;
    Ok((segment.id, Some(log)))
}

/// Compares the files of the new collection with its manifest, and writes its object list.
async fn verify(prepared: &PreparedL0Compaction, collection: &CollectionBackup) -> Result<(), Error> {
    let PreparedL0Compaction { catalog, request, .. } = prepared;
    let layout = catalog.layout(&request.into);
    let mut comparison = CollectionComparison::new(&catalog.store, layout.clone(), collection);
    if comparison.expects_nothing() {
        return Ok(());
    }
    let mut list = ObjectListWriter::create(&catalog.store, &layout, collection.id).await?;
    while let Some(ComparedObject { object, file }) = comparison.next().await? {
        let Some(file) = file else { continue };
        if !file.has_size_of(&object) {
            return Err(file.size_error(&object, catalog.store.describe(&object.key)));
        }
        let ComparedFile { scope, id, size } = file;
        let etag = object.meta.etag.as_deref().map(Cow::Borrowed);
        list.push(&ListedFile { scope, file: id, size, etag }).await?;
    }
    list.close().await?;
    match comparison.missing().next() {
        None => Ok(()),
        Some((_, file)) => Err(missing_copy_error(&collection.name.to_string(), file)),
    }
}
