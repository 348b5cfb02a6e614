//! What a job tells while it runs.

use model::name::CollectionRef;
use serde::{Deserialize, Serialize};

/// Something that happened.
///
/// A collection goes by its name in the source or the backup; where a restore brings it to several targets, by that
/// of the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The job entered a phase.
    Phase(Phase),
    /// The Milvus it works on, and how much there is to do.
    Overview {
        /// Such as `v2.3.5`.
        server: String,
        /// Host and port.
        address: String,
        /// Selected collections.
        collections: usize,
        /// Their databases.
        databases: usize,
        /// Such as `serial_flush`.
        how: String,
    },
    /// A collection entered a phase.
    Collection {
        /// Which one.
        collection: CollectionRef,
        /// What is done with it now.
        phase: CollectionPhase,
    },
    /// How much of a collection there is to move; a later one replaces an earlier one.
    Planned {
        /// Which one.
        collection: CollectionRef,
        /// Files.
        objects: u64,
        /// Bytes.
        bytes: u64,
    },
    /// One object of a collection was moved.
    ObjectCopied {
        /// Which one.
        collection: CollectionRef,
        /// Its bytes.
        bytes: u64,
    },
    /// An import job moved on.
    Import {
        /// Which one.
        collection: CollectionRef,
        /// Jobs of the collection that are done.
        done: usize,
        /// Jobs of the collection.
        jobs: usize,
        /// Rows counted so far.
        rows: u64,
    },
    /// Objects were removed.
    Deleted {
        /// How many so far.
        objects: u64,
    },
    /// Something the operator should know.
    Warning(String),
    /// Something the operator may like to know.
    Note(String),
}

impl Event {
    /// The collection it is about.
    pub fn collection(&self) -> Option<&CollectionRef> {
        match self {
            Self::Collection { collection, .. }
            | Self::Planned { collection, .. }
            | Self::ObjectCopied { collection, .. }
            | Self::Import { collection, .. } => Some(collection),
            Self::Phase(_)
            | Self::Overview { .. }
            | Self::Deleted { .. }
            | Self::Warning(_)
            | Self::Note(_) => None,
        }
    }
}

/// A phase of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Names, reachability, rights.
    Preflight,
    /// Collections are read and copied.
    Copy,
    /// The manifest is written.
    Commit,
    /// Databases and collections are created.
    Create,
    /// Data is staged and imported.
    Import,
    /// Load state and aliases.
    Finish,
    /// What was staged is removed.
    Cleanup,
    /// Objects are removed.
    Delete,
}

impl Phase {
    /// The phase in a word.
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

/// What is done with a collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CollectionPhase {
    /// Its schema, indexes and partitions are read.
    Describing,
    /// It is flushed.
    Flushing,
    /// Its segments and their files are listed.
    Listing,
    /// Its files are copied.
    Copying,
    /// Its files are looked at where they lie now.
    Verifying,
    /// The target is created.
    Creating,
    /// Its files are copied to where the target's Milvus can read them.
    Staging,
    /// Its data is imported.
    Importing,
    /// It is loaded.
    Loading,
    /// All is done.
    Done,
    /// It was dropped while it was read.
    Vanished,
    /// It failed; the reason in a line.
    Failed(String),
}

impl CollectionPhase {
    /// The phase in a word.
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
