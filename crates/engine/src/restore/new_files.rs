//! The files that a restore writes into its staging directory because the backup does not contain them.

use model::ids::PartitionId;
use model::layout::backup::BackupLayout;
use model::manifest::Segment;
use model::plan::restore::{DeleteTreatment, JobSegment};
use storage::Store;

use super::job::ImportTask;
use super::stage::StagedPlace;
use crate::{Error, Event};

/// Writes the new files of some segments of a job: delta logs with folded deletes, and insert binlogs without deleted
/// rows.
pub(super) async fn write<'a>(
    task: &'a ImportTask<'a>,
    layout: &'a BackupLayout,
    place: &'a StagedPlace,
    store: &'a Store,
) -> Result<(), Error> {
    let files = NewFiles { task, partition: task.partition_of_rows()?, layout, place, store };
    for JobSegment { id, deletes, .. } in &task.job.segments {
        let in_backup = task.backup.segments_of(task.job.scope).iter().find(|segment| segment.id == *id);
        let Some(segment) = in_backup else { continue };
        match deletes {
            DeleteTreatment::Unchanged => {}
            DeleteTreatment::Folded => files.write_delta_log(segment).await?,
            DeleteTreatment::Applied => files.write_insert_binlogs(segment).await?,
        }
    }
    Ok(())
}

struct NewFiles<'a> {
    task: &'a ImportTask<'a>,
    partition: PartitionId,
    layout: &'a BackupLayout,
    place: &'a StagedPlace,
    store: &'a Store,
}

impl NewFiles<'_> {
    /// Writes the one delta log of a segment, unless no row is deleted.
    async fn write_delta_log(&self, segment: &Segment) -> Result<(), Error> {
        let contents = self.task.open_segments().await?;
        let Some((log, file)) = contents.fold_deletes(self.partition, segment).await? else { return Ok(()) };
        let (collection, scope) = (self.task.backup.id, self.task.job.scope);
        let group = self.task.staged_group(segment);
        let key = self.layout.delta_key(collection, scope, group, segment.id, log.log);
        self.store.write(&self.place.of(&key), file).await.map_err(Error::from)
    }

    async fn write_insert_binlogs(&self, segment: &Segment) -> Result<(), Error> {
        let contents = self.task.open_segments().await?;
        let mut rewriter = contents.rewrite(self.partition, segment).await?;
        let (collection, group) = (self.task.backup.id, self.task.staged_group(segment));
        while let Some((binlog, file)) = rewriter.next().await? {
            let key = self.layout.insert_key(
                collection,
                self.partition,
                group,
                segment.id,
                binlog.field,
                binlog.log,
            );
            self.store.write(&self.place.of(&key), file).await?;
            let (collection, bytes) = (self.task.plan.display_name.clone(), binlog.size);
            self.task.run.ctx.emit(Event::ObjectCopied { collection, bytes });
        }
        Ok(())
    }
}
