//! Before anything is written: is the name free, is Milvus there, is its storage where the configuration says?

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::{MilvusError, SegmentState};
use model::ids::CollectionId;
use model::name::{BackupName, CollectionRef};
use model::plan::backup::{BackupRequest, FlushStrategy};
use model::selection::Selected;

use super::capture::{CONTRADICTION_PAUSE, CONTRADICTIONS};
use super::{PreparedBackup, mover};
use crate::catalog::Catalog;
use crate::clock::now_ms;
use crate::instance::Instance;
use crate::{Engine, Error, Event, JobCtx};

/// A backup as far as it is known before any of it is read.
pub(crate) struct Opened {
    pub(crate) catalog: Catalog,
    pub(crate) source: Instance,
    pub(crate) strategy: FlushStrategy,
    pub(super) selected: Selected,
    /// What the operator should know.
    pub(super) warnings: Vec<String>,
}

/// Looks at the name, at Milvus and at what is selected.
pub(crate) async fn open(engine: &Engine, request: &BackupRequest) -> Result<Opened, Error> {
    let catalog = Catalog::open(engine)?;
    // both are asked at once: an operator with a wrong host should not wait for a wrong bucket
    let (free, source) = tokio::join!(name_is_free(&catalog, &request.name), Instance::open(engine));
    let source = source?;
    free?;
    source.milvus.server().version.supported()?;
    let strategy = request.strategy.resolve(source.milvus.capabilities())?;
    let found = everything(&source).await?;
    let selected = request.selection.select(&found.databases, &found.collections);
    let selected = selected.map_err(|e| Error::Selection(e, None))?;
    let left_out = |db| format!("database {db} was dropped while it was listed, and is left out");
    let warnings = found.vanished.iter().map(left_out).collect();
    Ok(Opened { catalog, source, strategy, selected, warnings })
}

pub(super) async fn run(
    engine: &Engine,
    request: &BackupRequest,
    ctx: &JobCtx,
) -> Result<PreparedBackup, Error> {
    let (started, started_ms) = (Instant::now(), now_ms());
    let opened = open(engine, request).await?;
    let server = opened.source.milvus.server();
    ctx.emit(Event::Overview {
        server: server.version.to_string(),
        address: server.address.clone(),
        collections: opened.selected.collections.len(),
        databases: opened.selected.databases.len(),
        how: opened.strategy.as_str().to_owned(),
    });
    for warning in &opened.warnings {
        ctx.warn(warning.as_str());
    }
    if opened.strategy != FlushStrategy::MetaOnly {
        storage_is_milvus(&opened.source, &opened.selected.collections).await?;
    }
    let Opened { catalog, source, strategy, selected, warnings } = opened;
    let mover = mover(&source.store, &catalog.store, &engine.config.limits)?;
    let Selected { databases, collections } = selected;
    let request = request.clone();
    Ok(PreparedBackup {
        request,
        strategy,
        source,
        catalog,
        mover,
        databases,
        collections,
        warnings,
        started,
        started_ms,
    })
}

/// Any object below the directory takes the name; a name that is only a prefix of another is no clash.
async fn name_is_free(catalog: &Catalog, name: &BackupName) -> Result<(), Error> {
    let dir = catalog.layout(name).dir().clone();
    let taken = catalog.store.any_below(&dir).await;
    if !taken? {
        return Ok(());
    }
    Err(match catalog.summary(name).await? {
        Some(found) => Error::NameTaken { name: name.to_string(), state: found.state },
        None => Error::Occupied { place: catalog.store.describe(&dir) },
    })
}

/// What a Milvus holds.
#[derive(Default)]
pub(crate) struct Everything {
    pub(crate) databases: Vec<String>,
    pub(crate) collections: Vec<CollectionRef>,
    /// Databases that were dropped between their listing and that of their collections.
    pub(crate) vanished: Vec<String>,
}

/// Every database and collection of a Milvus.
pub(crate) async fn everything(instance: &Instance) -> Result<Everything, Error> {
    let databases = instance.milvus.list_databases().await?;
    collections_of(instance, databases).await
}

/// Every collection of these databases.
pub(crate) async fn collections_of(
    instance: &Instance,
    databases: impl IntoIterator<Item = String>,
) -> Result<Everything, Error> {
    let listed: Vec<(String, Option<Vec<CollectionRef>>)> = stream::iter(databases)
        .map(|db| async move {
            let names = collections_in(instance, &db).await?;
            Ok::<_, Error>((db, names))
        })
        .buffered(8)
        .try_collect()
        .await?;
    let mut all = Everything::default();
    for (db, collections) in listed {
        match collections {
            Some(collections) => {
                all.databases.push(db);
                all.collections.extend(collections);
            }
            None => all.vanished.push(db),
        }
    }
    all.collections.sort();
    all.collections.dedup();
    Ok(all)
}

/// The collections of a database; `None` where it was dropped, which is believed once the list of databases says so too.
async fn collections_in(instance: &Instance, db: &str) -> Result<Option<Vec<CollectionRef>>, Error> {
    let mut pause = CONTRADICTION_PAUSE;
    let mut asked = 1;
    loop {
        match instance.milvus.list_collections(db).await {
            Ok(found) => {
                return Ok(Some(found.into_iter().map(|(name, _)| CollectionRef::new(db, name)).collect()));
            }
            Err(error) if error.kind() == milvus::ErrorKind::DatabaseNotFound => {
                if !instance.milvus.list_databases().await?.iter().any(|listed| listed == db) {
                    return Ok(None);
                }
                if asked == CONTRADICTIONS {
                    return Err(Error::from(error));
                }
            }
            Err(error) => return Err(Error::from(error)),
        }
        asked += 1;
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

/// The commonest mistake is a wrong root or bucket, and it looks like an empty Milvus: the first collection with
/// flushed rows must have files. Where none has, nothing can be told before the flush.
pub(crate) async fn storage_is_milvus(
    instance: &Instance,
    collections: &[CollectionRef],
) -> Result<Option<CollectionRef>, Error> {
    // the bucket and the credentials are proven even where no collection has rows yet
    instance.store_answers().await?;
    for name in collections {
        if has_its_files(instance, name).await? {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}

/// Whether a collection has flushed rows and their files are where the configuration says; without such rows it shows
/// nothing. Rows without files are looked at again: the name may have passed from one collection to another meanwhile.
async fn has_its_files(instance: &Instance, name: &CollectionRef) -> Result<bool, Error> {
    let mut rows = 0;
    for _ in 0..LOOKS_FOR_FILES {
        let (id, flushed) = match flushed(instance, name).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(false),
            // dropped since it was listed
            Err(error) if error.kind() == milvus::ErrorKind::CollectionNotFound => return Ok(false),
            Err(error) => return Err(Error::from(error)),
        };
        if instance.has_files(id).await? {
            return Ok(true);
        }
        rows = flushed;
        tokio::time::sleep(PAUSE_FOR_FILES).await;
    }
    Err(Error::WrongRoot { collection: name.to_string(), root: instance.place(), rows })
}

const LOOKS_FOR_FILES: u32 = 3;
const PAUSE_FOR_FILES: Duration = Duration::from_millis(200);

/// A collection's id and its flushed rows; `None` without such.
async fn flushed(
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
