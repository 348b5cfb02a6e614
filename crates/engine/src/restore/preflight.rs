//! Before anything is changed: what does the backup hold, where does it go, and can the target take it?

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Instant;

use futures::FutureExt;
use futures::stream::{self, StreamExt, TryStreamExt};
use model::ids::PartitionId;
use model::manifest::{CollectionBackup, Format, Manifest};
use model::mapping::Targets;
use model::name::CollectionRef;
use model::plan::restore::{Existing, PrefixSeen, Reach, RestorePlan, RestoreRequest, Seen};
use storage::{Store, StoreKind};

use super::PreparedRestore;
use crate::backup::{collections_of, storage_is_milvus};
use crate::catalog::{BackupDetail, Catalog};
use crate::instance::Instance;
use crate::{Engine, Error, Event, JobCtx};

/// Collections looked at once.
pub(super) const AT_ONCE: usize = 8;

/// A restore as far as it is known before the backup's files are looked at.
pub(crate) struct Opened {
    pub(crate) catalog: Catalog,
    pub(crate) target: Instance,
    pub(crate) targets: Targets,
    /// The targets that exist and will be dropped.
    pub(crate) drops: BTreeSet<CollectionRef>,
    detail: BackupDetail,
    seen: Seen,
}

/// Reads the manifest, finds the targets, and refuses what they do not allow.
pub(crate) async fn open(engine: &Engine, request: &RestoreRequest) -> Result<Opened, Error> {
    let catalog = Catalog::open(engine)?;
    let detail = catalog.detail(&request.name).await?;
    let format = match &detail.manifest.format {
        Format::Binlog => None,
        Format::Snapshot => Some("snapshot".to_owned()),
        Format::Other(other) => Some(other.clone()),
    };
    if let Some(format) = format {
        return Err(Error::Format { name: request.name.to_string(), format });
    }
    let targets = resolve(&detail.manifest, request)?;
    let target = Instance::open(engine).await?;
    target.milvus.server().version.supported()?;
    let mut opened =
        Opened { catalog, target, targets, drops: BTreeSet::new(), detail, seen: Seen::default() };
    holds(&opened.target, &opened.backups())?;
    opened.seen = super::look::run(&opened, request).await?;
    // a plan without the files knows all that is refused; they take longer
    opened.drops = opened.plan(request)?.drops().cloned().collect();
    Ok(opened)
}

impl Opened {
    pub(super) fn manifest(&self) -> &Manifest {
        &self.detail.manifest
    }

    /// The selected collections.
    fn backups(&self) -> Vec<&CollectionBackup> {
        let wanted: HashSet<&CollectionRef> = self.targets.collections.iter().map(|(name, _)| name).collect();
        self.manifest().collections.iter().filter(|c| wanted.contains(&c.name)).collect()
    }

    /// The aliases that come with the targets, in their databases.
    pub(super) fn wanted_aliases(&self) -> BTreeSet<CollectionRef> {
        let backups: HashMap<&CollectionRef, &CollectionBackup> =
            self.manifest().collections.iter().map(|c| (&c.name, c)).collect();
        let pairs = self.targets.collections.iter();
        pairs
            .filter_map(|(source, target)| Some((backups.get(source)?, target)))
            .flat_map(|(backup, target)| {
                backup
                    .aliases
                    .iter()
                    .map(|alias| CollectionRef::new(target.database.as_str(), alias.as_str()))
            })
            .collect()
    }

    fn plan(&self, request: &RestoreRequest) -> Result<RestorePlan, Error> {
        let Targets { databases, collections, .. } = &self.targets;
        Ok(RestorePlan::new(self.manifest(), databases, collections, request, &self.seen)?)
    }
}

