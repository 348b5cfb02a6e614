//! The job store: one SQLite database in the data directory.
//!
//! It has one connection for writing and one for reading, so that a reader never waits until a write has reached the
//! disk. Writes never block a thread that serves other tasks.

mod error;
mod format;
mod lock;
mod row;
mod schema;
pub(crate) mod statements;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use engine::ServerIdentity;
use rusqlite::Connection;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::job::{JobFilter, JobSnapshot};
pub use error::StoreError;
use lock::DirLock;
pub(crate) use row::StoredJob;
pub(crate) use statements::{EndRecord, PageQuery};

/// The name of the database in the data directory.
const DATABASE_FILE: &str = "jobs.db";
/// The name of the file with the id of the data directory.
const ID_FILE: &str = "server.id";

/// The store of all jobs of a data directory, which it keeps locked.
#[derive(Debug)]
pub(crate) struct JobStore {
    file: PathBuf,
    writer: Arc<Mutex<Connection>>,
    reader: Mutex<Connection>,
    _lock: DirLock,
}

impl JobStore {
    /// Opens the store of a data directory, which is created if it does not exist.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Dir { path: dir.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let lock = DirLock::acquire(dir)?;
        let file = dir.join(DATABASE_FILE);
        // The file is created before SQLite opens it, because the journals inherit its permissions.
        open_private_file(&file).map_err(|source| StoreError::Dir { path: file.clone(), source })?;
        let writer = schema::open_database(&file)?;
        let reader = schema::open_database(&file)?;
        Ok(Self { file, writer: Arc::new(Mutex::new(writer)), reader: Mutex::new(reader), _lock: lock })
    }

    /// Returns the identity of this server process, and whether the data directory is a copy of another one.
    ///
    /// The identity consists of the id of the data directory, which is created if it has none, and a new id of the
    /// process. The file with the id names its own inode, which a copy does not have.
    pub(crate) fn identify(&self) -> Result<(ServerIdentity, bool), StoreError> {
        let path = self.file.with_file_name(ID_FILE);
        let failed = |source| StoreError::Dir { path: path.clone(), source };
        let mut file = open_private_file(&path).map_err(failed)?;
        let inode = file.metadata().map_err(failed)?.ino();
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        let mut words = text.split_ascii_whitespace();
        let stored = words.next().map(str::to_owned);
        // Earlier releases did not write the inode.
        let named = words.next().and_then(|inode| inode.parse::<u64>().ok());
        let is_copy = named.is_some_and(|named| named != inode);
        let data_dir = stored.filter(|_| !is_copy).unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        if named != Some(inode) {
            let content = format!("{data_dir} {inode}\n");
            let written = file.rewind().and_then(|()| file.set_len(0));
            written
                .and_then(|()| file.write_all(content.as_bytes()))
                .and_then(|()| file.sync_all())
                .map_err(failed)?;
        }
        Ok((ServerIdentity { data_dir, process: uuid::Uuid::new_v4().to_string() }, is_copy))
    }

    /// Runs `work` on a blocking thread with the connection for writing.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, RowError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let writer = Arc::clone(&self.writer);
        let result = tokio::task::spawn_blocking(move || work(&mut lock_connection(&writer))).await;
        let result = result.map_err(|error| StoreError::Task(error.to_string()))?;
        result.map_err(|error| error.into_store_error("write", &self.file))
    }

    /// Runs `work` on this thread with the connection for writing, for callers that are not async.
    pub(crate) fn write_blocking<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, RowError>,
    ) -> Result<T, StoreError> {
        run_blocking(|| work(&mut lock_connection(&self.writer)))
            .map_err(|error| error.into_store_error("write", &self.file))
    }

    /// Runs `work` on this thread with the connection for reading.
    ///
    /// Reading waits for no write, and reading a row from the page cache costs less than moving the other tasks of
    /// this thread to another thread.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, RowError>,
    ) -> Result<T, StoreError> {
        work(&lock_connection(&self.reader)).map_err(|error| error.into_store_error("read", &self.file))
    }

    /// Reads a page of jobs, each with its position in the order of submission.
    ///
    /// Decoding a thousand jobs takes a while. Other tasks of this thread move to another thread meanwhile, and the
    /// connection is locked only while the rows are read, so requests for single jobs are not delayed.
    pub(crate) fn read_page(
        &self,
        filter: &JobFilter,
        query: PageQuery,
    ) -> Result<Vec<(i64, JobSnapshot)>, StoreError> {
        let read_jobs = || {
            let rows = statements::select_page(&lock_connection(&self.reader), filter, query)?;
            rows.into_iter().map(|row| Ok((row.seq(), row.into_job()?))).collect::<Result<_, RowError>>()
        };
        run_blocking(read_jobs).map_err(|error| error.into_store_error("read", &self.file))
    }
}

/// The error of reading or writing rows, without the operation and the file.
#[derive(Debug)]
pub(crate) enum RowError {
    /// The database failed.
    Sql(rusqlite::Error),
    /// A part of the job with this id cannot be converted to or from JSON.
    Json { id: String, source: serde_json::Error },
}

impl RowError {
    fn into_store_error(self, doing: &'static str, file: &Path) -> StoreError {
        match self {
            Self::Sql(cause) => StoreError::Sql { doing, file: file.to_owned(), cause },
            Self::Json { id, source } => StoreError::Form { id, source },
        }
    }
}

impl From<rusqlite::Error> for RowError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Runs blocking work on this thread; a runtime with several threads moves the other tasks to another thread.
fn run_blocking<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}

/// Locks a connection, even after a panic: the transaction of the panicked thread was rolled back.
fn lock_connection(connection: &Mutex<Connection>) -> std::sync::MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a file for reading and writing by this user only, and creates it if it does not exist.
fn open_private_file(path: &Path) -> io::Result<File> {
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_has_an_error_and_a_hint_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let store = JobStore::open(dir.path()).unwrap();
        let error = store
            .write_blocking(|connection| {
                let pages: u32 = connection.pragma_query_value(None, "page_count", |row| row.get(0))?;
                connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?;
                let large = "x".repeat(1 << 20);
                connection.execute(
                    "INSERT INTO jobs (id, kind, state, backup, caller, request, place, claims, created_ms, targets, \
                     progress, collections) VALUES ('1', '', '', '', '', ?, '', '', 0, '', '', '')",
                    [large],
                )?;
                Ok(())
            })
            .unwrap_err();
        assert!(error.to_string().starts_with("cannot write "), "{error}");
        assert_eq!(error.hint().as_deref(), Some("free space on the disk of server.data_dir"));
    }

    #[test]
    fn the_lock_is_released_with_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let store = JobStore::open(dir.path()).unwrap();
        assert!(matches!(JobStore::open(dir.path()), Err(StoreError::Locked { pid: Some(_), .. })));
        drop(store);
        assert!(JobStore::open(dir.path()).is_ok());
    }
}
