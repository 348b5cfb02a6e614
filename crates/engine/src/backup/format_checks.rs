//! The checks of the preflight that depend on the format of the backup.

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::MilvusError;
use model::manifest::BackupFormat;
use model::name::CollectionRef;
use model::plan::UnsupportedSegment;
use model::plan::backup::{BackupRequest, ResolvedFlush};
use model::segment::{SegmentKind, StorageFormat};

use super::capture_error::is_not_found;
use crate::catalog::Catalog;
use crate::instance::Instance;
use crate::{Engine, Error};

/// The number of collections that are inspected concurrently.
const CONCURRENT_CALLS: usize = 8;

/// Chooses the format of a backup; fails if snapshots are requested that Milvus cannot export to the backup location.
pub(super) fn choose_format(
    engine: &Engine,
    request: &BackupRequest,
    flush: ResolvedFlush,
    source: &Instance,
    catalog: &Catalog,
) -> Result<BackupFormat, Error> {
    let format = request.format.resolve(flush, source.milvus.capabilities())?;
    if format == BackupFormat::Snapshot {
        let bundle = catalog.layout(&request.name).bundle_dir();
        engine.config.backup.external_store(&bundle, &engine.config.source)?;
    }
    Ok(format)
}

/// Removes the external collections, of which Milvus exports no snapshots, and returns a warning for each.
pub(super) async fn leave_out_external(
    source: &Instance,
    collections: &mut Vec<CollectionRef>,
) -> Result<Vec<String>, Error> {
    let external: Vec<CollectionRef> = stream::iter(collections.clone())
        .map(|name| async move {
            match source.milvus.describe_collection(&name).await {
                Ok(info) => Ok(info.schema.is_external().then_some(name)),
                // It was dropped since it was listed, which the backup reports.
                Err(error) if is_not_found(&error) => Ok(None),
                Err(error) => Err(Error::from(error)),
            }
        })
        .buffered(CONCURRENT_CALLS)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await?;
    collections.retain(|name| !external.contains(name));
    let describe = |name: &CollectionRef| {
        format!("{name} is external and is left out: Milvus exports no snapshots of external collections")
    };
    Ok(external.iter().map(describe).collect())
}

/// Fails if a collection has segments that the binlog format cannot hold, so that nothing is copied before this is known.
///
/// Only releases with snapshots write such segments. Those that are written later are refused when they are listed.
pub(super) async fn refuse_unsupported_segments(
    source: &Instance,
    collections: &[CollectionRef],
) -> Result<(), Error> {
    if !source.milvus.capabilities().snapshots {
        return Ok(());
    }
    stream::iter(collections.to_vec())
        .map(|name| async move { refuse_unsupported_segment(&name, source.milvus.segments(&name).await) })
        .buffered(CONCURRENT_CALLS)
        .try_collect()
        .await
}

fn refuse_unsupported_segment(
    name: &CollectionRef,
    listed: Result<Vec<model::segment::ReportedSegment>, MilvusError>,
) -> Result<(), Error> {
    // An error is reported when the collection is backed up; it may have been dropped.
    let segments = listed.unwrap_or_default();
    let unsupported = SegmentKind::Rows { format: StorageFormat::Unsupported };
    match segments.iter().find(|segment| segment.kind == unsupported) {
        Some(segment) => {
            let problem = UnsupportedSegment { id: segment.id, version: segment.storage_version };
            Err(Error::StorageVersion(name.to_string(), problem))
        }
        None => Ok(()),
    }
}
