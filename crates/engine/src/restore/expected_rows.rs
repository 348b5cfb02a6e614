//! The rows that a restore must bring, counted where the backup has deletes.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use model::ids::{PartitionId, SegmentId};
use model::manifest::CollectionBackup;
use model::name::BackupName;
use model::plan::restore::{CollectionPlan, PrefixFacts, RestorePlan};

use crate::catalog::{Catalog, LiveRows};
use crate::{Event, JobCtx};

/// The number of collections whose rows are counted at the same time.
const COLLECTIONS_AT_ONCE: usize = 4;

type Prefixes = BTreeMap<PartitionId, PrefixFacts>;

/// Counts the live rows of the segments with deletes, and adds them to the facts about their partitions.
///
/// Returns warnings about collections whose rows cannot be counted; the plan then has a range for them.
pub(super) async fn count_expected_rows(
    catalog: &Catalog,
    name: &BackupName,
    collections: &[&CollectionBackup],
    prefixes: &mut Prefixes,
    ctx: &JobCtx,
) -> Vec<String> {
    let started = Instant::now();
    let counts: Vec<_> = collections
        .iter()
        .map(|collection| {
            catalog.count_live_rows(name, collection).map(move |counted| (*collection, counted)).boxed()
        })
        .collect();
    let mut counts = stream::iter(counts).buffered(COLLECTIONS_AT_ONCE);
    let (mut warnings, mut segments) = (Vec::new(), 0);
    while let Some((collection, counted)) = counts.next().await {
        match counted {
            Ok(live) => {
                segments += live.len();
                add_to_prefixes(collection, &live, prefixes);
            }
            Err(error) => {
                let (collection, cause) = (&collection.name, crate::error::chain(&error));
                warnings.push(format!("the live rows of {collection} cannot be counted: {cause}"));
            }
        }
    }
    if segments > 0 {
        let ms = started.elapsed().as_millis();
        let of = if segments == 1 { "1 segment" } else { &format!("{segments} segments") };
        ctx.emit(Event::Note(format!(
            "counted the live rows of {of} with deletes by key and time, in {ms} ms"
        )));
    }
    warnings
}

fn add_to_prefixes(
    collection: &CollectionBackup,
    live: &BTreeMap<SegmentId, LiveRows>,
    prefixes: &mut Prefixes,
) {
    for partition in &collection.partitions {
        let counted = partition.segments.iter().filter_map(|s| Some((s.id, live.get(&s.id)?)));
        for (segment, LiveRows { rows, inserted_again }) in counted {
            let prefix = prefixes.entry(partition.id).or_default();
            prefix.live.insert(segment, *rows);
            prefix.inserted_again += inserted_again;
        }
    }
}

/// Describes the rows that a target loses whose imports apply deletes regardless of their time.
pub(super) fn describe_lost_insertions(plan: &RestorePlan) -> Option<String> {
    let with_deletes = plan.collections.iter().filter(|c| c.jobs.iter().any(|job| job.has_deltas));
    let lost: Vec<String> = with_deletes.filter_map(describe_loss).collect();
    (!lost.is_empty()).then(|| {
        format!(
            "imports of this Milvus (before 2.3.4) apply deletes regardless of their time, so rows that were deleted \
             and inserted again will be missing in {}",
            lost.join(", ")
        )
    })
}

/// Names a target with the number of rows that it loses; `None` if it loses none.
fn describe_loss(plan: &CollectionPlan) -> Option<String> {
    let target = &plan.target;
    if plan.partitions.iter().any(|partition| partition.rows.min != partition.rows.max) {
        return Some(target.to_string());
    }
    match plan.partitions.iter().map(|partition| partition.may_lose).sum() {
        0 => None,
        1u64 => Some(format!("{target} (1 row)")),
        rows => Some(format!("{target} ({rows} rows)")),
    }
}
