//! The errors of the job store.

use std::io;
use std::path::PathBuf;

use engine::FailureKind;
use rusqlite::ErrorCode;

/// The error of opening, reading or writing the job store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be created or used.
    #[error("cannot write in the data directory {}", .path.display())]
    Dir {
        /// The path of the directory or of a file in it.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Another server uses the data directory.
    #[error("the data directory {} is in use by another server{}", .dir.display(), .pid.map(|pid| format!(", process {pid}")).unwrap_or_default())]
    Locked {
        /// The path of the data directory.
        dir: PathBuf,
        /// The process id of the other server, if it could be read.
        pid: Option<u32>,
    },
    /// The database was written by a later version of this program.
    #[error("{} was written by a later version (schema {found}; this version supports {known})", .file.display())]
    Newer {
        /// The path of the database.
        file: PathBuf,
        /// The schema version of the database.
        found: i64,
        /// The latest schema version that this program supports.
        known: i64,
    },
    /// An operation of the database failed.
    // The cause is not marked as a source, because its own source would repeat its text.
    #[error("cannot {doing} {}: {cause}", .file.display())]
    Sql {
        /// The operation: `open`, `read` or `write`.
        doing: &'static str,
        /// The path of the database.
        file: PathBuf,
        /// The error of SQLite.
        cause: rusqlite::Error,
    },
    /// A stored job cannot be converted to or from JSON.
    #[error("job {id} is stored in a format that this version cannot read")]
    Form {
        /// The id of the job.
        id: String,
        /// The error of the JSON conversion.
        #[source]
        source: serde_json::Error,
    },
    /// A task of the job store panicked or was cancelled; a bug of this program.
    #[error("the job store ended unexpectedly: {0}")]
    Task(String),
}

impl StoreError {
    /// Returns the kind of the error, which determines exit codes and statuses.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::Dir { .. } | Self::Newer { .. } => FailureKind::Usage,
            Self::Locked { .. } => FailureKind::Busy,
            Self::Sql { .. } | Self::Form { .. } | Self::Task(_) => FailureKind::Failed,
        }
    }

    /// Returns the next step for the user, if one is known.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Dir { .. } => {
                "server.data_dir must be a directory that the user of this process can write to"
            }
            Self::Locked { .. } => "stop the other server, or configure another server.data_dir for this one",
            Self::Newer { .. } => {
                "run the later version of milvus-backup, or configure another server.data_dir"
            }
            Self::Sql { cause, .. } => match cause.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => "free space on the disk of server.data_dir",
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    "the file is damaged: move jobs.db* to another directory and start the server again; backups are not affected, \
                     only the list of jobs is lost"
                }
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    "the user of this process must be able to write the files in server.data_dir"
                }
                _ => return None,
            },
            Self::Form { .. } => {
                "run the version of milvus-backup that wrote it, or move jobs.db* to another directory; backups are not affected, \
                 only the list of jobs is lost"
            }
            Self::Task(_) => return None,
        };
        Some(hint.to_owned())
    }
}
