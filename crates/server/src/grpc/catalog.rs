//! The service for backups in messages of bounded size.

use std::ops::Range;
use std::sync::Arc;

use api::v1::catalog_service_server::CatalogService;
use api::v1::{Backup, ListBackupsRequest, ListBackupsResponse, ListSegmentsRequest, ListSegmentsResponse};
use engine::BackupSummary;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use model::manifest::{CollectionBackup, Manifest, Segment};
use tonic::{Request, Response, Status};

use super::READS;
use super::call_context::call_context;
use super::deadline::until_deadline;
use super::info::{self, count};
use super::page::limit;
use super::status::status;
use crate::Service;
use crate::policy::Policy;
use wire::{Failure, FailureKind};

/// The number of files after which a message ends; a segment is never divided.
const FILES_PER_MESSAGE: usize = 2000;

/// The policies of the calls.
pub(super) const POLICIES: &[(&str, Policy)] = &[("ListBackups", READS), ("ListSegments", READS)];

/// The calls for backups in messages of bounded size.
pub(super) struct CatalogCalls {
    pub service: Service,
}

type Segments = BoxStream<'static, Result<ListSegmentsResponse, Status>>;

impl CatalogCalls {
    async fn list(&self, request: Request<ListBackupsRequest>) -> Result<ListBackupsResponse, Failure> {
        let context = call_context(request.metadata(), request.extensions())?;
        let ListBackupsRequest { page_size, page_token } = request.into_inner();
        let limit = limit(page_size)?;
        let after = wire::decode_page_token(&page_token)?;
        let backups = self.service.list(&context).await?;
        let mut rest = backups.iter().filter(|backup| backup.name > after);
        let page: Vec<_> = rest.by_ref().take(limit).map(summary).collect();
        let last = page.last().filter(|_| rest.next().is_some());
        let next_page_token = last.map(|backup| wire::encode_page_token(&backup.name)).unwrap_or_default();
        Ok(ListBackupsResponse { backups: page, next_page_token })
    }

    async fn segments(&self, request: Request<ListSegmentsRequest>) -> Result<Segments, Failure> {
        let (metadata, extensions, wanted) = request.into_parts();
        let context = call_context(&metadata, &extensions)?;
        let ListSegmentsRequest { backup, database, collection } = wanted;
        let detail = self.service.get(&context, &wire::parse_existing_name(Some(&backup))?).await?;
        let root = self.service.config().source.root_text.clone();
        let matches = |wanted: &str, name: &str| wanted.is_empty() || wanted == name;
        let wanted = |c: &CollectionBackup| {
            matches(&database, &c.name.database) && matches(&collection, &c.name.collection)
        };
        let manifest = &detail.manifest;
        // A database or a backup may have no collections.
        let empty = collection.is_empty()
            && (database.is_empty() || manifest.databases.iter().any(|of| of.name == database));
        if !empty && !manifest.collections.iter().any(wanted) {
            return Err(missing(&database, &collection));
        }
        let pieces: Vec<_> = pieces(&detail.manifest, wanted);
        let manifest = Arc::new(detail.manifest);
        let messages = stream::iter(pieces).map(move |piece| Ok(piece.message(&manifest, &root)));
        Ok(until_deadline(&metadata, messages))
    }
}

/// Returns the failure for a database or collection that is not in the backup.
fn missing(database: &str, collection: &str) -> Failure {
    let what = match (database, collection) {
        (_, "") => format!("database {database}"),
        ("", _) => format!("collection {collection}"),
        _ => format!("collection {database}.{collection}"),
    };
    Failure::new(FailureKind::NotFound, format!("the backup does not contain {what}"))
}

fn summary(backup: &BackupSummary) -> Backup {
    Backup {
        name: backup.name.clone(),
        state: backup.state.to_string(),
        taken_ms: backup.taken_ms.unwrap_or_default(),
        size: backup.size.map(count),
        collections: backup.collections.map(count),
        rows: backup.rows.map(count),
        milvus_version: backup.milvus_version.clone().unwrap_or_default(),
        tool: backup.tool.clone().unwrap_or_default(),
        problem: backup.problem.clone().unwrap_or_default(),
    }
}

/// A part of the segments of one partition, or of the L0 segments of a collection: the content of one message.
#[derive(Debug)]
struct Piece {
    collection: usize,
    partition: Option<usize>,
    segments: Range<usize>,
}

impl Piece {
    fn message(&self, manifest: &Manifest, root: &str) -> ListSegmentsResponse {
        let Some(collection) = manifest.collections.get(self.collection) else {
            return ListSegmentsResponse::default();
        };
        let segments =
            lists(collection).find(|(partition, _)| *partition == self.partition).map(|(_, list)| list);
        let segments = segments.and_then(|list| list.get(self.segments.clone())).unwrap_or_default();
        ListSegmentsResponse {
            database: collection.name.database.clone(),
            collection: collection.name.collection.clone(),
            segments: segments.iter().map(|segment| info::segment(collection.id, segment, root)).collect(),
        }
    }
}

/// Returns the segment lists of a collection with the index of their partition; `None` for L0 segments.
fn lists(collection: &CollectionBackup) -> impl Iterator<Item = (Option<usize>, &[Segment])> {
    let partitions = collection.partitions.iter().enumerate();
    let partitions = partitions.map(|(place, partition)| (Some(place), partition.segments.as_slice()));
    partitions.chain([(None, collection.shared_segments.as_slice())])
}

/// Divides the segments of the selected collections into messages, in order.
fn pieces(manifest: &Manifest, wanted: impl Fn(&CollectionBackup) -> bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (collection, of) in manifest.collections.iter().enumerate().filter(|(_, of)| wanted(of)) {
        for (partition, segments) in lists(of) {
            let (mut start, mut files) = (0, 0);
            for (place, segment) in segments.iter().enumerate() {
                // A segment without files is included too.
                files += segment.objects().max(1);
                if files >= FILES_PER_MESSAGE {
                    pieces.push(Piece { collection, partition, segments: start..place + 1 });
                    (start, files) = (place + 1, 0);
                }
            }
            if start < segments.len() {
                pieces.push(Piece { collection, partition, segments: start..segments.len() });
            }
        }
    }
    pieces
}

#[tonic::async_trait]
impl CatalogService for CatalogCalls {
    async fn list_backups(
        &self,
        request: Request<ListBackupsRequest>,
    ) -> Result<Response<ListBackupsResponse>, Status> {
        self.list(request).await.map(Response::new).map_err(status)
    }

    type ListSegmentsStream = Segments;

    async fn list_segments(
        &self,
        request: Request<ListSegmentsRequest>,
    ) -> Result<Response<Segments>, Status> {
        self.segments(request).await.map(Response::new).map_err(status)
    }
}
