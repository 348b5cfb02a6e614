//! `inspect` for people.

use std::fmt::Write;

use wire::{BackupContents, CollectionContentsDetail, RowKey, SegmentContentsDetail};

use super::super::units::{bytes, columns, count, minute};
use super::rows::shorten;

/// The contents of collections: a line for each, or for each of its segments.
pub(crate) fn contents(backup: &BackupContents, with_segments: bool) -> String {
    let mut text = String::new();
    if with_segments {
        for collection in &backup.collections {
            text.push_str(&segments(collection));
        }
    } else {
        let head = ["COLLECTION", "ROWS", "LIVE", "SEGMENTS", "L0", "SIZE", "KEYS"].map(str::to_owned);
        let lines: Vec<_> = [head].into_iter().chain(backup.collections.iter().map(summary)).collect();
        text.push_str(&columns(&lines));
    }
    for collection in &backup.collections {
        for odd in &collection.odd {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "Odd: {}: {odd}", collection.name);
        }
        for partition in &collection.partitions {
            for segment in &partition.segments {
                for odd in &segment.odd {
                    // Writing to a String cannot fail.
                    let _ = writeln!(text, "Odd: segment {} of {}: {odd}", segment.id, collection.name);
                }
            }
        }
    }
    text
}

fn summary(collection: &CollectionContentsDetail) -> [String; 7] {
    let segments = || collection.partitions.iter().flat_map(|partition| &partition.segments);
    let first = segments().filter_map(|segment| segment.first_key.as_ref()).min();
    let last = segments().filter_map(|segment| segment.last_key.as_ref()).max();
    [
        collection.name.clone(),
        count(collection.rows),
        live(collection.live_rows),
        count(segments().count() as u64),
        count(collection.l0_segments as u64),
        bytes(segments().map(size).fold(0, u64::saturating_add)),
        range(first, last),
    ]
}

fn segments(collection: &CollectionContentsDetail) -> String {
    let head = ["PARTITION", "SEGMENT", "FORMAT", "ROWS", "LIVE", "INSERTED (UTC)", "SIZE", "KEYS"];
    let mut lines = vec![head.map(str::to_owned)];
    for partition in &collection.partitions {
        lines.extend(partition.segments.iter().map(|segment| {
            let times = [segment.first_time, segment.last_time].map(|time| time.map(minute));
            let times = match times {
                [Some(first), Some(last)] if first == last => first,
                [Some(first), Some(last)] => format!("{first} to {last}"),
                _ => "-".to_owned(),
            };
            [
                partition.name.clone(),
                segment.id.to_string(),
                segment.format.clone(),
                count(segment.rows),
                live(segment.live_rows),
                times,
                bytes(size(segment)),
                range(segment.first_key.as_ref(), segment.last_key.as_ref()),
            ]
        }));
    }
    let mut text = columns(&lines);
    if collection.l0_segments > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "L0 segments: {}", count(collection.l0_segments as u64));
    }
    text
}

fn size(segment: &SegmentContentsDetail) -> u64 {
    segment.bytes.values().fold(0, |sum, size| sum.saturating_add(*size))
}

fn live(rows: Option<u64>) -> String {
    rows.map_or_else(|| "unreadable".to_owned(), count)
}

fn range(first: Option<&RowKey>, last: Option<&RowKey>) -> String {
    let text = |key: &RowKey| match key {
        RowKey::Number(key) => key.to_string(),
        RowKey::Text(key) => format!("\"{}\"", shorten(key)),
    };
    match (first, last) {
        (Some(first), Some(last)) => format!("{} to {}", text(first), text(last)),
        _ => "-".to_owned(),
    }
}
