//! Admission: the checks that reject a job before it is queued if it is certain to fail.

use std::collections::BTreeSet;
use std::fmt;

use futures::FutureExt;
use model::name::{BackupName, CollectionRef};
use model::plan::backup::BackupRequest;
use model::plan::restore::RestoreRequest;

use crate::catalog::Catalog;
use crate::{DeleteRequest, Engine, Error, JobCtx, backup, restore};

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

/// Each call rejects a job that is certain to fail, and returns the claims of an admitted one. It changes nothing and
/// reads no data files, so an admitted job can still fail.
impl Engine {
    /// Admits a job that creates a backup.
    ///
    /// Fails if the name exists already, if the selection matches nothing, or if Milvus or a store is unreachable.
    pub async fn admit_backup(&self, request: &BackupRequest, ctx: &JobCtx) -> Result<Admission, Error> {
        let admission = async {
            let checked = backup::check_backup_request(self, request).await?;
            if checked.flush.copies_rows() {
                checked.source.check_store_access().await?;
            }
            Ok::<_, Error>(Admission {
                server: Some(checked.source.milvus.server().version.to_string()),
                writes: vec![claim_of_backup(&checked.catalog, &request.name)],
                ..Admission::default()
            })
        };
        ctx.run(admission.boxed()).await
    }

    /// Admits a job that restores a backup.
    ///
    /// Fails if the backup does not exist or is not complete, if the selection matches nothing, if a target exists and
    /// the request does not allow that, or if Milvus or a store is unreachable.
    pub async fn admit_restore(&self, request: &RestoreRequest, ctx: &JobCtx) -> Result<Admission, Error> {
        let admission = async {
            let checked = restore::check_restore_request(self, request).await?;
            checked.target.check_store_access().await?;
            let drops = checked.drops;
            let targets = checked.targets.collections;
            Ok::<_, Error>(Admission {
                drops,
                server: Some(checked.target.milvus.server().version.to_string()),
                writes: targets.iter().map(|(_, target)| Claim::Collection(target.clone())).collect(),
                reads: vec![claim_of_backup(&checked.catalog, &request.name)],
                targets,
            })
        };
        ctx.run(admission.boxed()).await
    }

    /// Admits a job that deletes a backup.
    ///
    /// Fails if the backup does not exist or is being written, or if its store is unreachable.
    pub async fn admit_delete(&self, request: &DeleteRequest, ctx: &JobCtx) -> Result<Admission, Error> {
        let admission = async {
            let catalog = Catalog::open(self)?;
            catalog.find_deletable_backup(request).await?;
            Ok::<_, Error>(Admission {
                writes: vec![claim_of_backup(&catalog, &request.name)],
                ..Admission::default()
            })
        };
        ctx.run(admission.boxed()).await
    }
}

fn claim_of_backup(catalog: &Catalog, name: &BackupName) -> Claim {
    Claim::Backup(catalog.store.describe(catalog.layout(name).dir()))
}
