//! The ends of a truncated restore: the checkpoint of the channel of each segment.

use std::collections::HashMap;

use milvus::{Milvus, checkpoint_time};
use model::ids::Tso;
use model::manifest::{CollectionBackup, Segment};
use model::name::CollectionRef;
use model::plan::backup::segments;
use model::plan::restore::RestoreRequest;

use crate::Error;
use crate::catalog::SegmentEnds;

/// The ends of the segments of a truncated restore, by the name of their collection in the backup.
pub(super) type CollectionEnds = HashMap<CollectionRef, SegmentEnds>;

/// Returns the end of each segment of these collections, in the unit of time of the target, and an error for each
/// collection with a segment whose channel or checkpoint is not in the backup. Both are empty if the restore is not
/// truncated.
pub(super) fn find_ends(
    request: &RestoreRequest,
    collections: &[&CollectionBackup],
    target: &Milvus,
) -> (CollectionEnds, Vec<Error>) {
    let (mut found, mut problems) = (CollectionEnds::new(), Vec::new());
    if !request.options.truncate_by_ts || request.options.meta_only {
        return (found, problems);
    }
    let in_ms = target.capabilities().import_ends_in_ms;
    for collection in collections {
        let ends = segments(collection).map(|(_, segment)| {
            let end = find_checkpoint(collection, segment).ok_or_else(|| Error::NoCheckpoint {
                collection: collection.name.to_string(),
                segment: segment.id,
            })?;
            Ok((segment.id, if in_ms { end.without_counter() } else { end }))
        });
        match ends.collect() {
            Ok(ends) => drop(found.insert(collection.name.clone(), ends)),
            Err(problem) => problems.push(problem),
        }
    }
    (found, problems)
}

/// Returns the checkpoint of the channel of a segment; a segment without a known channel belongs to the only one.
fn find_checkpoint(collection: &CollectionBackup, segment: &Segment) -> Option<Tso> {
    let checkpoints = &collection.channel_checkpoints;
    let position = match segment.virtual_channel.as_deref().filter(|channel| !channel.is_empty()) {
        Some(channel) => checkpoints.get(channel),
        None if collection.shards <= 1 && checkpoints.len() == 1 => checkpoints.values().next(),
        None => None,
    };
    checkpoint_time(position?)
}
