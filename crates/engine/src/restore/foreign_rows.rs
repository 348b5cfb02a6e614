//! Rows in a target that this restore did not bring: of an application that writes to it, or of another restore.

use milvus::{ImportJobId, MilvusErrorKind};
use model::plan::restore::CollectionPlan;
use model::segment::ReportedSegment;

use super::RestoreRun;
use super::import::Importer;
use crate::{Error, PartitionRows};

impl RestoreRun<'_> {
    /// Compares the rows of a new target with those that this restore brought; more of them are a warning.
    ///
    /// Fails if another restore imports into the target: then rows of the backup are there twice.
    pub(super) async fn compare_rows(
        &self,
        plan: &CollectionPlan,
        importer: &Importer,
        partitions: &[PartitionRows],
    ) -> Result<(), Error> {
        let counted = partitions.iter().map(|p| p.counted).sum();
        let found = self.milvus().flushed_rows(&plan.target).await?;
        if found <= counted {
            return Ok(());
        }
        // A server that does not list its imports leaves the other explanation.
        let jobs = self.milvus().list_imports(&plan.target).await.unwrap_or_default();
        let own = importer.jobs_of(&plan.target);
        if jobs.iter().any(|job| own.is_unknown(&job.id)) {
            return Err(Error::Foreign { target: plan.target.to_string(), found, counted });
        }
        let target = &plan.target;
        self.warnings.record(format!(
            "{target} contains {found} rows, but this restore brought {counted}: an application writes to it"
        ));
        Ok(())
    }

    /// Drops a target that this restore created, unless it contains rows that this restore did not bring.
    ///
    /// `inserted` is the largest number of rows that the target may have because of inserts. Returns whether it was
    /// dropped; if not, a warning says why.
    pub(super) async fn drop_own_target(
        &self,
        plan: &CollectionPlan,
        importer: &Importer,
        inserted: u64,
    ) -> bool {
        let target = &plan.target;
        let dropped = async {
            let foreign = self.count_foreign_rows(plan, importer, inserted).await?;
            if foreign == 0 {
                self.milvus().drop_collection(target).await?;
            }
            Ok::<_, Error>(foreign)
        };
        match dropped.await {
            Ok(0) => true,
            Ok(foreign) => {
                let cause = if importer.jobs_of(target).has_lost {
                    "that the lost import job or another client brought"
                } else {
                    "that this restore did not bring"
                };
                self.warnings.record(format!("{target} is not dropped: it contains {foreign} rows {cause}"));
                false
            }
            Err(error) => {
                self.warnings
                    .record(format!("cannot drop the incomplete {target}: {}", crate::error::chain(&error)));
                false
            }
        }
    }

    /// Counts the rows of a target that neither its import jobs nor the inserts account for, after a flush.
    async fn count_foreign_rows(
        &self,
        plan: &CollectionPlan,
        importer: &Importer,
        inserted: u64,
    ) -> Result<u64, Error> {
        let target = &plan.target;
        self.milvus().flush(target).await?;
        let segments = self.milvus().segments(target).await?;
        let flushed: Vec<&ReportedSegment> = segments.iter().filter(|s| s.has_flushed_rows()).collect();
        let mut imported: u64 = 0;
        for job in self.find_own_jobs(plan, importer).await? {
            imported = imported.saturating_add(self.count_imported_rows(&job, &flushed).await?);
        }
        let found: u64 = flushed.iter().map(|segment| segment.rows).sum();
        // Some of the inserted rows may not have arrived, so others may be taken for them.
        Ok(found.saturating_sub(imported.saturating_add(inserted)))
    }

    /// Returns the import jobs of this restore into a target, also those whose ids it never learned.
    async fn find_own_jobs(
        &self,
        plan: &CollectionPlan,
        importer: &Importer,
    ) -> Result<Vec<ImportJobId>, Error> {
        let mut jobs = importer.jobs_of(&plan.target);
        if jobs.unanswered > 0 {
            let listed = self.milvus().list_imports(&plan.target).await?;
            let unknown: Vec<_> =
                listed.into_iter().map(|job| job.id).filter(|id| jobs.is_unknown(id)).collect();
            // More of them are not all of this restore, and nothing tells which are.
            if unknown.len() <= jobs.unanswered {
                jobs.ids.extend(unknown);
            }
        }
        Ok(jobs.ids)
    }

    /// Returns the rows of an import job: as Milvus counts them, or of its segments if it has not counted them yet.
    ///
    /// A job that Milvus has forgotten has none.
    async fn count_imported_rows(
        &self,
        job: &ImportJobId,
        flushed: &[&ReportedSegment],
    ) -> Result<u64, Error> {
        match self.milvus().import_state(job).await {
            Ok(status) => {
                let own = flushed.iter().filter(|segment| status.segment_ids.contains(&segment.id));
                Ok(status.rows.max(own.map(|segment| segment.rows).sum()))
            }
            Err(error) if error.kind() == MilvusErrorKind::NotFound => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}
