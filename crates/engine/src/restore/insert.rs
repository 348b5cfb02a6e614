//! Inserts the rows of a backup through the API of Milvus.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use futures::FutureExt;
use futures::stream::{self, StreamExt};
use milvus::{Milvus, MilvusError, MilvusErrorKind, RowKeys};
use model::manifest::{CollectionBackup, Schema};
use model::name::CollectionRef;
use model::plan::restore::{CollectionPlan, PartitionInsert, PartitionPlan, TargetAction};
use proto::schema::FieldData;
use proto::schema::field_data::Field;
use proto::schema::scalar_field::Data;
use rows::ReadOptions;

use super::{DataImport, RestoreRun};
use crate::catalog::{SegmentContents, SegmentEnds};
use crate::insert_rows::{EncodedRows, RowEncoder};
use crate::{Activity, Error, Event, PartitionRows};

/// The number of partitions of a collection into which rows are inserted at the same time.
///
/// Within a partition, one request follows the other, the oldest rows first: of several rows with one key, Milvus finds
/// the newest.
const PARTITIONS_AT_ONCE: usize = 4;

/// The size of a request, far below the 64 MiB that Milvus accepts: larger ones are not faster, and cost it memory.
const REQUEST_BYTES: usize = 4 << 20;

/// Sends inserts and remembers how many rows each target may have got by them.
pub(super) struct Inserter {
    milvus: Milvus,
    sent: Mutex<BTreeMap<CollectionRef, u64>>,
}

/// The partition into which rows are inserted.
struct Destination<'a> {
    target: &'a CollectionRef,
    /// The name of the partition; `None` if the partition key chooses it.
    partition: Option<&'a str>,
    /// The name of the primary key.
    key: &'a str,
    /// Whether this restore created the collection, so that every row in it came with this restore.
    is_new: bool,
}

impl Inserter {
    pub(super) fn new(milvus: Milvus) -> Self {
        Self { milvus, sent: Mutex::default() }
    }

    /// Returns the number of rows that were sent to a target, those that were sent again included.
    pub(super) fn rows_sent(&self, target: &CollectionRef) -> u64 {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).get(target).copied().unwrap_or_default()
    }

    fn add_sent(&self, target: &CollectionRef, rows: u32) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        *sent.entry(target.clone()).or_default() += u64::from(rows);
    }

    /// Inserts rows. If Milvus gives no answer, it may have some of them, so they are sent again in a way that replaces
    /// these.
    async fn insert(&self, to: &Destination<'_>, rows: EncodedRows) -> Result<(), MilvusError> {
        let Destination { target, partition, .. } = to;
        self.add_sent(target, rows.rows);
        let inserted = self.milvus.insert_rows(target, *partition, rows.fields.clone(), rows.rows).await;
        let Err(error) = inserted else { return Ok(()) };
        let is_unanswered = matches!(error.kind(), MilvusErrorKind::Unreachable | MilvusErrorKind::Timeout);
        if !is_unanswered || error.was_never_executed() {
            return Err(error);
        }
        tracing::warn!("rows {} to {} are sent again: {error}", rows.first_key, rows.last_key);
        self.add_sent(target, rows.rows);
        if self.milvus.capabilities().upserts {
            return self.milvus.upsert_rows(target, *partition, rows.fields, rows.rows).await.map(drop);
        }
        // Rows that an application inserted must not be deleted.
        let Some(keys) = keys_of(&rows.fields, to.key).filter(|_| to.is_new) else { return Err(error) };
        self.milvus.delete_rows(target, *partition, to.key, &keys).await?;
        self.milvus.insert_rows(target, *partition, rows.fields, rows.rows).await.map(drop)
    }
}

/// Returns the values of the primary key in the columns of a request.
fn keys_of(fields: &[FieldData], key: &str) -> Option<RowKeys> {
    let column = fields.iter().find(|field| field.field_name == key)?;
    let Some(Field::Scalars(scalars)) = &column.field else { return None };
    match &scalars.data {
        Some(Data::LongData(keys)) => Some(RowKeys::Int64(keys.data.clone())),
        Some(Data::StringData(keys)) => Some(RowKeys::VarChar(keys.data.clone())),
        _ => None,
    }
}

/// The inserts into one collection.
struct CollectionInsert<'a> {
    run: &'a RestoreRun<'a>,
    plan: &'a CollectionPlan,
    backup: &'a CollectionBackup,
    contents: SegmentContents<'a>,
    encoder: RowEncoder,
    schema: Schema,
    inserter: &'a Inserter,
    /// The segments that are done, and their rows.
    done: AtomicUsize,
    rows: AtomicU64,
}

