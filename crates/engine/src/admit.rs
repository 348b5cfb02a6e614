//! Admission: the checks that reject a job before it is queued if it is certain to fail.

use std::collections::BTreeSet;
use std::fmt;

use futures::FutureExt;
use model::name::{BackupName, CollectionRef};
use model::plan::backup::BackupRequest;
use model::plan::restore::RestoreRequest;

use crate::catalog::Catalog;
use crate::{DeleteRequest, Engine, Error, JobCtx, backup, restore};

/// The request of a job whose admission is checked.
#[derive(Clone, Copy, Debug)]
pub enum Admit<'a> {
    /// Creates a backup.
    Backup(&'a BackupRequest),
    /// Restores collections of a backup.
    Restore(&'a RestoreRequest),
    /// Deletes a backup.
    Delete(&'a DeleteRequest),
}

/// The facts about a job that are known before it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// The version of the Milvus that the job uses, such as `v2.3.5`; `None` for a deletion, which uses none.
    pub server: Option<String>,
    /// The source and target names of the collections of a restore; empty for other jobs.
    pub targets: Vec<(CollectionRef, CollectionRef)>,
    /// The existing collections that a restore drops; empty for other jobs.
    pub drops: BTreeSet<CollectionRef>,
    /// The claims that the job changes; no other active job may read or write them.
    pub writes: Vec<Claim>,
    /// The claims that the job only reads; no active job may write them.
    pub reads: Vec<Claim>,
}

/// A backup or collection that a job reads or writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// A backup, identified by its store and directory.
    Backup(String),
    /// A collection in Milvus.
    Collection(CollectionRef),
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backup(place) => write!(f, "backup {place}"),
            Self::Collection(name) => write!(f, "collection {name}"),
        }
    }
}

impl Engine {
    /// Rejects a job that is certain to fail, and returns the claims of an admitted one.
    ///
    /// Fails if:
    /// - the name of a new backup exists already,
    /// - the backup to restore or delete does not exist, or the one to restore is not complete,
    /// - the selection matches nothing,
    /// - a target exists and the request does not allow that,
    /// - Milvus or a store is unreachable.
    ///
    /// Changes nothing and reads no data files, so an admitted job can still fail.
    pub async fn admit(&self, what: Admit<'_>, ctx: &JobCtx) -> Result<Admission, Error> {
        // Boxed one by one: the compiler cannot prove that the combined future is `Send`.
        let admission = match what {
            Admit::Backup(request) => self.admit_backup(request).boxed(),
            Admit::Restore(request) => self.admit_restore(request).boxed(),
            Admit::Delete(request) => self.admit_delete(request).boxed(),
        };
        ctx.run(admission).await
    }

    async fn admit_backup(&self, request: &BackupRequest) -> Result<Admission, Error> {
        let checked = backup::check_backup_request(self, request).await?;
        if checked.flush.copies_rows() {
            checked.source.check_store_access().await?;
        }
        Ok(Admission {
            server: Some(checked.source.milvus.server().version.to_string()),
            writes: vec![claim_of_backup(&checked.catalog, &request.name)],
            ..Admission::default()
        })
    }

    async fn admit_restore(&self, request: &RestoreRequest) -> Result<Admission, Error> {
        let checked = restore::check_restore_request(self, request).await?;
        checked.target.check_store_access().await?;
        let drops = checked.drops;
        let targets = checked.targets.collections;
        Ok(Admission {
            drops,
            server: Some(checked.target.milvus.server().version.to_string()),
            writes: targets.iter().map(|(_, target)| Claim::Collection(target.clone())).collect(),
            reads: vec![claim_of_backup(&checked.catalog, &request.name)],
            targets,
        })
    }

    async fn admit_delete(&self, request: &DeleteRequest) -> Result<Admission, Error> {
        let catalog = Catalog::open(self)?;
        catalog.find_deletable_backup(&request.name).await?;
        Ok(Admission { writes: vec![claim_of_backup(&catalog, &request.name)], ..Admission::default() })
    }
}

fn claim_of_backup(catalog: &Catalog, name: &BackupName) -> Claim {
    Claim::Backup(catalog.store.describe(catalog.layout(name).dir()))
}
