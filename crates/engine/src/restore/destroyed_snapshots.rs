//! The snapshots that Milvus destroys together with the collections that a restore drops (3.0 and later).

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::MilvusErrorKind;
use model::name::CollectionRef;

use super::inspect::CONCURRENT_CALLS;
use crate::Error;
use crate::instance::Instance;

/// The snapshots of collections, by collection, and warnings about those whose snapshots cannot be listed.
#[derive(Default)]
pub(super) struct FoundSnapshots {
    pub(super) snapshots: BTreeMap<CollectionRef, Vec<String>>,
    pub(super) warnings: Vec<String>,
}

/// Lists the snapshots of the collections that a restore drops; pinned ones are destroyed too.
pub(super) async fn find_destroyed_snapshots(
    target: &Instance,
    drops: &BTreeSet<CollectionRef>,
) -> Result<FoundSnapshots, Error> {
    if !target.milvus.capabilities().snapshots {
        return Ok(FoundSnapshots::default());
    }
    let listed: Vec<_> = stream::iter(drops.iter().cloned())
        .map(|name| async move {
            use MilvusErrorKind as E;
            match target.milvus.list_snapshots(&name).await {
                Ok(snapshots) => Ok((name, Ok(snapshots))),
                // It was dropped meanwhile, or this Milvus has no snapshots.
                Err(error) if matches!(error.kind(), E::CollectionNotFound | E::Unsupported) => {
                    Ok((name, Ok(Vec::new())))
                }
                Err(error) if error.kind() == E::PermissionDenied => {
                    let warning = format!("the drop of {name} also destroys its snapshots: {error}");
                    Ok((name, Err(warning)))
                }
                Err(error) => Err(Error::from(error)),
            }
        })
        .buffered(CONCURRENT_CALLS)
        .try_collect()
        .await?;
    let mut found = FoundSnapshots::default();
    for (name, snapshots) in listed {
        match snapshots {
            Ok(snapshots) if snapshots.is_empty() => {}
            Ok(mut snapshots) => {
                snapshots.sort();
                found.snapshots.insert(name, snapshots);
            }
            Err(warning) => found.warnings.push(warning),
        }
    }
    Ok(found)
}