pub(super) async fn run(
    engine: &Engine,
    request: &RestoreRequest,
    ctx: &JobCtx,
) -> Result<PreparedRestore, Error> {
    let started = Instant::now();
    let mut opened = open(engine, request).await?;
    if !opened.targets.unused.is_empty() {
        ctx.warn(format!("nothing to rename by {}", opened.targets.unused.join(", ")));
    }
    if !request.meta_only {
        opened.seen.prefixes = prefixes(&opened, request).await?;
    }
    let plan = opened.plan(request)?;
    let Opened { catalog, target, detail, seen, .. } = opened;
    // what is staged below a wrong root is never found by the server, and a wrong bucket must not cost what is dropped;
    // on a disk the server needs no root to find a path
    let on_store = target.store.location().kind() == StoreKind::S3;
    if plan.jobs().next().is_some()
        && (on_store || plan.staging.is_some() || request.existing == Existing::Drop)
    {
        let found = collections_of(&target, seen.databases).await?;
        storage_is_milvus(&target, &found.collections).await?;
    }
    let server = target.milvus.server();
    ctx.emit(Event::Overview {
        server: server.version.to_string(),
        address: server.address.clone(),
        collections: plan.collections.len(),
        databases: plan.collections.iter().map(|c| &c.target.database).collect::<BTreeSet<_>>().len(),
        how: if plan.staging.is_some() { "staged".to_owned() } else { "in place".to_owned() },
    });
    let (request, manifest) = (request.clone(), detail.manifest);
    Ok(PreparedRestore { request, catalog, target, manifest, plan, started })
}

/// Source names to target names; a filter that matches only a renamed target names the source.
fn resolve(manifest: &Manifest, request: &RestoreRequest) -> Result<Targets, Error> {
    let collections: Vec<CollectionRef> = manifest.collections.iter().map(|c| c.name.clone()).collect();
    let databases: BTreeSet<String> = manifest
        .databases
        .iter()
        .map(|d| d.name.clone())
        .chain(collections.iter().map(|c| c.database.clone()))
        .collect();
    let databases: Vec<String> = databases.into_iter().collect();
    let selected = request.selection.select(&databases, &collections).map_err(|error| {
        let renamed = request.mapping.resolve(&databases, &collections).ok();
        let matched = renamed.and_then(|targets| targets.only(&request.selection).ok());
        let sources: Vec<String> = matched
            .iter()
            .flat_map(|targets| &targets.collections)
            .map(|(source, _)| source.to_string())
            .collect();
        let hint = (!sources.is_empty()).then(|| {
            format!(
                "filters match the names in the backup, not the new ones; say --filter {}",
                sources.join(",")
            )
        });
        Error::Selection(error, hint)
    })?;
    let targets = request.mapping.resolve(&selected.databases, &selected.collections)?;
    targets.only(&request.targets).map_err(|error| {
        let hint = "the filter on targets matches the names that collections get, not those in the backup";
        Error::Selection(error, Some(hint.to_owned()))
    })
}

/// Whether the target's version can hold the schemas.
fn holds(target: &Instance, backups: &[&CollectionBackup]) -> Result<(), Error> {
    for backup in backups {
        let problems = target.milvus.capabilities().schema_problems(&backup.schema);
        if !problems.is_empty() {
            return Err(Error::Schema {
                version: target.milvus.server().version.to_string(),
                collection: backup.name.to_string(),
                problems: problems.iter().map(ToString::to_string).collect(),
            });
        }
    }
    Ok(())
}

