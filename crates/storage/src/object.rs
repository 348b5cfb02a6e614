//! What a store tells about its objects.

use model::key::ObjectKey;

/// The facts a store keeps about one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectMeta {
    /// The size in bytes.
    pub size: u64,
    /// The entity tag without quotes; disks have none.
    pub etag: Option<String>,
    /// The time of the last change, in milliseconds since 1970.
    pub modified_ms: Option<i64>,
}

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The object's full key.
    pub key: ObjectKey,
    /// What the listing told about it.
    pub meta: ObjectMeta,
}

/// One level below a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The names of the directories, without slashes, sorted.
    pub dirs: Vec<String>,
    /// The objects that lie directly below the prefix, sorted by key.
    pub objects: Vec<Entry>,
}

impl ObjectMeta {
    /// Takes over what OpenDAL reports.
    pub(crate) fn from_opendal(meta: &opendal::Metadata) -> Self {
        Self {
            size: meta.content_length(),
            etag: meta.etag().map(|tag| clean_etag(tag).to_owned()),
            modified_ms: meta.last_modified().map(|time| time.into_inner().as_millisecond()),
        }
    }
}

/// Drops the quotes and the weakness mark: stores disagree on where they write them.
pub(crate) fn clean_etag(raw: &str) -> &str {
    raw.strip_prefix("W/").unwrap_or(raw).trim_matches('"')
}
