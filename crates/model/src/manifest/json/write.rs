//! Conversion from the model to the JSON files, piece by piece while they are written.

use std::collections::BTreeMap;
use std::io;

use serde::Serializer;
use serde_json::ser::Formatter;

use super::codec::{Encode, Encoded};
use super::tree::{BackupWire, CollectionWire, ColumnWire, Infos, LogWire, PartitionWire, SegmentWire};
use crate::ids::{CollectionId, FieldId, LogId};
use crate::manifest::{CollectionBackup, Manifest, PartitionBackup, Segment};

/// The state code of a successful backup in the Go releases; none of them reads it.
const SUCCESS: i32 = 2;

/// A list whose elements are generated while it is written.
pub(super) struct Each<F>(pub(super) F);

impl<F, I> Encode for Each<F>
where
    F: Fn() -> I,
    I: Iterator<Item: Encode>,
{
    fn is_zero(&self) -> bool {
        (self.0)().next().is_none()
    }

    fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq((self.0)().map(Encoded))
    }
}

/// A list that is omitted because another file contains it.
pub(super) struct Elsewhere;

impl Encode for Elsewhere {
    fn is_zero(&self) -> bool {
        true
    }

    fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_none()
    }
}

/// Returns the content of `backup_meta.json`.
pub(super) fn head(manifest: &Manifest) -> impl Encode {
    BackupWire {
        databases: Vec::new(),
        rbac: None,
        summary: manifest.summary.clone(),
        ..backup(manifest, Elsewhere)
    }
}

/// Returns the content of `full_meta.json`.
pub(super) fn full<'a>(manifest: &'a Manifest, root: &'a str) -> impl Encode + 'a {
    let tree = move || manifest.collections.iter().map(move |c| collection_tree(manifest, root, c));
    let flush = manifest.cluster_flush.clone().unwrap_or_default();
    BackupWire {
        databases: manifest.databases.clone(),
        rbac: manifest.rbac.as_ref().map(Into::into),
        flush_messages: flush.messages,
        control_channel: flush.control_channel,
        physical_channels: flush.physical_channels,
        ..backup(manifest, Each(tree))
    }
}

/// Returns a collection with its partitions, segments and files.
pub(super) fn collection_tree<'a>(
    manifest: &Manifest,
    root: &'a str,
    c: &'a CollectionBackup,
) -> impl Encode + use<'a> {
    let partitions =
        Each(move || c.partitions.iter().map(move |p| partition(c.id, p, segments(root, c.id, &p.segments))));
    collection(manifest, root, c, partitions)
}

/// Returns the content of `collection_meta.json`: partitions without segments, as 0.5 writes them, and the segments of
/// all partitions, which 0.4 reads only from this file.
pub(super) fn collections<'a>(manifest: &'a Manifest, root: &'a str) -> impl Encode + 'a {
    let infos = Each(move || {
        manifest.collections.iter().map(move |c| {
            let partitions = Each(move || c.partitions.iter().map(move |p| partition(c.id, p, Elsewhere)));
            collection(manifest, root, c, partitions)
        })
    });
    Infos { infos }
}

/// Returns the content of `partition_meta.json`.
pub(super) fn partitions(manifest: &Manifest) -> impl Encode {
    let partitions_of = |c: &'_ CollectionBackup| {
        let id = c.id;
        move |p| partition(id, p, Elsewhere)
    };
    let infos = Each(move || {
        manifest.collections.iter().flat_map(move |c| c.partitions.iter().map(partitions_of(c)))
    });
    Infos { infos }
}

/// Returns the content of `segment_meta.json`.
pub(super) fn all_segments<'a>(manifest: &'a Manifest, root: &'a str) -> impl Encode + 'a {
    let infos = Each(move || {
        manifest.collections.iter().flat_map(move |c| {
            c.partitions.iter().flat_map(|p| &p.segments).map(move |s| segment(root, c.id, s))
        })
    });
    Infos { infos }
}

fn backup<C>(manifest: &Manifest, collections: C) -> BackupWire<C> {
    BackupWire {
        id: manifest.id.clone(),
        state_code: SUCCESS,
        start_time: manifest.start_time_ms,
        end_time: manifest.end_time_ms,
        name: manifest.name.clone(),
        collections,
        size: manifest.size,
        milvus_version: manifest.milvus_version.clone(),
        rbac: None,
        databases: Vec::new(),
        flush_messages: BTreeMap::new(),
        control_channel: String::new(),
        physical_channels: Vec::new(),
        format: manifest.format.clone(),
        summary: None,
    }
}

