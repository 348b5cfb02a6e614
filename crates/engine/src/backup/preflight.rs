//! The preflight of a backup: checks the name, the version of Milvus, the selection and the root path of its files.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::MilvusError;
use model::ids::CollectionId;
use model::manifest::BackupFormat;
use model::name::{BackupName, CollectionRef};
use model::plan::backup::{BackupRequest, FlushStrategy, ResolvedFlush};
use model::segment::SegmentState;
use model::selection::Selected;

use super::capture::{CONTRADICTION_ATTEMPTS, contradiction_pauses};
use super::format_checks::{choose_format, leave_out_external, refuse_unsupported_segments};
use super::{PreparedBackup, create_mover};
use crate::catalog::Catalog;
use crate::check::describe_shortened_lists;
use crate::clock::now_ms;
use crate::instance::Instance;
use crate::{BackupState, Engine, Error, Event, JobCtx};

/// A request that passed the checks of admission, with open connections.
pub(crate) struct CheckedBackup {
    pub(crate) catalog: Catalog,
    pub(crate) source: Instance,
    pub(crate) flush: ResolvedFlush,
    pub(crate) format: BackupFormat,
    pub(super) selected: Selected,
    /// The warnings of the checks, which are not emitted yet.
    pub(super) warnings: Vec<String>,
}

/// Checks the name of the backup and the version of Milvus, and resolves flush strategy and selection.
pub(crate) async fn check_backup_request(
    engine: &Engine,
    request: &BackupRequest,
) -> Result<CheckedBackup, Error> {
    let catalog = Catalog::open(engine)?;
    let may_replace = |state| state == BackupState::Unfinished && request.replace_unfinished;
    let check_name = check_name_is_free(&catalog, &request.name, may_replace);
    // Both run concurrently, so that an unreachable store does not delay the error of a wrong host.
    let (name_check, source) = tokio::join!(check_name, Instance::open(engine));
    let source = source?;
    name_check?;
    source.milvus.server().version.supported()?;
    if request.rbac && !source.milvus.capabilities().rbac {
        return Err(Error::NoRbac(source.milvus.server().version.to_string()));
    }
    let flush = request.strategy.resolve(source.milvus.capabilities())?;
    let format = choose_format(engine, request, flush, &source, &catalog)?;
    let contents = list_instance(&source).await?;
    let selected = request.selection.select(&contents.databases, &contents.collections);
    let selected = selected.map_err(|e| Error::Selection(e, None))?;
    let describe_vanished = |db| format!("database {db} was dropped while it was listed, and is left out");
    let shortened = describe_shortened_lists(&source.milvus).await;
    let unknown = source.milvus.server().version.describe_unknown().into_iter().chain(shortened);
    let mut warnings: Vec<String> = unknown.chain(contents.vanished.iter().map(describe_vanished)).collect();
    if flush.copies_rows() {
        warnings.extend(describe_uncommitted_imports(&source).await);
    }
    Ok(CheckedBackup { catalog, source, flush, format, selected, warnings })
}

/// Describes the import jobs that wait for their commit: Milvus does not tell their segments from others.
async fn describe_uncommitted_imports(source: &Instance) -> Vec<String> {
    // Without an answer the backup is as good as one that does not look.
    let jobs = source.milvus.uncommitted_imports().await.unwrap_or_default();
    let describe = |(job, collection): (milvus::ImportJobId, String)| {
        format!(
            "import job {job} into {collection} waits for its commit: its rows are in the backup, committed or not"
        )
    };
    jobs.into_iter().map(describe).collect()
}

/// Checks everything that can be checked without changes, and returns the prepared backup.
pub(super) async fn prepare_backup(
    engine: &Engine,
    request: &BackupRequest,
    ctx: &JobCtx,
) -> Result<PreparedBackup, Error> {
    let (started, started_ms) = (Instant::now(), now_ms());
    let checked = check_backup_request(engine, request).await?;
    let server = checked.source.milvus.server();
    ctx.emit(Event::Overview {
        server: server.version.to_string(),
        address: server.address.clone(),
        collections: checked.selected.collections.len(),
        databases: checked.selected.databases.len(),
        how: FlushStrategy::from(checked.flush).as_str().to_owned(),
    });
    let CheckedBackup { catalog, source, flush, format, selected, mut warnings } = checked;
    let Selected { databases, mut collections, .. } = selected;
    if format == BackupFormat::Snapshot {
        warnings.extend(leave_out_external(&source, &mut collections).await?);
    }
    for warning in &warnings {
        ctx.warn(warning.as_str());
    }
    if flush.copies_rows() && format == BackupFormat::Binlog {
        confirm_source_root(&source, &collections).await?;
        refuse_unsupported_segments(&source, &collections).await?;
    }
    // Read before anything is copied, because it needs a privilege of its own.
    let rbac = if request.rbac { Some(source.milvus.read_rbac().await?) } else { None };
    if let Some(users) = rbac.as_ref().map(|rbac| rbac.users.len()).filter(|users| *users > 0) {
        let warning = format!(
            "the backup contains the hashes of the passwords of {users} users: protect it as you protect Milvus"
        );
        ctx.warn(warning.as_str());
        warnings.push(warning);
    }
    let mover = create_mover(&source.store, &catalog.store, &engine.config.limits)?;
    let request = request.clone();
    Ok(PreparedBackup {
        request,
        flush,
        format,
        source,
        catalog,
        mover,
        databases,
        collections,
        rbac,
        warnings,
        started,
        started_ms,
    })
}

