//! The errors of the engine. `Display` contains one layer, [`Error::chain`] the error with all its causes.

use milvus::{ImportJobId, MilvusError};
use model::ids::SegmentId;
use model::manifest::json::JsonError;
use model::mapping::MappingError;
use model::name::{CollectionRef, NameError};
use model::plan::UnsupportedSegment;
use model::plan::backup::{FormatError, StrategyError};
use model::plan::restore::{PlanError, RowRange};
use model::selection::SelectionError;
use model::version::UnsupportedVersion;
use rows::RowsError;
use storage::StorageError;

use crate::catalog::BackupState;
use crate::{Advice, SnapshotJob, SnapshotStoreError};

/// The reason why a job failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The name is not a valid backup name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The requested bucket or root path cannot contain backups.
    #[error("backups cannot be stored at {place:?}: {reason}")]
    Place {
        /// The requested bucket or root path.
        place: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// The selection matches nothing.
    #[error("{0}")]
    Selection(SelectionError, /** A more specific advice. */ Option<Box<Advice>>),
    /// The mapping does not give every source a target of its own.
    #[error(transparent)]
    Mapping(#[from] MappingError),
    /// The server does not support the flush strategy.
    #[error(transparent)]
    Strategy(#[from] StrategyError),
    /// The server does not support the requested format of the backup.
    #[error(transparent)]
    RequestedFormat(#[from] FormatError),
    /// Milvus cannot copy snapshots between its own storage and the backup location.
    #[error(transparent)]
    SnapshotStore(#[from] SnapshotStoreError),
    /// A snapshot exists that this run did not create.
    #[error(
        "snapshot {snapshot} of {collection} exists already; an interrupted backup of this name may have left it"
    )]
    SnapshotExists {
        /// The name of the snapshot.
        snapshot: String,
        /// The collection.
        collection: CollectionRef,
    },
    /// An export or a restore of a snapshot failed.
    #[error("{job} failed: {reason}")]
    SnapshotJobFailed {
        /// The job.
        job: SnapshotJob,
        /// The reason that Milvus reports.
        reason: String,
    },
    /// An export or a restore of a snapshot made no progress for too long.
    #[error("{job} made no progress for {seconds} s")]
    SnapshotJobStalled {
        /// The job.
        job: SnapshotJob,
        /// The time without progress in seconds.
        seconds: u64,
    },
    /// The version of the server is not supported.
    #[error(transparent)]
    Version(#[from] UnsupportedVersion),
    /// The server cannot read or add users, roles and grants as a whole.
    #[error("Milvus {0} can neither back up nor restore users, roles and grants (2.4.10 and later can)")]
    NoRbac(String),
    /// A restore of users, roles and grants was requested from a backup without them.
    #[error("backup {0} contains no users, roles or grants")]
    NoRbacInBackup(String),
    /// A restore cannot be truncated, because the backup does not tell where a segment ends.
    #[error(
        "{collection} cannot be truncated, because the backup does not tell the checkpoint of segment {segment}: backups that \
         were made with serial_flush from Milvus 2.5.8 or later do; restore it without truncation"
    )]
    NoCheckpoint {
        /// The collection in the backup.
        collection: String,
        /// The segment.
        segment: SegmentId,
    },
    /// A backup of this name exists already.
    #[error("backup {name} exists already ({state})")]
    NameTaken {
        /// The name of the backup.
        name: String,
        /// The state of the existing backup.
        state: BackupState,
    },
    /// The directory of the new backup contains files that do not belong to a backup.
    #[error("{place} is not empty and is not a backup")]
    Occupied {
        /// The store and directory.
        place: String,
    },
    /// No backup of this name exists.
    #[error(
        "there is no backup {name} below {place}{}",
        similar.as_ref().map(|similar| format!("; did you mean {similar}?")).unwrap_or_default()
    )]
    NoSuchBackup {
        /// The name of the backup.
        name: String,
        /// The backup root that was searched.
        place: String,
        /// The most similar name of a directory there, if one is similar.
        similar: Option<String>,
    },
    /// The backup does not contain a collection.
    #[error("backup {backup} has no collection {collection}; it has {}", list_briefly(collections))]
    NoSuchCollection {
        /// The name of the backup.
        backup: String,
        /// The name of the collection, with its database.
        collection: String,
        /// The names of the collections of the backup, the most similar first.
        collections: Vec<String>,
    },
    /// The collection in the backup has no field or partition with this name.
    #[error("collection {collection} has no {part} {name}; it has {}", .known.join(", "))]
    NoSuchPart {
        /// The name of the collection, with its database.
        collection: String,
        /// What is missing: a field or a partition.
        part: &'static str,
        /// The name that was wanted.
        name: String,
        /// The names that the collection has, the most similar first.
        known: Vec<String>,
    },
    /// The filter of rows is invalid, or does not fit the fields of the collection.
    #[error("the rows of collection {collection} cannot be filtered: {error}")]
    Filter {
        /// The name of the collection, with its database.
        collection: String,
        /// What is wrong, with the place in the text.
        error: rows::FilterError,
    },
    /// The rows of a collection cannot be read, because its schema has no primary key of a known type.
    #[error("collection {collection} of backup {backup} has no primary key of type Int64 or VarChar")]
    NoKey {
        /// The name of the collection, with its database.
        collection: String,
        /// The name of the backup.
        backup: String,
    },
    /// No complete backup has a name that matches.
    #[error("there is no complete backup whose name matches {pattern:?} below {place}")]
    NoLatest {
        /// The pattern of names.
        pattern: String,
        /// The backup root that was searched.
        place: String,
    },
    /// The newest backup is not deleted by a word that means another backup tomorrow.
    #[error("{0} means the newest backup; a deletion needs the name itself")]
    DeletesLatest(String),
    /// The backup is not complete.
    #[error("backup {name} is {state}, not complete")]
    NotComplete {
        /// The name of the backup.
        name: String,
        /// The state of the backup.
        state: BackupState,
    },
    /// Another run is using the backup.
    #[error("backup {name} is {usage}")]
    Running {
        /// The name of the backup.
        name: String,
        /// What that run does, its process and host, and its last sign of life.
        usage: String,
    },
    /// The marker of this run has vanished or belongs to another run, so this run has stopped.
    #[error(
        "{marker} {}, so this run has stopped",
        match owner {
            Some(owner) => format!("belongs to {owner} now"),
            None => "has disappeared".to_owned(),
        }
    )]
    LeaseLost {
        /// The store and key of the marker.
        marker: String,
        /// The process and host to which it belongs now; `None` if it has vanished.
        owner: Option<String>,
    },
    /// The directory exists but contains none of the files of a backup.
    #[error("{place} is not a backup (no backup files found)")]
    NotABackup {
        /// The store and directory.
        place: String,
    },
    /// A file of the backup cannot be parsed.
    #[error("{file} is damaged")]
    DamagedFile {
        /// The store and key of the file.
        file: String,
        /// The parse error.
        #[source]
        source: JsonError,
    },
    /// Files of the backup are missing or differ from the manifest.
    #[error("backup {name} is damaged: {}", .problems.join("; "))]
    Damaged {
        /// The name of the backup.
        name: String,
        /// The first few problems.
        problems: Vec<String>,
    },
    /// The rows or delete entries of the backup cannot be read.
    #[error(transparent)]
    Contents(#[from] RowsError),
    /// A file that decides about the state of the backup cannot be read.
    #[error("backup {name} cannot be read: {problem}")]
    Unreadable {
        /// The name of the backup.
        name: String,
        /// The reason.
        problem: String,
    },
    /// The backup has a format that this version cannot restore.
    #[error("backup {name} is in format {format}, which this version cannot restore")]
    Format {
        /// The name of the backup.
        name: String,
        /// The format that the manifest names.
        format: String,
    },
    /// The rows of a backup in snapshot format cannot be read.
    #[error("backup {0} is in format snapshot: rows are read only from backups in format binlog")]
    NoBinlogs(String),
    /// The target has no restore from exported snapshots.
    #[error("Milvus {0} cannot restore exported snapshots (3.0.1 and later can)")]
    NoSnapshotRestore(String),
    /// The target Milvus cannot copy the snapshots of a backup into its own storage.
    #[error("the snapshots of the backup cannot be restored: {0}")]
    SnapshotSource(#[source] SnapshotStoreError),
    /// The configured root path does not contain the files of this Milvus.
    #[error("no files of {collection} below {root}, although Milvus reports {rows} flushed rows")]
    WrongRoot {
        /// A collection with flushed rows.
        collection: String,
        /// The store and root path that were searched.
        root: String,
        /// The number of its flushed rows.
        rows: u64,
    },
    /// The restore cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Several problems make the restore impossible; each names its collection.
    #[error("the restore is impossible for {} reasons:{}", .0.len(), list_problems(.0))]
    Impossible(Vec<Error>),
    /// The version of the target does not support a schema.
    #[error("Milvus {version} cannot hold {collection}: {}", .problems.join("; "))]
    Schema {
        /// The version of the target.
        version: String,
        /// The name of the collection.
        collection: String,
        /// The unsupported parts of the schema.
        problems: Vec<String>,
        /// Whether the collection can be restored by inserts.
        can_insert: bool,
    },
    /// The rows of a collection cannot be inserted into the target; they may still be imported.
    #[error("the rows of {collection} cannot be inserted into {target}: {}", .problems.join("; "))]
    NotInsertable {
        /// The name of the collection in the backup.
        collection: String,
        /// The name of the target.
        target: String,
        /// The fields that do not fit the target, or the first row with a value that it would refuse or change.
        problems: Vec<String>,
    },
    /// The files of a collection do not form complete segments.
    #[error("cannot back up {collection}: {}", .problems.join("; "))]
    Segments {
        /// The name of the collection.
        collection: String,
        /// The first few problems.
        problems: Vec<String>,
    },
    /// A collection has a segment of a storage version that cannot be backed up.
    #[error("cannot back up {0}: {1}")]
    StorageVersion(String, #[source] UnsupportedSegment),
    /// A collection was dropped during a strict backup.
    #[error("{0} was dropped during the backup")]
    Vanished(String),
    /// The row count of the flushed segments differs from that of Milvus although the collection is quiet.
    #[error(
        "the flushed segments of {collection} contain {listed} rows, but Milvus counts {}",
        if .counted.0 == .counted.1 { .counted.0.to_string() } else { format!("{} to {}", .counted.0, .counted.1) }
    )]
    RowsDiffer {
        /// The name of the collection.
        collection: String,
        /// The number of rows in the flushed segments.
        listed: u64,
        /// The lowest and the highest row count that Milvus reported before and after the list.
        counted: (u64, u64),
    },
    /// Segments of a flush were not written to the store in time.
    #[error("segments of {collection} are not flushed after {seconds} s: {}", .segments.join(", "))]
    NotFlushed {
        /// The name of the collection.
        collection: String,
        /// The ids and states of these segments.
        segments: Vec<String>,
        /// The waiting time in seconds.
        seconds: u64,
    },
    /// A collection changed in every round of copying.
    #[error("{collection} changed {rounds} times while it was copied")]
    Unsteady {
        /// The name of the collection.
        collection: String,
        /// The number of rounds.
        rounds: u32,
    },
    /// An import job failed.
    #[error("import job {job} of {place} failed: {reason}")]
    Import {
        /// The id of the job in Milvus.
        job: ImportJobId,
        /// The collection and partition.
        place: String,
        /// The reason that Milvus reports.
        reason: String,
    },
    /// Milvus refused to start an import job.
    #[error(transparent)]
    ImportRefused(MilvusError),
    /// An import job made no progress for too long.
    #[error("import job {job} of {place} made no progress for {seconds} s")]
    Stalled {
        /// The id of the job in Milvus.
        job: ImportJobId,
        /// The collection and partition.
        place: String,
        /// The time without progress in seconds.
        seconds: u64,
    },
    /// An import job was lost when Milvus restarted.
    #[error(
        "import job {job} of {place} was lost in an outage of Milvus: its state has not changed for {seconds} s, although \
         later jobs have ended"
    )]
    JobLost {
        /// The id of the job in Milvus.
        job: ImportJobId,
        /// The collection and partition.
        place: String,
        /// The time without a change in seconds.
        seconds: u64,
    },
    /// A request for an import whose connection broke was executed after it had been sent again.
    #[error(
        "import job {job} brought rows into {target} that another job of this restore brought too: a request was \
         executed late, after its connection broke"
    )]
    ImportedTwice {
        /// The id of the late job in Milvus.
        job: ImportJobId,
        /// The collection.
        target: CollectionRef,
    },
    /// The number of imported rows is outside the row range.
    #[error(
        "{target}/{partition}: {counted} of {expected} rows, although Milvus reported the import as completed"
    )]
    Rows {
        /// The name of the collection in the target.
        target: CollectionRef,
        /// The name of the partition.
        partition: String,
        /// The number of rows that Milvus reported as imported.
        counted: u64,
        /// The row range.
        expected: RowRange,
    },
    /// No answer came to an insert that cannot be repeated.
    #[error(
        "it is not known whether the target has these rows of {rows}, and a second insert could add them twice"
    )]
    InsertUnanswered {
        /// The collection, the partition, and the rows of the request.
        rows: String,
        /// Why no answer came.
        #[source]
        source: MilvusError,
    },
    /// The inserts into a collection ended early.
    #[error("{source} ({account})")]
    InsertStopped {
        /// Which partitions are complete, and which may have some of their rows.
        account: String,
        /// The reason.
        source: Box<Error>,
    },
    /// A copied object differs from its source.
    #[error("{key} differs from its source: {found} instead of {expected}")]
    Copied {
        /// The store and key of the copy.
        key: String,
        /// A description of the copy.
        found: String,
        /// A description of the source.
        expected: String,
    },
    /// The collection was not imported because the proof of this restore failed.
    #[error("{0} was not imported because the first import job of this restore failed")]
    NotProven(String),
    /// Another restore imported into the target at the same time.
    #[error(
        "{target} contains {found} rows, but this restore imported {counted}: another restore imports into it"
    )]
    Foreign {
        /// The name of the collection.
        target: String,
        /// The number of rows in the target.
        found: u64,
        /// The number of rows that this restore imported.
        counted: u64,
    },
    /// The target to drop is an alias.
    #[error("{0} is an alias in the target and cannot be dropped as a collection")]
    TargetIsAlias(String),
    /// A request to a store failed.
    #[error(transparent)]
    Storage(StorageError),
    /// A call to Milvus failed.
    #[error(transparent)]
    Milvus(#[from] MilvusError),
    /// An error together with the activity in which it occurred.
    #[error("{source}")]
    During {
        /// The activity.
        activity: Activity,
        /// The error itself.
        source: Box<Error>,
    },
    /// A file of a backup could not be encoded.
    #[error("cannot write {file}")]
    Encode {
        /// The store and key of the file.
        file: String,
        /// The parse error.
        #[source]
        source: JsonError,
    },
    /// The job was cancelled.
    #[error("interrupted")]
    Cancelled,
    /// A task of this program ended unexpectedly, which is a bug.
    #[error("internal error: a task of the job ended unexpectedly: {0}")]
    Task(String),
}

