//! Metadata of objects and results of listings.

use std::time::UNIX_EPOCH;

use model::key::ObjectKey;

/// The metadata of one object, as reported by its store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMetadata {
    /// The size of the object in bytes.
    pub size: u64,
    /// The entity tag without quotes; `None` on a disk.
    pub etag: Option<String>,
    /// The time of the last change in milliseconds since 1970, if the store reports it.
    pub modified_ms: Option<i64>,
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedObject {
    /// The full key of the object, not relative to the listed prefix.
    pub key: ObjectKey,
    /// The metadata in the listing; some stores omit the entity tag.
    pub meta: ObjectMetadata,
}

/// The directories and objects directly below a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LevelListing {
    /// The names of the directories, without slashes, sorted.
    pub dirs: Vec<String>,
    /// The objects directly below the prefix, sorted by key.
    pub objects: Vec<ListedObject>,
    /// The names of entries of a disk that cannot be read, such as broken links, with the reasons; sorted.
    pub broken: Vec<(String, String)>,
}

impl ObjectMetadata {
    /// Converts the metadata of OpenDAL.
    pub(crate) fn from_opendal(meta: &opendal::Metadata) -> Self {
        Self {
            size: meta.content_length(),
            etag: meta.etag().map(|tag| clean_etag(tag).to_owned()),
            modified_ms: meta.last_modified().map(|time| time.into_inner().as_millisecond()),
        }
    }

    /// Converts the metadata of a file.
    pub(crate) fn from_file(metadata: &std::fs::Metadata) -> Self {
        let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified_ms = modified.and_then(|time| i64::try_from(time.as_millis()).ok());
        Self { size: metadata.len(), etag: None, modified_ms }
    }
}

/// Removes the quotes and the prefix `W/` of an entity tag, which not all stores write.
pub(crate) fn clean_etag(raw: &str) -> &str {
    raw.strip_prefix("W/").unwrap_or(raw).trim_matches('"')
}
