//! Whether a job may be taken on: what is certain to be refused is refused before it waits for its turn.

use std::collections::BTreeSet;
use std::fmt;

use futures::FutureExt;
use model::name::{BackupName, CollectionRef};
use model::plan::backup::{BackupRequest, FlushStrategy};
use model::plan::restore::RestoreRequest;

use crate::catalog::Catalog;
use crate::{DeleteRequest, Engine, Error, JobCtx, backup, restore};

/// What a job is to do.
#[derive(Clone, Copy, Debug)]
pub enum Admit<'a> {
    /// Make a backup.
    Backup(&'a BackupRequest),
    /// Restore one.
    Restore(&'a RestoreRequest),
    /// Delete one.
    Delete(&'a DeleteRequest),
}

/// What is known of a job before it begins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// The version of the Milvus it works on, such as `v2.3.5`; none where it needs no Milvus.
    pub server: Option<String>,
    /// Of a restore, each collection's source and target.
    pub targets: Vec<(CollectionRef, CollectionRef)>,
    /// Of a restore, the targets that exist and will be dropped.
    pub drops: BTreeSet<CollectionRef>,
    /// What it changes: two jobs that change the same must not run at once.
    pub writes: Vec<Claim>,
    /// What it needs as it is: no other job may change it meanwhile.
    pub reads: Vec<Claim>,
}

/// What a job works on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// A backup, by the place it lies at.
    Backup(String),
    /// A collection of the Milvus.
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
    /// Refuses what the run would refuse at once: a name that is taken, a backup that is not there or not complete, a
    /// selection without match, targets that exist, a Milvus or a store that cannot be reached.
    ///
    /// Changes nothing and looks at no data, so the run may still refuse what this lets through.
    pub async fn admit(&self, what: Admit<'_>, ctx: &JobCtx) -> Result<Admission, Error> {
        // boxed as what it is, since the compiler cannot see through all of it that it may move between threads
        let admitted = match what {
            Admit::Backup(request) => self.admit_backup(request).boxed(),
            Admit::Restore(request) => self.admit_restore(request).boxed(),
            Admit::Delete(request) => self.admit_delete(request).boxed(),
        };
        ctx.run(admitted).await
    }

    async fn admit_backup(&self, request: &BackupRequest) -> Result<Admission, Error> {
        let opened = backup::open(self, request).await?;
        if opened.strategy != FlushStrategy::MetaOnly {
            opened.source.store_answers().await?;
        }
        Ok(Admission {
            server: Some(opened.source.milvus.server().version.to_string()),
            writes: vec![claim(&opened.catalog, &request.name)],
            ..Admission::default()
        })
    }

    async fn admit_restore(&self, request: &RestoreRequest) -> Result<Admission, Error> {
        let opened = restore::open(self, request).await?;
        opened.target.store_answers().await?;
        let drops = opened.drops;
        let targets = opened.targets.collections;
        Ok(Admission {
            drops,
            server: Some(opened.target.milvus.server().version.to_string()),
            writes: targets.iter().map(|(_, target)| Claim::Collection(target.clone())).collect(),
            reads: vec![claim(&opened.catalog, &request.name)],
            targets,
        })
    }

    async fn admit_delete(&self, request: &DeleteRequest) -> Result<Admission, Error> {
        let catalog = Catalog::open(self)?;
        catalog.deletable(&request.name).await?;
        Ok(Admission { writes: vec![claim(&catalog, &request.name)], ..Admission::default() })
    }
}

fn claim(catalog: &Catalog, name: &BackupName) -> Claim {
    Claim::Backup(catalog.store.describe(catalog.layout(name).dir()))
}