/// Fails if any object exists in the directory of a new backup, but for a backup in a state in which it may be replaced;
/// returns that state.
///
/// The directory ends with `/`, so `nightly` does not conflict with `nightly_2`.
pub(crate) async fn check_name_is_free(
    catalog: &Catalog,
    name: &BackupName,
    may_replace: impl Fn(BackupState) -> bool,
) -> Result<Option<BackupState>, Error> {
    let dir = catalog.layout(name).dir().clone();
    let has_objects = catalog.store.has_objects_below(&dir).await?;
    if !has_objects {
        return Ok(None);
    }
    match catalog.read_summary(name).await? {
        Some(found) if may_replace(found.state) => Ok(Some(found.state)),
        Some(found) => Err(Error::NameTaken { name: name.to_string(), state: found.state }),
        None => Err(Error::Occupied { place: catalog.store.describe(&dir) }),
    }
}

/// The databases and collections of a Milvus.
#[derive(Default)]
pub(crate) struct InstanceContents {
    pub(crate) databases: Vec<String>,
    pub(crate) collections: Vec<CollectionRef>,
    /// The databases that were dropped before their collections could be listed.
    pub(crate) vanished: Vec<String>,
}

/// Lists all databases and collections of a Milvus.
pub(crate) async fn list_instance(instance: &Instance) -> Result<InstanceContents, Error> {
    let databases = instance.milvus.list_databases().await?;
    list_collections_of(instance, databases).await
}

/// Lists the collections of the given databases, sorted by name.
pub(crate) async fn list_collections_of(
    instance: &Instance,
    databases: impl IntoIterator<Item = String>,
) -> Result<InstanceContents, Error> {
    let listed: Vec<(String, Option<Vec<CollectionRef>>)> = stream::iter(databases)
        .map(|db| async move {
            let names = list_collections_in(instance, &db).await?;
            Ok::<_, Error>((db, names))
        })
        .buffered(8)
        .try_collect()
        .await?;
    let mut contents = InstanceContents::default();
    for (db, collections) in listed {
        match collections {
            Some(collections) => {
                contents.databases.push(db);
                contents.collections.extend(collections);
            }
            None => contents.vanished.push(db),
        }
    }
    contents.collections.sort();
    contents.collections.dedup();
    Ok(contents)
}

/// Lists the collections of one database; returns `None` if it was dropped.
///
/// The answer "database not found" counts only if the list of databases confirms it.
async fn list_collections_in(instance: &Instance, db: &str) -> Result<Option<Vec<CollectionRef>>, Error> {
    // one attempt more than pauses between them
    let mut pauses = contradiction_pauses().take(CONTRADICTION_ATTEMPTS as usize - 1);
    loop {
        match instance.milvus.list_collections(db).await {
            Ok(found) => {
                return Ok(Some(found.into_iter().map(|(name, _)| CollectionRef::new(db, name)).collect()));
            }
            Err(error) if error.kind() == milvus::MilvusErrorKind::DatabaseNotFound => {
                if !instance.milvus.list_databases().await?.iter().any(|listed| listed == db) {
                    return Ok(None);
                }
                match pauses.next() {
                    Some(pause) => tokio::time::sleep(pause).await,
                    None => return Err(Error::from(error)),
                }
            }
            Err(error) => return Err(Error::from(error)),
        }
    }
}

/// Confirms that the configured root path contains the files of this Milvus.
///
/// A wrong bucket or root path is the most common mistake, and it looks like an empty Milvus. So the first collection
/// with flushed rows must have files; its name is returned. Returns `None` if no collection has flushed rows: then
/// nothing can be confirmed before the flush. Fails with [`Error::WrongRoot`] if there are rows without files.
pub(crate) async fn confirm_source_root(
    instance: &Instance,
    collections: &[CollectionRef],
) -> Result<Option<CollectionRef>, Error> {
    // This checks bucket and credentials even if no collection has rows yet.
    instance.check_store_access().await?;
    for name in collections {
        if has_rows_with_files(instance, name).await? {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// Returns whether a collection has flushed rows and files below the configured root path.
///
/// Returns `false` without flushed rows. Rows without files are checked again before they are an error: the name may
/// have passed from one collection to another between the two requests.
async fn has_rows_with_files(instance: &Instance, name: &CollectionRef) -> Result<bool, Error> {
    let mut rows = 0;
    for _ in 0..FILE_CHECKS {
        let (id, flushed) = match find_flushed_rows(instance, name).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(false),
            // The collection was dropped since it was listed.
            Err(error) if error.kind() == milvus::MilvusErrorKind::CollectionNotFound => return Ok(false),
            Err(error) => return Err(Error::from(error)),
        };
        if instance.has_insert_files(id).await? {
            return Ok(true);
        }
        rows = flushed;
        tokio::time::sleep(FILE_CHECK_PAUSE).await;
    }
    Err(Error::WrongRoot { collection: name.to_string(), root: instance.describe_root(), rows })
}

/// The number of checks for files before a root path counts as wrong.
const FILE_CHECKS: u32 = 3;
/// The pause between two checks for files.
const FILE_CHECK_PAUSE: Duration = Duration::from_millis(200);

/// Returns the id of a collection and the number of its flushed rows; `None` if it has none.
async fn find_flushed_rows(
    instance: &Instance,
    name: &CollectionRef,
) -> Result<Option<(CollectionId, u64)>, MilvusError> {
    let segments = instance.milvus.segments(name).await?;
    let rows = segments.iter().filter(|s| s.state == SegmentState::Flushed).map(|s| s.rows).sum();
    if rows == 0 {
        return Ok(None);
    }
    Ok(Some((instance.milvus.describe_collection(name).await?.id, rows)))
}