/// An activity in which calls to Milvus or to a store can fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Backing up a collection.
    BackUp(CollectionRef),
    /// Staging files of a collection.
    Stage(CollectionRef),
    /// Waiting for an import job.
    Import {
        /// The id of the job in Milvus.
        job: ImportJobId,
        /// The collection and partition.
        place: String,
    },
    /// Inserting rows of a collection.
    Insert {
        /// The collection and partition.
        place: String,
        /// The number of its rows that were inserted before.
        inserted: u64,
    },
    /// Waiting for an export or a restore of a snapshot.
    Snapshot(SnapshotJob),
}

impl std::fmt::Display for Activity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::BackUp(collection) => write!(f, "backing up {collection}"),
            Self::Stage(collection) => write!(f, "staging {collection}"),
            Self::Import { job, place } => write!(f, "waiting for import job {job} of {place}"),
            Self::Insert { place, inserted } => {
                write!(f, "inserting rows into {place}, after {inserted} of its rows")
            }
            Self::Snapshot(job) => write!(f, "waiting for {job}"),
        }
    }
}

impl Error {
    /// Makes one error of the problems of a restore, of which there is at least one.
    pub(crate) fn from_problems(problems: Vec<Self>) -> Self {
        match <[Self; 1]>::try_from(problems) {
            Ok([problem]) => problem,
            Err(problems) => Self::Impossible(problems),
        }
    }

