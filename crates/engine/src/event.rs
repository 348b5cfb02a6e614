//! The events that a job emits while it runs.

use model::name::CollectionRef;
use serde::{Deserialize, Serialize};

/// One event of a job.
///
/// Events name a collection by its name in the source or the backup. If a restore creates several targets from one
/// source, they name the target instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The job has entered a phase.
    Phase(Phase),
    /// The preflight has connected to Milvus and counted the collections to process.
    Overview {
        /// The version of Milvus, such as `v2.3.5`.
        server: String,
        /// The host and port of Milvus.
        address: String,
        /// The number of collections to process.
        collections: usize,
        /// The number of databases that contain these collections; for a backup, of all selected databases.
        databases: usize,
        /// The flush strategy of a backup; `staged` or `in place` for a restore.
        how: String,
    },
    /// A collection is restored under another name.
    Target {
        /// The collection by the name that the other events use.
        collection: CollectionRef,
        /// The name that it gets in the target.
        target: CollectionRef,
    },
    /// A collection has entered a phase.
    Collection {
        /// The collection that changed its phase.
        collection: CollectionRef,
        /// The phase that begins now.
        phase: CollectionPhase,
    },
    /// The amount of data to copy or import is known; a later event for the same collection replaces an earlier one.
    Planned {
        /// The collection to copy or import.
        collection: CollectionRef,
        /// The number of objects.
        objects: u64,
        /// Their total size in bytes.
        bytes: u64,
    },
    /// One object of a collection was copied.
    ObjectCopied {
        /// The collection to which the object belongs.
        collection: CollectionRef,
        /// The size of the object in bytes.
        bytes: u64,
    },
    /// An import job of a collection has completed.
    Import {
        /// The collection to which the job belongs.
        collection: CollectionRef,
        /// The number of completed jobs of the collection.
        done: usize,
        /// The number of all jobs of the collection.
        jobs: usize,
        /// The number of rows that the completed jobs imported.
        rows: u64,
    },
    /// Objects were deleted.
    Deleted {
        /// The number of objects deleted so far in the current directory.
        objects: u64,
    },
    /// A problem that does not end the job.
    Warning(String),
    /// A message that needs no action.
    Note(String),
}

/// A phase of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The request, Milvus and the stores are checked; nothing is changed.
    Preflight,
    /// Collections are described, flushed and copied.
    Copy,
    /// The manifest and the commit marker are written.
    Commit,
    /// Missing databases are created.
    Create,
    /// Collections are created, and their data is staged and imported.
    Import,
    /// Aliases are created.
    Finish,
    /// Staged files are removed.
    Cleanup,
    /// The objects of a backup are deleted.
    Delete,
}

impl Phase {
    /// Returns the name of the phase.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Copy => "copy",
            Self::Commit => "commit",
            Self::Create => "create",
            Self::Import => "import",
            Self::Finish => "finish",
            Self::Cleanup => "cleanup",
            Self::Delete => "delete",
        }
    }
}

/// A phase of one collection in a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionPhase {
    /// The schema, indexes and partitions are read.
    Describing,
    /// The collection is flushed.
    Flushing,
    /// The segments and their files are listed.
    Listing,
    /// The files are copied to the backup.
    Copying,
    /// The copied files are compared with the source.
    Verifying,
    /// The target collection is created.
    Creating,
    /// The files are copied to the staging directory.
    Staging,
    /// The data is imported.
    Importing,
    /// The collection is loaded.
    Loading,
    /// The collection succeeded.
    Done,
    /// The collection was dropped during the backup.
    Vanished,
    /// The collection failed; contains the reason in one line.
    Failed(String),
}

impl CollectionPhase {
    /// Returns the name of the phase.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Describing => "describing",
            Self::Flushing => "flushing",
            Self::Listing => "listing",
            Self::Copying => "copying",
            Self::Verifying => "verifying",
            Self::Creating => "creating",
            Self::Staging => "staging",
            Self::Importing => "importing",
            Self::Loading => "loading",
            Self::Done => "done",
            Self::Vanished => "vanished",
            Self::Failed(_) => "failed",
        }
    }
}