/// Proves that every object of the selected collections is there, and counts their deletes.
async fn prefixes(
    opened: &Opened,
    request: &RestoreRequest,
) -> Result<BTreeMap<PartitionId, PrefixSeen>, Error> {
    let Opened { catalog, detail, .. } = opened;
    let name = &request.name;
    let recorded: Option<BTreeMap<PartitionId, u64>> =
        detail.extra.as_ref().map(|extra| extra.deletes().map(|(id, n)| (PartitionId(id), n)).collect());
    let recorded = recorded.as_ref();
    let looks: Vec<_> = opened
        .backups()
        .into_iter()
        .map(|backup| {
            let look = async move {
                let (seen, damages) = catalog.inspect(name, backup).await?;
                let deletes = match recorded {
                    Some(recorded) => recorded.clone(),
                    None if damages.is_empty() => catalog.count_deletes(name, backup).await?,
                    None => BTreeMap::new(),
                };
                let seen = seen.into_iter().map(move |(id, seen)| {
                    (id, PrefixSeen { deletes: deletes.get(&id).copied().unwrap_or_default(), ..seen })
                });
                Ok::<_, Error>((seen, damages))
            };
            look.boxed()
        })
        .collect();
    let looked: Vec<_> = stream::iter(looks).buffered(AT_ONCE).try_collect().await?;
    let problems: Vec<String> =
        looked.iter().flat_map(|(_, damages)| damages).map(ToString::to_string).collect();
    if problems.is_empty() {
        return Ok(looked.into_iter().flat_map(|(seen, _)| seen).collect());
    }
    let more = problems.len().saturating_sub(5);
    let mut problems: Vec<String> = problems.into_iter().take(5).collect();
    if more > 0 {
        problems.push(format!("and {more} more"));
    }
    Err(Error::Damaged { name: name.to_string(), problems })
}

/// Whether the target's Milvus can read the backup where it lies, as far as the configuration tells.
pub(crate) fn reach(backup: &Store, target: &Store) -> Reach {
    let (from, to) = (backup.location(), target.location());
    if from.kind() == StoreKind::Local && to.kind() == StoreKind::Local {
        return Reach::InPlace;
    }
    if !backup.same_endpoint(target) {
        return Reach::Staged(format!("the target reads {to}, the backup lies on {from}"));
    }
    if from.bucket() == to.bucket() {
        return Reach::InPlace;
    }
    let bucket = |b: Option<&str>| b.unwrap_or_default().to_owned();
    Reach::Staged(format!(
        "the target reads bucket {}, the backup lies in {}",
        bucket(to.bucket()),
        bucket(from.bucket())
    ))
}

#[cfg(test)]
mod tests {
    use storage::{Addressing, Credentials, S3Config, StoreConfig};

    use super::*;

    fn s3(endpoint: &str, bucket: &str) -> Store {
        let config = S3Config {
            endpoint: endpoint.to_owned(),
            region: String::new(),
            bucket: bucket.to_owned(),
            addressing: Addressing::Path,
            credentials: Credentials::Static {
                access_key_id: "key".to_owned(),
                secret_access_key: "secret".to_owned().into(),
                session_token: None,
            },
            ca_cert: None,
        };
        Store::open(&StoreConfig::S3(config)).unwrap()
    }

    fn why(backup: &Store, target: &Store) -> Option<String> {
        match reach(backup, target) {
            Reach::InPlace => None,
            Reach::Staged(why) => Some(why),
        }
    }

    #[test]
    fn a_backup_is_read_where_it_lies_in_one_bucket_or_on_one_disk_alone() {
        let (here, there) = ("http://127.0.0.1:9000", "http://127.0.0.1:9001");
        let disk = Store::open(&StoreConfig::Local).unwrap();
        let (files, backups) = (s3(here, "files"), s3(here, "backups"));
        assert_eq!(why(&disk, &disk), None);
        assert_eq!(why(&files, &s3("http://127.0.0.1:9000/", "files")), None);
        let buckets = "the target reads bucket files, the backup lies in backups";
        assert_eq!(why(&backups, &files).as_deref(), Some(buckets));
        let stores = format!("the target reads s3 {here} bucket files, the backup lies on local disk");
        assert_eq!(why(&disk, &files), Some(stores));
        let elsewhere =
            format!("the target reads s3 {here} bucket files, the backup lies on s3 {there} bucket files");
        assert_eq!(why(&s3(there, "files"), &files), Some(elsewhere));
    }
}
