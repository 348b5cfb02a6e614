//! The enumerations of the documents, whose values are words.

/// Defines an enumeration for one of another crate: the same variants, each with its word and its meaning in the
/// documents. The API description lists the meanings.
macro_rules! word_enum {
    ($(#[doc = $about:literal])+ $name:ident of $origin:ty {
        $($(#[doc = $meaning:literal])+ $variant:ident = $word:literal,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[doc = $meaning])+ #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The words.
            pub const WORDS: &[&str] = &[$($word),+];
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
                let meanings = concat!($($about,)+ "\n" $(, "\n- `", $word, "`:" $(, $meaning)+)+);
                text.enum_values(Some([$($word),+])).description(Some(meanings.trim_start())).into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl From<$origin> for $name {
            fn from(value: $origin) -> Self {
                match value {
                    $(<$origin>::$variant => Self::$variant,)+
                }
            }
        }

        impl From<$name> for $origin {
            fn from(value: $name) -> Self {
                match value {
                    $($name::$variant => Self::$variant,)+
                }
            }
        }
    };
}

pub(crate) use word_enum;

word_enum! {
    /// The state of a backup.
    BackupState of engine::BackupState {
        /// The backup was committed.
        Complete = "complete",
        /// The backup or its deletion was begun and not completed, and no run continues it.
        Unfinished = "unfinished",
        /// A run is creating the backup.
        Running = "running",
        /// The metadata of the backup cannot be parsed.
        Damaged = "damaged",
        /// The directory or a metadata file of the backup cannot be read.
        Unreadable = "unreadable",
    }
}

word_enum! {
    /// The result of a check.
    CheckState of engine::CheckState {
        /// The requirement is met.
        Ok = "ok",
        /// The finding is information only.
        Info = "info",
        /// The requirement is met with a restriction.
        Warn = "warn",
        /// The requirement is not met.
        Fail = "fail",
    }
}

word_enum! {
    /// The way in which the newest rows of a collection get into a backup.
    FlushStrategy of model::plan::backup::FlushStrategy {
        /// The strategy that suits the Milvus version.
        Auto = "auto",
        /// Each collection is flushed just before it is copied.
        Serial = "serial_flush",
        /// The whole cluster is flushed once; not supported yet.
        Bulk = "bulk_flush",
        /// Nothing is flushed, so the backup lacks rows that Milvus has not flushed itself.
        Skip = "skip_flush",
        /// Only schemas and indexes are backed up, without data.
        MetaOnly = "meta_only",
    }
}

word_enum! {
    /// The format in which a backup stores rows.
    BackupFormat of model::plan::backup::RequestedFormat {
        /// The binlog format on every Milvus version.
        Auto = "auto",
        /// Milvus's files are copied one by one.
        Binlog = "binlog",
        /// Milvus exports a snapshot of each collection (3.0.1 and later).
        Snapshot = "snapshot",
    }
}

impl BackupFormat {
    /// Returns the format of plans of earlier releases.
    pub(crate) const fn binlog() -> Self {
        Self::Binlog
    }

    /// Returns the word for the format of a manifest.
    pub(crate) fn of_manifest(format: &model::manifest::BackupFormat) -> Self {
        match format {
            model::manifest::BackupFormat::Snapshot => Self::Snapshot,
            model::manifest::BackupFormat::Binlog | model::manifest::BackupFormat::Other(_) => Self::Binlog,
        }
    }
}

word_enum! {
    /// The load state of a collection or partition in the source.
    LoadState of model::manifest::LoadState {
        /// It was not loaded, or its state is not known.
        NotLoad = "NotLoad",
        /// Milvus had begun to load it.
        Loading = "Loading",
        /// Milvus had loaded it completely.
        Loaded = "Loaded",
    }
}

word_enum! {
    /// The way in which a restore obtains a target collection.
    TargetAction of model::plan::restore::TargetAction {
        /// It does not exist and is created.
        Create = "create",
        /// The existing collection is dropped and a new one is created.
        DropAndCreate = "drop_and_create",
        /// The existing collection is used.
        Use = "use",
    }
}

word_enum! {
    /// The treatment of target collections that exist already.
    Existing of model::plan::restore::ExistingTargetPolicy {
        /// The restore is rejected.
        Refuse = "refuse",
        /// They are dropped and created again.
        Drop = "drop",
        /// The data is imported into them; all targets must exist.
        Use = "use",
    }
}

word_enum! {
    /// The way in which a restore gets rows into the target.
    RestoreMode of model::plan::restore::RestoreMode {
        /// Small partitions are inserted where that is faster and gives the same rows; all others are imported.
        Auto = "auto",
        /// Milvus imports the files of the backup from its own storage.
        Import = "import",
        /// The rows are read from the backup and inserted, which needs no storage of the target.
        Insert = "insert",
    }
}

word_enum! {
    /// The way in which the rows of one partition get into the target.
    RestoreMethod of model::plan::restore::RestoreMethod {
        /// Milvus imports the files.
        Import = "import",
        /// The rows are inserted.
        Insert = "insert",
    }
}

impl RestoreMethod {
    /// Returns the method of plans of earlier releases.
    pub(crate) const fn import() -> Self {
        Self::Import
    }
}

word_enum! {
    /// The state of a job.
    JobState of jobs::JobState {
        /// The job waits in the queue.
        Queued = "queued",
        /// The job is running.
        Running = "running",
        /// The job did everything that was requested.
        Succeeded = "succeeded",
        /// The job did a part of what was requested, which its result describes.
        Partial = "partial",
        /// The job failed.
        Failed = "failed",
        /// A caller cancelled the job.
        Cancelled = "cancelled",
        /// The server ended while the job was running.
        Interrupted = "interrupted",
    }
}

word_enum! {
    /// The phase of a job.
    Phase of engine::Phase {
        /// The request, Milvus and the stores are checked; nothing is changed.
        Preflight = "preflight",
        /// Collections are described, flushed and copied.
        Copy = "copy",
        /// The manifest and the commit marker are written.
        Commit = "commit",
        /// Missing databases are created.
        Create = "create",
        /// Collections are created, and their data is staged and imported.
        Import = "import",
        /// Aliases are created.
        Finish = "finish",
        /// Staged files are removed.
        Cleanup = "cleanup",
        /// The objects of a backup are deleted.
        Delete = "delete",
    }
}