fn collection<'a, P>(
    manifest: &Manifest,
    root: &'a str,
    c: &'a CollectionBackup,
    partitions: P,
) -> CollectionWire<P, impl Encode + use<'a, P>> {
    let mut schema = c.schema.clone();
    // the Go releases restore the properties of the schema and not those of the collection
    schema.properties.clone_from(&c.properties);
    CollectionWire {
        backup_id: manifest.id.clone(),
        start_time: c.start_time_s,
        end_time: c.end_time_s,
        id: c.id,
        db_name: c.name.database.clone(),
        name: c.name.collection.clone(),
        schema,
        shards: c.shards,
        consistency: c.consistency,
        partitions,
        backup_timestamp: c.backup_timestamp,
        size: c.size,
        has_index: !c.indexes.is_empty(),
        indexes: c.indexes.clone(),
        load_state: c.load_state,
        seal_time: c.seal_time_s,
        channel_checkpoints: c.channel_checkpoints.clone(),
        l0_segments: segments(root, c.id, &c.shared_segments),
        properties: c.properties.clone(),
        db_id: c.db_id,
        created_timestamp: c.created_timestamp,
        virtual_channels: c.virtual_channels.clone(),
        physical_channels: c.physical_channels.clone(),
        aliases: c.aliases.clone(),
        snapshot: c.snapshot.clone(),
    }
}

fn partition<S>(collection: CollectionId, p: &PartitionBackup, segments: S) -> PartitionWire<S> {
    PartitionWire {
        id: p.id,
        name: p.name.clone(),
        collection,
        segments,
        size: p.size,
        load_state: p.load_state,
    }
}

fn segments<'a>(root: &'a str, collection: CollectionId, list: &'a [Segment]) -> impl Encode + use<'a> {
    Each(move || list.iter().map(move |s| segment(root, collection, s)))
}

fn segment<'a>(root: &'a str, collection: CollectionId, s: &'a Segment) -> impl Encode + use<'a> {
    let ids = format!("{collection}/{}/{}", s.partition.to_wire(), s.id);
    let (insert, delta) = (segment_dir(root, "insert_log", &ids), segment_dir(root, "delta_log", &ids));
    let columns = move || {
        let insert = insert.clone();
        s.binlogs.chunk_by(|a, b| a.field == b.field).map(move |column| {
            let field = column.first().map(|b| b.field).unwrap_or_default();
            let dir = format!("{insert}/{field}");
            ColumnWire {
                field,
                logs: Each(move || {
                    let dir = dir.clone();
                    column.iter().map(move |b| log_wire(&dir, b.log, b.size))
                }),
            }
        })
    };
    let has_files = !(s.binlogs.is_empty() && s.delta_logs.is_empty());
    // The form of 0.4, which the later releases read too: one column for each file, with the file's id as its own, and
    // one empty column if there is no file.
    let deletes = move || {
        let delta = delta.clone();
        let columns = s.delta_logs.iter().map(move |d| ColumnWire {
            field: FieldId(d.log.0),
            logs: vec![log_wire(&delta, d.log, d.size)],
        });
        columns.chain((has_files && s.delta_logs.is_empty()).then(ColumnWire::default))
    };
    SegmentWire {
        id: s.id,
        collection,
        partition: s.partition.to_wire(),
        rows: s.rows,
        binlogs: Each(columns),
        delta_logs: Each(deletes),
        size: s.size(),
        group_id: s.group_id,
        backuped: has_files,
        is_l0: !s.kind.has_rows(),
        virtual_channel: s.virtual_channel.clone(),
        storage_version: s.storage_version,
    }
}

/// Returns a directory in Milvus's storage; `root` is written as Milvus writes it, with a leading slash if it has one.
fn segment_dir(root: &str, kind: &str, ids: &str) -> String {
    match root.trim_end_matches('/') {
        "" => format!("{kind}/{ids}"),
        root => format!("{root}/{kind}/{ids}"),
    }
}

fn log_wire(dir: &str, id: LogId, size: u64) -> LogWire<String> {
    LogWire { path: format!("{dir}/{id}"), size, id }
}

/// Escapes what Go's encoder escapes, so that the same values give the same bytes.
pub(super) struct GoStrings;

impl Formatter for GoStrings {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, to: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) =
            rest.char_indices().find(|(_, c)| matches!(c, '<' | '>' | '&' | '\u{2028}' | '\u{2029}'))
        {
            let (plain, tail) = rest.split_at(at);
            to.write_all(plain.as_bytes())?;
            write!(to, "\\u{:04x}", u32::from(c))?;
            rest = tail.strip_prefix(c).unwrap_or_default();
        }
        to.write_all(rest.as_bytes())
    }
}