    /// Returns the existing targets because of which a restore is impossible.
    pub fn existing_targets(&self) -> Vec<&CollectionRef> {
        match self {
            Self::Plan(PlanError::TargetsExist(names)) => names.iter().collect(),
            Self::Impossible(problems) => problems.iter().flat_map(Self::existing_targets).collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the activity in which the error occurred, such as `while backing up default.books`, if it is known.
    pub fn context(&self) -> Option<String> {
        match self {
            Self::During { activity, .. } => Some(format!("while {activity}")),
            Self::InsertStopped { source, .. } => source.context(),
            _ => None,
        }
    }

    /// Adds the activity to an error of Milvus or a store; other errors name their object themselves.
    pub(crate) fn with_context(self, activity: Activity) -> Self {
        match self {
            Self::Storage(_) | Self::Milvus(_) => Self::During { activity, source: Box::new(self) },
            other => other,
        }
    }
}

/// The largest number of problems that a message contains, which must fit into the trailer of a gRPC answer.
const MAX_LISTED_PROBLEMS: usize = 30;

/// Joins names by commas, the first five of them.
fn list_briefly(names: &[String]) -> String {
    let (shown, more) = names.split_at(names.len().min(5));
    match (shown.is_empty(), more.len()) {
        (true, _) => "none".to_owned(),
        (false, 0) => shown.join(", "),
        (false, more) => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Writes each problem on a line of its own.
fn list_problems(problems: &[Error]) -> String {
    let mut lines: Vec<String> =
        problems.iter().take(MAX_LISTED_PROBLEMS).map(|error| format!("\n  {}", chain(error))).collect();
    if let more @ 1.. = problems.len().saturating_sub(MAX_LISTED_PROBLEMS) {
        lines.push(format!("\n  and {more} more"));
    }
    lines.concat()
}

/// Returns an error and its causes, without causes whose text is already contained.
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
        if error.kind() == storage::StorageErrorKind::Cancelled {
            Self::Cancelled
        } else {
            Self::Storage(error)
        }
    }
}
