//! The compatible JSON files of a backup, as Milvus Backup (Go) 0.4, 0.5 and its development head know them.
//!
//! One shape serves all three: 0.4 reads the four level files, the later ones `full_meta.json` where it exists.
//! Reading takes any of the three and ours; every file is read and written in a stream, and of a million objects
//! only ids and sizes are kept. Where data lies follows from ids alone; recorded paths are never trusted.

mod codec;
mod rbac;
mod read;
mod schema;
mod tree;
mod values;
mod write;

use std::io::{self, BufReader, BufWriter};

use serde::Serialize;

use super::{CollectionBackup, DatabaseBackup, Manifest};
use crate::layout::backup::{BACKUP_META, COLLECTION_META, PARTITION_META, SEGMENT_META};
use codec::{Decode, Encode, Encoded};
use read::{CollectionRead, PartitionRead, SegmentRead};
use tree::{BackupWire, Infos};

/// Bytes read or written at once.
const BUFFER: usize = 64 * 1024;

/// Why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The reader or writer failed.
    #[error("the file cannot be read or written")]
    Io(#[from] io::Error),
    /// No JSON, or other JSON than that of a backup; the cause says where.
    #[error("this is not the JSON of a backup")]
    Damaged(#[source] serde_json::Error),
    /// JSON that says nothing of a backup.
    #[error("this JSON names no backup")]
    Nameless,
    /// The level files do not belong together.
    #[error("{child} belongs to {parent}, which is nowhere")]
    Orphan {
        /// What has no place.
        child: String,
        /// The missing place.
        parent: String,
    },
    /// One of the level files is wrong.
    #[error("{file} is damaged")]
    Level {
        /// The file's name.
        file: &'static str,
        /// What is wrong with it.
        source: Box<JsonError>,
    },
}

impl JsonError {
    fn of(file: &'static str) -> impl Fn(Self) -> Self {
        move |source| Self::Level { file, source: Box::new(source) }
    }
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        if error.is_io() { Self::Io(error.into()) } else { Self::Damaged(error) }
    }
}

/// Reads `full_meta.json`.
pub fn read_full(full: impl io::Read) -> Result<Manifest, JsonError> {
    let mut wire: BackupWire<Vec<CollectionRead>> = read_backup(full)?;
    let collections = std::mem::take(&mut wire.collections).into_iter().map(read::collection).collect();
    Ok(read::manifest(wire, collections))
}

/// Reads `backup_meta.json`: everything but the collections.
pub fn read_backup_meta(backup: impl io::Read) -> Result<Manifest, JsonError> {
    let wire: BackupWire<()> = read_backup(backup)?;
    Ok(read::manifest(wire, Vec::new()))
}

/// Reads the four level files, as backups of 0.4 are to be read.
///
/// Fails if a partition or segment belongs nowhere: leaving it out would lose rows without a word.
pub fn read_levels(
    backup: impl io::Read,
    collection: impl io::Read,
    partition: impl io::Read,
    segment: impl io::Read,
) -> Result<Manifest, JsonError> {
    let mut manifest = read_backup_meta(backup).map_err(JsonError::of(BACKUP_META))?;
    let collections: Infos<Vec<CollectionRead>> =
        read_file(collection).map_err(JsonError::of(COLLECTION_META))?;
    // some makers put the tree here too; the other files are what every reader goes by
    let bare = |wire| read::collection(CollectionRead { partitions: Vec::new(), ..wire });
    manifest.collections = collections.infos.into_iter().map(bare).collect();
    read_file(partition)
        .and_then(|file: Infos<Vec<PartitionRead>>| {
            read::join_partitions(&mut manifest.collections, file.infos)
        })
        .map_err(JsonError::of(PARTITION_META))?;
    read_file(segment)
        .and_then(|file: Infos<Vec<SegmentRead>>| read::join_segments(&mut manifest.collections, file.infos))
        .map_err(JsonError::of(SEGMENT_META))?;
    Ok(manifest)
}

/// Writes `backup_meta.json`: everything but the collections, with the summary.
///
/// It needs no `log_root`; all five writers have one shape, so that a caller can go through them in order.
pub fn write_backup_meta(manifest: &Manifest, _log_root: &str, to: impl io::Write) -> Result<(), JsonError> {
    write_file(&write::head(manifest), to)
}

/// Writes `collection_meta.json`; `log_root` is Milvus's root path, for the recorded paths.
pub fn write_collection_meta(
    manifest: &Manifest,
    log_root: &str,
    to: impl io::Write,
) -> Result<(), JsonError> {
    write_file(&write::collections(manifest, log_root), to)
}

/// Writes `partition_meta.json`; it needs no `log_root` either.
pub fn write_partition_meta(
    manifest: &Manifest,
    _log_root: &str,
    to: impl io::Write,
) -> Result<(), JsonError> {
    write_file(&write::partitions(manifest), to)
}

/// Writes `segment_meta.json`; `log_root` as for [`write_collection_meta`].
pub fn write_segment_meta(manifest: &Manifest, log_root: &str, to: impl io::Write) -> Result<(), JsonError> {
    write_file(&write::all_segments(manifest, log_root), to)
}

/// Writes `full_meta.json`; `log_root` as for [`write_collection_meta`].
pub fn write_full_meta(manifest: &Manifest, log_root: &str, to: impl io::Write) -> Result<(), JsonError> {
    write_file(&write::full(manifest, log_root), to)
}

/// A collection of a manifest with all below it, as `full_meta.json` holds it; for other documents in this encoding.
pub fn collection<'a>(
    manifest: &Manifest,
    collection: &'a CollectionBackup,
    log_root: &'a str,
) -> impl Serialize + use<'a> {
    Encoded(write::whole(manifest, log_root, collection))
}

/// A database as `full_meta.json` holds it; for other documents in this encoding.
pub fn database(database: &DatabaseBackup) -> impl Serialize {
    Encoded(database)
}

/// Writes a document with the escapes of these files.
pub fn write_document(document: &impl Serialize, to: impl io::Write) -> Result<(), JsonError> {
    let mut to = BufWriter::with_capacity(BUFFER, to);
    document.serialize(&mut serde_json::Serializer::with_formatter(&mut to, write::GoStrings))?;
    Ok(io::Write::flush(&mut to)?)
}

fn read_backup<C: Decode>(from: impl io::Read) -> Result<BackupWire<C>, JsonError> {
    let wire: BackupWire<C> = read_file(from)?;
    if wire.id.is_empty() && wire.name.is_empty() { Err(JsonError::Nameless) } else { Ok(wire) }
}

fn read_file<T: Decode>(from: impl io::Read) -> Result<T, JsonError> {
    let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(BUFFER, from));
    let value = T::decode(&mut json)?;
    json.end()?;
    Ok(value)
}

fn write_file(value: &impl Encode, to: impl io::Write) -> Result<(), JsonError> {
    write_document(&Encoded(value), to)
}
