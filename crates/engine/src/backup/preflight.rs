//! Before anything is written: is the name free, is Milvus there, is its storage where the configuration says?

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::MilvusError;
use model::ids::CollectionId;
use model::name::{BackupName, CollectionRef};
use model::plan::backup::{BackupRequest, FlushStrategy};

use super::Run;
use crate::catalog::Catalog;
use crate::source::Source;
use crate::{Engine, Error, Event, JobCtx};

pub(super) async fn run<'a>(
    engine: &Engine,
    request: &'a BackupRequest,
    ctx: &'a JobCtx,
) -> Result<Run<'a>, Error> {
    let catalog = Catalog::open(engine)?;
    // both are asked at once: an operator with a wrong host should not wait for a wrong bucket
    let (free, source) = tokio::join!(name_is_free(&catalog, &request.name), Source::open(engine));
    let source = source?;
    free?;
    let server = source.milvus.server();
    server.version.supported()?;
    let strategy = request.strategy.resolve(source.milvus.capabilities())?;
    let (databases, collections) = everything(&source).await?;
    let selected =
        request.selection.select(&databases, &collections).map_err(|e| Error::Selection(e, None))?;
    ctx.emit(Event::Overview {
        server: server.version.to_string(),
        address: server.address.clone(),
        collections: selected.collections.len(),
        databases: selected.databases.len(),
        how: strategy.as_str().to_owned(),
    });
    if strategy != FlushStrategy::MetaOnly {
        storage_is_milvus(&source, &selected.collections).await?;
    }
    Run::new(engine, request, strategy, source, catalog, selected, ctx)
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

/// Every database and collection of a Milvus.
pub(crate) async fn everything(source: &Source) -> Result<(Vec<String>, Vec<CollectionRef>), Error> {
    let milvus = &source.milvus;
    let databases = milvus.list_databases().await?;
    let collections: Vec<Vec<CollectionRef>> = stream::iter(&databases)
        .map(|db| async move {
            let found = milvus.list_collections(db).await?;
            Ok::<_, Error>(found.into_iter().map(|(name, _)| CollectionRef::new(db, name)).collect())
        })
        .buffered(8)
        .try_collect()
        .await?;
    let collections: BTreeSet<CollectionRef> = collections.into_iter().flatten().collect();
    Ok((databases, collections.into_iter().collect()))
}

/// The commonest mistake is a wrong root or bucket, and it looks like an empty Milvus: the first collection with
/// flushed rows must have files. Where none has, nothing can be told before the flush.
pub(crate) async fn storage_is_milvus(
    source: &Source,
    collections: &[CollectionRef],
) -> Result<Option<CollectionRef>, Error> {
    // the bucket and the credentials are proven even where no collection has rows yet
    let root = source.layout.root().as_dir();
    source.store.any_below(&root).await?;
    for name in collections {
        let (id, rows) = match flushed(source, name).await {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            // dropped since it was listed
            Err(error) if error.kind() == milvus::ErrorKind::CollectionNotFound => continue,
            Err(error) => return Err(Error::from(error)),
        };
        if source.has_files(id).await? {
            return Ok(Some(name.clone()));
        }
        // dropped in between, or really not there
        if source.milvus.has_collection(name).await.unwrap_or(true) {
            return Err(Error::WrongRoot { collection: name.to_string(), root: source.place(), rows });
        }
    }
    Ok(None)
}

/// A collection's id and its flushed rows; `None` without such.
async fn flushed(source: &Source, name: &CollectionRef) -> Result<Option<(CollectionId, u64)>, MilvusError> {
    let segments = source.milvus.segments(name).await?;
    let rows = segments.iter().map(|s| s.rows).sum();
    if rows == 0 {
        return Ok(None);
    }
    Ok(Some((source.milvus.describe_collection(name).await?.id, rows)))
}
