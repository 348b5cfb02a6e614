//! The JSON files of a backup, compatible with Milvus Backup (Go) 0.4, 0.5 and its development head.
//!
//! One set of files serves all three: 0.4 reads the four level files, the others `full_meta.json` where it exists.
//! The files of all three, and those of this program, can be read. Every file is read and written as a stream, and
//! only the ids and sizes of objects are stored in memory. The keys of objects follow from ids alone; recorded paths
//! are never used.

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
use crate::layout::backup::ManifestFile;
use codec::{Decode, Encode, Encoded};
use read::{CollectionRead, PartitionRead, SegmentRead};
use tree::{BackupWire, Infos};

/// The number of bytes that are read or written at once.
const BUFFER: usize = 64 * 1024;

/// The reason why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The reader or writer failed.
    #[error("the file cannot be read or written")]
    Io(#[from] io::Error),
    /// The file is not JSON, or not the JSON of a backup; the source states the position.
    #[error("not the JSON of a backup")]
    Damaged(#[source] serde_json::Error),
    /// The JSON has neither the id nor the name of a backup.
    #[error("the JSON contains no backup name")]
    Nameless,
    /// A level file names a parent that the level file above lacks.
    #[error("{child} belongs to {parent}, which does not exist")]
    Orphan {
        /// The partition or segment without a parent.
        child: String,
        /// The missing collection or partition.
        parent: String,
    },
    /// An object list has a format that this version does not know.
    #[error("the object list has format version {version}, which this version does not read")]
    UnknownObjectList {
        /// The format version.
        version: u32,
    },
    /// An object list belongs to another collection.
    #[error("the object list belongs to collection {collection}")]
    ObjectListOf {
        /// The id of that collection.
        collection: i64,
    },
    /// One of the level files cannot be read.
    #[error("{file} is damaged")]
    Level {
        /// The name of the level file.
        file: &'static str,
        /// The reason why it cannot be read.
        source: Box<JsonError>,
    },
}

impl JsonError {
    /// Returns a function that adds the name of a level file to an error.
    fn in_level_file(file: ManifestFile) -> impl Fn(Self) -> Self {
        move |source| Self::Level { file: file.as_str(), source: Box::new(source) }
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
    let collections = std::mem::take(&mut wire.collections).into_iter().map(read::to_collection).collect();
    Ok(read::to_manifest(wire, collections))
}

/// Reads `backup_meta.json`, which contains everything but the collections.
pub fn read_backup_meta(backup: impl io::Read) -> Result<Manifest, JsonError> {
    let wire: BackupWire<()> = read_backup(backup)?;
    Ok(read::to_manifest(wire, Vec::new()))
}

/// Reads the four level files, in which 0.4 stores the manifest.
///
/// Fails if the parent of a partition or segment is missing: omitting it would silently lose rows.
pub fn read_levels(
    backup: impl io::Read,
    collection: impl io::Read,
    partition: impl io::Read,
    segment: impl io::Read,
) -> Result<Manifest, JsonError> {
    let mut manifest = read_backup_meta(backup).map_err(JsonError::in_level_file(ManifestFile::Head))?;
    let collections: Infos<Vec<CollectionRead>> =
        read_file(collection).map_err(JsonError::in_level_file(ManifestFile::Collections))?;
    // some writers store the tree here too; like every reader, this one uses the other files
    let bare = |wire| read::to_collection(CollectionRead { partitions: Vec::new(), ..wire });
    manifest.collections = collections.infos.into_iter().map(bare).collect();
    read_file(partition)
        .and_then(|file: Infos<Vec<PartitionRead>>| {
            read::join_partitions(&mut manifest.collections, file.infos)
        })
        .map_err(JsonError::in_level_file(ManifestFile::Partitions))?;
    read_file(segment)
        .and_then(|file: Infos<Vec<SegmentRead>>| read::join_segments(&mut manifest.collections, file.infos))
        .map_err(JsonError::in_level_file(ManifestFile::Segments))?;
    Ok(manifest)
}

/// Writes one of the files; `log_root` is Milvus's root path, with which recorded paths begin.
pub fn write_manifest_file(
    file: ManifestFile,
    manifest: &Manifest,
    log_root: &str,
    to: impl io::Write,
) -> Result<(), JsonError> {
    match file {
        ManifestFile::Head => write_file(&write::head(manifest), to),
        ManifestFile::Collections => write_file(&write::collections(manifest, log_root), to),
        ManifestFile::Partitions => write_file(&write::partitions(manifest), to),
        ManifestFile::Segments => write_file(&write::all_segments(manifest, log_root), to),
        ManifestFile::Full => write_file(&write::full(manifest, log_root), to),
    }
}

/// Returns a collection with its whole tree as `full_meta.json` represents it, for other documents in this encoding.
pub fn collection<'a>(
    manifest: &Manifest,
    collection: &'a CollectionBackup,
    log_root: &'a str,
) -> impl Serialize + use<'a> {
    Encoded(write::collection_tree(manifest, log_root, collection))
}

/// Returns a database as `full_meta.json` represents it, for other documents in this encoding.
pub fn database(database: &DatabaseBackup) -> impl Serialize {
    Encoded(database)
}

/// Writes a document with the string escapes of these files.
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
