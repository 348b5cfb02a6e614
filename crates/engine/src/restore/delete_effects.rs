//! The effect of the deletes in a backup: how many rows a restore must bring, and which segments need other files.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use model::ids::{PartitionId, SegmentId};
use model::manifest::CollectionBackup;
use model::name::BackupName;
use model::plan::restore::{DeleteEffect, PrefixFacts};

use crate::catalog::{Catalog, SegmentEnds, has_l0_logs};
use crate::{Error, Event, JobCtx};

/// The number of collections whose rows are read at the same time.
const COLLECTIONS_AT_ONCE: usize = 4;

type Prefixes = BTreeMap<PartitionId, PrefixFacts>;

/// Finds the effect of deletes and of the ends on the segments of each collection, and adds it to the facts about their
/// partitions.
///
/// Returns warnings about collections whose segments cannot be read; the plan then has a range of rows for them. Fails
/// if such a collection has L0 segments, because their deletes would be lost, or if it is truncated.
pub(super) async fn find_delete_effects(
    catalog: &Catalog,
    name: &BackupName,
    collections: Vec<(&CollectionBackup, SegmentEnds)>,
    ignores_delete_times: bool,
    prefixes: &mut Prefixes,
    ctx: &JobCtx,
) -> Result<Vec<String>, Error> {
    let started = Instant::now();
    let effects: Vec<_> = collections
        .into_iter()
        .map(|(collection, ends)| {
            let is_exact = has_l0_logs(collection) || !ends.is_empty();
            let found = catalog.find_delete_effects(name, collection, ends);
            found.map(move |found| (collection, is_exact, found)).boxed()
        })
        .collect();
    let mut effects = stream::iter(effects).buffered(COLLECTIONS_AT_ONCE);
    let (mut warnings, mut segments) = (Vec::new(), 0);
    while let Some((collection, is_exact, found)) = effects.next().await {
        match found {
            Ok(found) => {
                segments += found.len();
                add_to_prefixes(collection, &found, prefixes);
            }
            Err(error) if is_exact => return Err(error.into()),
            Err(error) => {
                let (collection, cause) = (&collection.name, crate::error::chain(&error));
                let consequence = if ignores_delete_times {
                    "; imports of this Milvus (before 2.3.4) apply deletes regardless of their time, so rows that were \
                     deleted and inserted again may be missing"
                } else {
                    ""
                };
                warnings
                    .push(format!("the live rows of {collection} cannot be counted: {cause}{consequence}"));
            }
        }
    }
    if segments > 0 {
        let ms = started.elapsed().as_millis();
        let of = if segments == 1 { "1 segment" } else { &format!("{segments} segments") };
        ctx.emit(Event::Note(format!("counted the live rows of {of} by key and time, in {ms} ms")));
    }
    Ok(warnings)
}

fn add_to_prefixes(
    collection: &CollectionBackup,
    found: &BTreeMap<SegmentId, DeleteEffect>,
    prefixes: &mut Prefixes,
) {
    for partition in &collection.partitions {
        let effects = partition.segments.iter().filter_map(|s| Some((s.id, *found.get(&s.id)?)));
        prefixes.entry(partition.id).or_default().segments.extend(effects);
    }
}