impl RestoreRun<'_> {
    /// Inserts the rows of all partitions of a collection that are not imported, and flushes it.
    ///
    /// Adds the rows of each partition to `inserted` when it is complete, so that a failed restore can say what is done.
    pub(super) async fn insert_collection(
        &self,
        plan: &CollectionPlan,
        backup: &CollectionBackup,
        data: &DataImport<'_>,
        inserted: &mut Vec<PartitionRows>,
    ) -> Result<(), Error> {
        let segments = plan.inserts().map(|(_, insert)| insert.segments.len()).sum();
        if segments == 0 {
            return Ok(());
        }
        let schema = self.milvus().describe_collection(&plan.target).await?.schema;
        let encoder = RowEncoder::new(&backup.schema, &schema, self.milvus().capabilities(), None)
            .map_err(|problems| super::insert_check::not_insertable(backup, &plan.target, &problems))?;
        let (catalog, name) = (&self.prepared.catalog, &self.prepared.request.name);
        let l0 = catalog.read_l0(name, backup, SegmentEnds::new()).await?;
        let contents = catalog
            .open_segments(name, backup, &l0)
            .ok_or_else(|| Error::NoKey { collection: backup.name.to_string(), backup: name.to_string() })?;
        let (done, rows) = (AtomicUsize::new(0), AtomicU64::new(0));
        let inserter = &data.inserter;
        let insert =
            CollectionInsert { run: self, plan, backup, contents, encoder, schema, inserter, done, rows };
        // The futures are made beforehand, so that this one is `Send`.
        let partitions: Vec<_> = plan
            .inserts()
            .map(|(partition, part)| insert.insert_partition(partition, part, segments).boxed())
            .collect();
        let mut partitions = stream::iter(partitions).buffered(PARTITIONS_AT_ONCE);
        while let Some(rows) = partitions.next().await {
            inserted.push(rows?);
        }
        self.milvus().flush(&plan.target).await?;
        Ok(())
    }

    /// Counts the rows that were inserted into a new collection, which is loaded, by a query.
    pub(super) async fn count_inserted_rows(&self, plan: &CollectionPlan) -> Result<(), Error> {
        let is_countable = self.milvus().capabilities().counts_live_rows && plan.load_only.is_empty();
        if plan.action == TargetAction::Use || plan.inserts().next().is_none() || !is_countable {
            return Ok(());
        }
        let counted = self.milvus().count_rows(&plan.target, None).await?;
        let expected = plan.rows();
        if expected.contains(counted) {
            return Ok(());
        }
        let partition = "all partitions".to_owned();
        Err(Error::Rows { target: plan.target.clone(), partition, counted, expected })
    }
}

impl CollectionInsert<'_> {
    async fn insert_partition(
        &self,
        partition: &PartitionPlan,
        insert: &PartitionInsert,
        segments: usize,
    ) -> Result<PartitionRows, Error> {
        let place = format!("partition {} of {}", partition.name, self.plan.target);
        let by_key = self.schema.has_partition_key();
        let to = Destination {
            target: &self.plan.target,
            partition: Some(partition.name.as_str()).filter(|_| !by_key),
            key: self.schema.primary_key().map_or("", |key| &key.name),
            is_new: self.plan.action != TargetAction::Use,
        };
        let options = ReadOptions {
            columns: Some(self.encoder.fields().to_vec()),
            binary_text: true,
            ..ReadOptions::default()
        };
        let in_backup = self.backup.partitions.iter().find(|it| it.id == partition.id);
        let mut inserted = 0;
        for id in &insert.segments {
            let segment = in_backup.and_then(|it| it.segments.iter().find(|segment| segment.id == *id));
            let Some(segment) = segment else { continue };
            let mut reader = self.contents.read_rows(partition.id, segment, &options).await?;
            while let Some(batch) = reader.next().await? {
                let requests = self.encoder.encode(&batch, REQUEST_BYTES).map_err(|problem| {
                    super::insert_check::not_insertable(self.backup, &self.plan.target, &[problem])
                })?;
                for request in requests {
                    let rows = u64::from(request.rows);
                    self.inserter.insert(&to, request).await.map_err(|error| {
                        Error::from(error).with_context(Activity::Insert { place: place.clone(), inserted })
                    })?;
                    inserted += rows;
                    self.rows.fetch_add(rows, Ordering::Relaxed);
                }
            }
            let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
            self.run.ctx.emit(Event::Import {
                collection: self.plan.display_name.clone(),
                done,
                jobs: segments,
                rows: self.rows.load(Ordering::Relaxed),
            });
        }
        Ok(PartitionRows { partition: partition.name.clone(), counted: inserted, expected: partition.rows })
    }
}
