//! The ends of a truncated restore: the checkpoint of the channel of each segment.

use milvus::{Milvus, checkpoint_time};
use model::ids::Tso;
use model::manifest::{CollectionBackup, Segment};
use model::plan::backup::segments;
use model::plan::restore::RestoreRequest;

use crate::Error;
use crate::catalog::SegmentEnds;

/// Returns the end of each segment of a collection, in the unit of time of the target; nothing if the restore is not
/// truncated.
///
/// Fails if the channel of a segment or its checkpoint is not in the backup.
pub(super) fn find_ends(
    request: &RestoreRequest,
    collection: &CollectionBackup,
    target: &Milvus,
) -> Result<SegmentEnds, Error> {
    if !request.options.truncate_by_ts || request.options.meta_only {
        return Ok(SegmentEnds::new());
    }
    let in_ms = target.capabilities().import_ends_in_ms;
    let ends = segments(collection).map(|(_, segment)| {
        let end = find_checkpoint(collection, segment).ok_or_else(|| Error::NoCheckpoint {
            collection: collection.name.to_string(),
            segment: segment.id,
        })?;
        Ok((segment.id, if in_ms { end.without_counter() } else { end }))
    });
    ends.collect()
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
