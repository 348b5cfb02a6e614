//! What is one of a few things, as words.

use model::manifest::LoadState as Load;
use model::plan::backup::FlushStrategy;
use model::plan::restore::{ExistingTargetPolicy as OfTarget, TargetAction as Planned};

/// Defines an enum that stands for one of the engine's, variant by variant, and whose variants are words.
macro_rules! words {
    ($(#[$about:meta])* $name:ident of $of:ty { $($(#[$says:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$says])* #[serde(rename = $word)] $variant,)+
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(match self {
                    $(Self::$variant => $word,)+
                })
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                let text = utoipa::openapi::ObjectBuilder::new().schema_type(utoipa::openapi::Type::String);
                text.enum_values(Some([$($word),+])).into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl From<$of> for $name {
            fn from(of: $of) -> Self {
                match of {
                    $(<$of>::$variant => Self::$variant,)+
                }
            }
        }

        impl From<$name> for $of {
            fn from(word: $name) -> Self {
                match word {
                    $($name::$variant => Self::$variant,)+
                }
            }
        }
    };
}

words! {
    /// What a backup is.
    BackupState of engine::BackupState {
        /// All of its files are there.
        Complete = "complete",
        /// It was begun, or its deletion was, and not ended.
        Unfinished = "unfinished",
        /// It is being made.
        Running = "running",
        /// Its files cannot be understood.
        Damaged = "damaged",
    }
}

words! {
    /// How a check ended.
    CheckState of engine::CheckState {
        /// As it should be.
        Ok = "ok",
        /// Good to know.
        Info = "info",
        /// It works, but not as one may expect.
        Warn = "warn",
        /// It does not work.
        Fail = "fail",
    }
}

words! {
    /// How the newest rows get into a backup.
    Strategy of FlushStrategy {
        /// What suits the server.
        Auto = "auto",
        /// Each collection is flushed just before it is read.
        Serial = "serial_flush",
        /// One flush of the cluster; not supported yet.
        Bulk = "bulk_flush",
        /// Only what is flushed already.
        Skip = "skip_flush",
        /// Schemas and indexes, no data.
        MetaOnly = "meta_only",
    }
}

words! {
    /// Whether a collection was loaded.
    LoadState of Load {
        /// Not loaded, or not known.
        NotLoad = "NotLoad",
        /// On its way.
        Loading = "Loading",
        /// Loaded.
        Loaded = "Loaded",
    }
}

words! {
    /// How a target collection comes to be.
    Action of Planned {
        /// It is created.
        Create = "create",
        /// The existing one is dropped and a new one created.
        DropAndCreate = "drop_and_create",
        /// The existing one is used.
        Use = "use",
    }
}

words! {
    /// What to do with a target collection that exists.
    Existing of OfTarget {
        /// Refuse the restore.
        Refuse = "refuse",
        /// Drop it and create it anew.
        Drop = "drop",
        /// Import into it; it must exist.
        Use = "use",
    }
}

words! {
    /// What kind of job.
    JobKind of jobs::JobKind {
        /// A backup is made.
        Backup = "backup",
        /// A backup is restored.
        Restore = "restore",
        /// A backup is deleted.
        Delete = "delete",
    }
}

words! {
    /// How far a job is.
    JobState of jobs::JobState {
        /// It waits for its turn.
        Queued = "queued",
        /// It runs.
        Running = "running",
        /// It did all it was asked to.
        Succeeded = "succeeded",
        /// It did a part of it; the result tells which.
        Partial = "partial",
        /// It failed.
        Failed = "failed",
        /// It was cancelled.
        Cancelled = "cancelled",
        /// The server ended while it ran.
        Interrupted = "interrupted",
    }
}

words! {
    /// A phase of a job.
    Phase of engine::Phase {
        /// Names, reachability, rights.
        Preflight = "preflight",
        /// Collections are read and copied.
        Copy = "copy",
        /// The manifest is written.
        Commit = "commit",
        /// Databases and collections are created.
        Create = "create",
        /// Data is staged and imported.
        Import = "import",
        /// Load state and aliases.
        Finish = "finish",
        /// What was staged is removed.
        Cleanup = "cleanup",
        /// Objects are removed.
        Delete = "delete",
    }
}
