//! Why the job store cannot be opened, read or written.

use std::io;
use std::path::PathBuf;

use engine::Kind;
use rusqlite::ErrorCode;

/// Why the job store cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The data directory cannot be made or used.
    #[error("cannot write in the data directory {}", .path.display())]
    Dir {
        /// The directory, or a file of it.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another server works with the data directory.
    #[error("the data directory {} is another server's{}", .dir.display(), .pid.map(|pid| format!(", process {pid}")).unwrap_or_default())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// The other process, where it told.
        pid: Option<u32>,
    },
    /// The database was written by a later version.
    #[error("{} has schema {found}, written by a later version; this one knows {known}", .file.display())]
    Newer {
        /// The database.
        file: PathBuf,
        /// Its schema.
        found: i64,
        /// The latest one known here.
        known: i64,
    },
    /// The database failed.
    // the cause's own cause repeats it
    #[error("cannot {doing} {}: {cause}", .file.display())]
    Sql {
        /// `open`, `read` or `write`.
        doing: &'static str,
        /// The database.
        file: PathBuf,
        /// Why.
        cause: rusqlite::Error,
    },
    /// A job in the database cannot be understood.
    #[error("job {id} is kept in a form that this version does not understand")]
    Form {
        /// The job.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A thread of ours died; a fault of this program.
    #[error("the job store ended unexpectedly: {0}")]
    Task(String),
}

impl StoreError {
    /// What kind of failure.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Dir { .. } | Self::Newer { .. } => Kind::Usage,
            Self::Locked { .. } => Kind::Busy,
            Self::Sql { .. } | Self::Form { .. } | Self::Task(_) => Kind::Failed,
        }
    }

    /// What to do, where something can be said.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Dir { .. } => {
                "server.data_dir must be a directory that the user this server runs as may write"
            }
            Self::Locked { .. } => {
                "a data directory serves one server: stop the other, or give this one another server.data_dir"
            }
            Self::Newer { .. } => {
                "run the later version of milvus-backup, or give this one another server.data_dir"
            }
            Self::Sql { cause, .. } => match cause.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => "free space on the disk of server.data_dir",
                Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
                    "the file is damaged: move it and those beside it (jobs.db*) away and start again; backups are not touched, only \
                     the list of jobs is lost"
                }
                Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                    "the user this server runs as must be able to write the files of server.data_dir"
                }
                _ => return None,
            },
            Self::Form { .. } => {
                "run the version of milvus-backup that wrote it, or move jobs.db away; backups are not touched, only the \
                 list of jobs is lost"
            }
            Self::Task(_) => return None,
        };
        Some(hint.to_owned())
    }
}
