//! Why a job failed. `Display` says one layer; [`Error::chain`] says all in one breath.

use milvus::MilvusError;
use model::manifest::json::JsonError;
use model::mapping::MappingError;
use model::name::NameError;
use model::plan::backup::StrategyError;
use model::plan::restore::PlanError;
use model::selection::SelectionError;
use model::version::UnsupportedVersion;
use storage::StorageError;

use crate::catalog::BackupState;

/// What kind of failure; the front ends map it to an exit code, an HTTP status and a gRPC code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It failed.
    Failed,
    /// The request or the configuration is wrong.
    Usage,
    /// No such backup or collection.
    NotFound,
    /// It exists already.
    AlreadyExists,
    /// Somebody else is at it.
    Busy,
    /// Milvus or a store cannot be reached, or does not let us in.
    Unreachable,
    /// Some of it is done.
    Partial,
    /// The backup is damaged.
    Damaged,
    /// It was interrupted.
    Interrupted,
}

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A bad backup name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Backups cannot lie there.
    #[error("backups cannot lie at {place:?}: {reason}")]
    Place {
        /// The bucket or root that was asked for.
        place: String,
        /// Why not.
        reason: &'static str,
    },
    /// Nothing matches the selection.
    #[error("{0}")]
    Selection(SelectionError, /** What to do. */ Option<String>),
    /// Targets cannot be resolved.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The flush strategy does not suit the server.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// The server's version is not served.
    #[error(transparent)]
    Version(#[from] UnsupportedVersion),
    /// The name is taken.
    #[error("backup {name} exists already ({state})")]
    NameTaken {
        /// The name.
        name: String,
        /// What lies there.
        state: BackupState,
    },
    /// Something else than a backup lies where it should come.
    #[error("{place} is not empty, and no backup")]
    Occupied {
        /// The place.
        place: String,
    },
    /// No backup of this name.
    #[error("there is no backup {name} below {place}")]
    NoSuchBackup {
        /// The name.
        name: String,
        /// Where it was looked for.
        place: String,
    },
    /// The backup is not complete.
    #[error("backup {name} is {state}, not complete")]
    NotComplete {
        /// The name.
        name: String,
        /// Its state.
        state: BackupState,
    },
    /// A run of this name is going on.
    #[error("backup {name} is being made by {owner}, last heard of {seconds} s ago")]
    Running {
        /// The name.
        name: String,
        /// Host and process.
        owner: String,
        /// Since its last sign of life.
        seconds: i64,
    },
    /// Something else than a backup lies there.
    #[error("{place} is no backup: it holds none of a backup's files")]
    NotABackup {
        /// The place.
        place: String,
    },
    /// A file of the backup cannot be understood.
    #[error("{file} is damaged")]
    DamagedFile {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: JsonError,
    },
    /// A backup lacks files, or they are not as it says.
    #[error("backup {name} is damaged: {}", .problems.join("; "))]
    Damaged {
        /// The name.
        name: String,
        /// The first few problems.
        problems: Vec<String>,
    },
    /// The backup is of a format that this version cannot restore.
    #[error("backup {name} is in format {format}, which this version cannot restore")]
    Format {
        /// The name.
        name: String,
        /// The format.
        format: String,
    },
    /// The configured root is not the one this Milvus writes to.
    #[error("no files of {collection} below {root}, although Milvus has {rows} flushed rows of it")]
    WrongRoot {
        /// A collection with flushed rows.
        collection: String,
        /// Where its files were looked for.
        root: String,
        /// Its rows.
        rows: u64,
    },
    /// A restore cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The target cannot hold a schema.
    #[error("Milvus {version} cannot hold {collection}: {}", .problems.join("; "))]
    Schema {
        /// The target's version.
        version: String,
        /// The collection.
        collection: String,
        /// What it cannot hold.
        problems: Vec<String>,
    },
    /// The segments of a collection could not be read.
    #[error("cannot back up {collection}: {}", .problems.join("; "))]
    Segments {
        /// The collection.
        collection: String,
        /// What is wrong.
        problems: Vec<String>,
    },
    /// A collection was dropped while it was read, and the run is strict.
    #[error("{0} was dropped while it was read")]
    Vanished(String),
    /// The flushed segments of a collection that is not written to hold other rows than Milvus counts.
    #[error(
        "the flushed segments of {collection} hold {listed} rows, but Milvus counts {}",
        if .counted.0 == .counted.1 { .counted.0.to_string() } else { format!("{} to {}", .counted.0, .counted.1) }
    )]
    RowsDiffer {
        /// The collection.
        collection: String,
        /// Rows of the segments that Milvus lists.
        listed: u64,
        /// The least and the most rows that Milvus counted meanwhile.
        counted: (u64, u64),
    },
    /// Segments of a flush did not get to the store.
    #[error("segments of {collection} are not flushed after {seconds} s: {}", .segments.join(", "))]
    NotFlushed {
        /// The collection.
        collection: String,
        /// The segments with their states.
        segments: Vec<String>,
        /// How long they were waited for.
        seconds: u64,
    },
    /// A collection changed faster than it could be read.
    #[error("{collection} changed {rounds} times while it was copied")]
    Unsteady {
        /// The collection.
        collection: String,
        /// How often it was listed.
        rounds: u32,
    },
    /// An import job failed.
    #[error("import job {job} of {place} failed: {reason}")]
    Import {
        /// Milvus's id of the job.
        job: i64,
        /// Collection and partition.
        place: String,
        /// Milvus's reason.
        reason: String,
    },
    /// An import job stood still.
    #[error("import job {job} of {place} made no progress for {seconds} s")]
    Stalled {
        /// Milvus's id of the job.
        job: i64,
        /// Collection and partition.
        place: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// The rows counted are not those of the backup.
    #[error("{place}: {counted} of {expected} rows, although Milvus reported the import as completed")]
    Rows {
        /// Collection and partition.
        place: String,
        /// Rows counted.
        counted: u64,
        /// Rows expected, as text.
        expected: String,
    },
    /// A copied object is not what was copied.
    #[error("{key} has {found} in the backup, its source {expected}")]
    Copied {
        /// The object.
        key: String,
        /// What lies there.
        found: String,
        /// What should.
        expected: String,
    },
    /// The first import job failed, and with it the proof that the server reads the data.
    #[error("{0} is not imported: the first import job of this restore failed")]
    NotProven(String),
    /// The target holds more rows than were restored into it.
    #[error("{target} holds {found} rows, though this restore brought {counted}: something else wrote to it")]
    Foreign {
        /// The collection.
        target: String,
        /// Rows there.
        found: u64,
        /// Rows brought.
        counted: u64,
    },
    /// The target of a drop is an alias.
    #[error("{0} is an alias in the target, and cannot be dropped as a collection")]
    TargetIsAlias(String),
    /// A store failed.
    #[error(transparent)]
    Storage(StorageError),
    /// Milvus failed.
    #[error(transparent)]
    Milvus(#[from] MilvusError),
    /// Something failed while a larger thing was done.
    #[error("{source}")]
    During {
        /// The larger thing, such as `while copying default.books`.
        doing: String,
        /// What failed.
        source: Box<Error>,
    },
    /// A file of a backup could not be written.
    #[error("cannot write {file}")]
    Encode {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: JsonError,
    },
    /// The job was cancelled.
    #[error("interrupted")]
    Cancelled,
    /// A task of ours died; a fault of this program.
    #[error("a part of the job ended unexpectedly: {0}")]
    Task(String),
}

impl Error {
    /// What kind of failure.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Name(_)
            | Self::Place { .. }
            | Self::Mapping(_)
            | Self::Strategy(_)
            | Self::WrongRoot { .. } => Kind::Usage,
            Self::Selection(..)
            | Self::NoSuchBackup { .. }
            | Self::NotABackup { .. }
            | Self::Plan(PlanError::NotInBackup(_) | PlanError::TargetsMissing(_)) => Kind::NotFound,
            Self::NameTaken { .. }
            | Self::Occupied { .. }
            | Self::TargetIsAlias(_)
            | Self::Plan(PlanError::TargetsExist(_) | PlanError::DropsUnconfirmed(_)) => Kind::AlreadyExists,
            Self::NotComplete { state: BackupState::Running, .. } | Self::Running { .. } => Kind::Busy,
            Self::NotComplete { .. } | Self::DamagedFile { .. } | Self::Damaged { .. } => Kind::Damaged,
            Self::Rows { .. } | Self::Foreign { .. } => Kind::Partial,
            Self::Cancelled => Kind::Interrupted,
            Self::Storage(error) => storage_kind(error),
            Self::Milvus(error) => milvus_kind(error),
            Self::During { source, .. } => source.kind(),
            Self::Version(_)
            | Self::Format { .. }
            | Self::Plan(_)
            | Self::Schema { .. }
            | Self::Segments { .. }
            | Self::Vanished(_)
            | Self::Unsteady { .. }
            | Self::RowsDiffer { .. }
            | Self::NotFlushed { .. }
            | Self::Import { .. }
            | Self::Stalled { .. }
            | Self::NotProven(_)
            | Self::Copied { .. }
            | Self::Encode { .. }
            | Self::Task(_) => Kind::Failed,
        }
    }

    /// What was being done, such as `while copying default.books`, where the error itself does not tell.
    pub fn context(&self) -> Option<&str> {
        match self {
            Self::During { doing, .. } => Some(doing),
            _ => None,
        }
    }

    /// Adds what was being done.
    pub(crate) fn during(self, doing: impl Into<String>) -> Self {
        match self {
            Self::Storage(_) | Self::Milvus(_) => {
                Self::During { doing: doing.into(), source: Box::new(self) }
            }
            other => other,
        }
    }

    /// The error and its causes in one line.
    pub fn chain(&self) -> String {
        chain(self)
    }
}

/// An error and its causes in one line; what a cause repeats is told once.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let layer = error.to_string();
        if !text.contains(&layer) {
            text.push_str(": ");
            text.push_str(&layer);
        }
        cause = error.source();
    }
    text
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        if error.kind() == storage::ErrorKind::Cancelled { Self::Cancelled } else { Self::Storage(error) }
    }
}

fn storage_kind(error: &StorageError) -> Kind {
    use storage::ErrorKind as E;
    match error.kind() {
        E::PermissionDenied | E::Unreachable | E::BucketMissing | E::Timeout => Kind::Unreachable,
        E::Config => Kind::Usage,
        E::Cancelled => Kind::Interrupted,
        _ => Kind::Failed,
    }
}

fn milvus_kind(error: &MilvusError) -> Kind {
    use milvus::ErrorKind as E;
    match error.kind() {
        E::Unreachable | E::Unauthenticated | E::PermissionDenied => Kind::Unreachable,
        E::Cancelled => Kind::Interrupted,
        E::CollectionNotFound | E::DatabaseNotFound => Kind::NotFound,
        _ => Kind::Failed,
    }
}
