//! Inspects the target of a restore before anything is changed there.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::{CollectionInfo, MilvusErrorKind};
use model::mapping::Targets;
use model::name::{CollectionRef, DEFAULT_DATABASE};
use model::plan::restore::{DataAccess, ExistingTargetPolicy, RestoreRequest, TargetFacts};

use crate::Error;
use crate::instance::Instance;

/// The number of collections that are inspected concurrently.
pub(super) const CONCURRENT_CALLS: usize = 8;

/// Reads the databases, existing targets and taken aliases of the target; the files of the backup are not inspected.
///
/// `aliases` are those that the restore would create, `access` says how the target reads the backup. Adds a problem for
/// each target to drop that is an alias: Milvus would reject the drop after other changes were made.
pub(super) async fn inspect_target(
    target: &Instance,
    targets: &Targets,
    aliases: BTreeSet<CollectionRef>,
    access: DataAccess,
    request: &RestoreRequest,
    problems: &mut Vec<Error>,
) -> Result<TargetFacts, Error> {
    let databases = match target.milvus.list_databases().await {
        // A server without this call has one database.
        Err(error) if error.kind() == MilvusErrorKind::Unsupported => vec![DEFAULT_DATABASE.to_owned()],
        databases => databases?,
    };
    let databases: BTreeSet<String> = databases.into_iter().collect();
    let has_database = |name: &CollectionRef| databases.contains(&name.database);
    let wanted = targets.collections.iter().map(|(_, target)| target.clone()).filter(has_database);
    let existing = stream::iter(wanted.collect::<Vec<_>>())
        .map(|name| async move {
            let exists = target.milvus.has_collection(&name).await?;
            Ok::<_, Error>(exists.then_some(name))
        })
        .buffered(CONCURRENT_CALLS)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await?;
    let schemas = match request.options.existing {
        ExistingTargetPolicy::Drop => {
            let described = describe_targets(target, &existing).await?.into_iter();
            let aliases = described.filter(|(_, info)| info.is_alias);
            problems.extend(aliases.map(|(name, _)| Error::TargetIsAlias(name.to_string())));
            BTreeMap::new()
        }
        ExistingTargetPolicy::Use => {
            let described = describe_targets(target, &existing).await?.into_iter();
            let schema_of = |info: CollectionInfo| {
                let num_partitions = info.num_partitions;
                (info.into_schema(), num_partitions)
            };
            described.map(|(name, info)| (name, schema_of(info))).collect()
        }
        ExistingTargetPolicy::Refuse => BTreeMap::new(),
    };
    let aliases = if request.options.aliases {
        find_taken_aliases(target, aliases, &databases).await?
    } else {
        BTreeMap::new()
    };
    Ok(TargetFacts { databases, existing, schemas, aliases, access, ..TargetFacts::default() })
}

/// Describes every existing target.
async fn describe_targets(
    target: &Instance,
    existing: &BTreeSet<CollectionRef>,
) -> Result<BTreeMap<CollectionRef, CollectionInfo>, Error> {
    stream::iter(existing.iter().cloned())
        .map(|name| async move {
            let info = target.milvus.describe_collection(&name).await?;
            Ok((name, info))
        })
        .buffered(CONCURRENT_CALLS)
        .try_collect()
        .await
}

/// Returns those of the aliases that exist in the target already, with their collections.
async fn find_taken_aliases(
    target: &Instance,
    aliases: BTreeSet<CollectionRef>,
    databases: &BTreeSet<String>,
) -> Result<BTreeMap<CollectionRef, CollectionRef>, Error> {
    stream::iter(aliases.into_iter().filter(|alias| databases.contains(&alias.database)))
        .map(|alias| async move {
            match target.milvus.describe_collection(&alias).await {
                Ok(holder) => {
                    let holder = CollectionRef::new(alias.database.as_str(), holder.name);
                    Ok(Some((alias, holder)))
                }
                Err(error) if error.kind() == milvus::MilvusErrorKind::CollectionNotFound => Ok(None),
                Err(error) => Err(Error::from(error)),
            }
        })
        .buffered(CONCURRENT_CALLS)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await
}
