//! What the target shows, before anything is changed there.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt, TryStreamExt};
use model::name::CollectionRef;
use model::plan::restore::{Existing, RestoreRequest, Seen};

use super::preflight::{AT_ONCE, Opened, reach};
use crate::Error;
use crate::instance::Instance;

/// Looks at everything but the backup's files.
pub(super) async fn run(opened: &Opened, request: &RestoreRequest) -> Result<Seen, Error> {
    let target = &opened.target;
    let databases: BTreeSet<String> = target.milvus.list_databases().await?.into_iter().collect();
    let present = |name: &CollectionRef| databases.contains(&name.database);
    let wanted = opened.targets.collections.iter().map(|(_, target)| target.clone()).filter(present);
    let existing = stream::iter(wanted.collect::<Vec<_>>())
        .map(|name| async move {
            let has = target.milvus.has_collection(&name).await?;
            Ok::<_, Error>(has.then_some(name))
        })
        .buffered(AT_ONCE)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await?;
    if request.existing == Existing::Drop {
        no_alias_is_dropped(target, &existing).await?;
    }
    let aliases = if request.aliases { aliases(opened, &databases).await? } else { BTreeMap::new() };
    let reach = reach(&opened.catalog.store, &target.store);
    Ok(Seen { databases, existing, aliases, reach, prefixes: BTreeMap::new() })
}

/// A drop by alias is refused by Milvus; better to say so before anything is changed.
async fn no_alias_is_dropped(target: &Instance, existing: &BTreeSet<CollectionRef>) -> Result<(), Error> {
    for name in existing {
        let info = target.milvus.describe_collection(name).await;
        if info?.is_alias {
            return Err(Error::TargetIsAlias(name.to_string()));
        }
    }
    Ok(())
}

/// Which of the wanted aliases name something already, and what.
async fn aliases(
    opened: &Opened,
    databases: &BTreeSet<String>,
) -> Result<BTreeMap<CollectionRef, CollectionRef>, Error> {
    let target = &opened.target;
    stream::iter(opened.wanted_aliases().into_iter().filter(|alias| databases.contains(&alias.database)))
        .map(|alias| async move {
            match target.milvus.describe_collection(&alias).await {
                Ok(holder) => {
                    let holder = CollectionRef::new(alias.database.as_str(), holder.name);
                    Ok(Some((alias, holder)))
                }
                Err(error) if error.kind() == milvus::ErrorKind::CollectionNotFound => Ok(None),
                Err(error) => Err(Error::from(error)),
            }
        })
        .buffered(AT_ONCE)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await
}
