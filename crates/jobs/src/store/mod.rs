//! Jobs as they are kept: one SQLite database in the data directory.
//!
//! One connection writes, another reads, so that a reader never waits for a write to reach the disk. Writes are never
//! done on a thread that serves others.

mod error;
mod lock;
mod row;
pub(crate) mod rows;
mod schema;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::job::{Job, JobFilter};
pub use error::StoreError;
use lock::DirLock;
pub(crate) use row::Record;
pub(crate) use rows::{Ended, Page};

/// The database in the data directory.
const DATABASE: &str = "jobs.db";

/// The kept jobs.
#[derive(Debug)]
pub(crate) struct Store {
    file: PathBuf,
    writer: Arc<Mutex<Connection>>,
    reader: Mutex<Connection>,
    _lock: DirLock,
}

impl Store {
    /// Opens the store of a data directory, which it makes where there is none.
    pub(crate) fn open(dir: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::Dir { path: dir.to_owned(), source };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
        let lock = DirLock::take(dir)?;
        let file = dir.join(DATABASE);
        // before SQLite makes it: its journals take their mode from it
        private(&file).map_err(|source| StoreError::Dir { path: file.clone(), source })?;
        let writer = schema::open(&file)?;
        let reader = schema::open(&file)?;
        Ok(Self { file, writer: Arc::new(Mutex::new(writer)), reader: Mutex::new(reader), _lock: lock })
    }

    /// Writes, on a thread of its own.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Cause> + Send + 'static,
    ) -> Result<T, StoreError> {
        let writer = Arc::clone(&self.writer);
        let done = tokio::task::spawn_blocking(move || work(&mut lock(&writer))).await;
        let done = done.map_err(|error| StoreError::Task(error.to_string()))?;
        done.map_err(|cause| cause.at("write", &self.file))
    }

    /// Writes before it returns, for callers that cannot wait otherwise.
    pub(crate) fn write_now<T>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, Cause>,
    ) -> Result<T, StoreError> {
        aside(|| work(&mut lock(&self.writer))).map_err(|cause| cause.at("write", &self.file))
    }

    /// Reads, on this thread: no write is waited for, and a row out of the page cache costs less than to hand this
    /// thread's other work over to another.
    pub(crate) fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Cause>,
    ) -> Result<T, StoreError> {
        work(&lock(&self.reader)).map_err(|cause| cause.at("read", &self.file))
    }

    /// Reads a page of jobs and their places in the order of submissions.
    ///
    /// Of a thousand jobs that takes a while: who asks for one is not held up, neither by this thread nor, but for the
    /// bare rows, by the connection.
    pub(crate) fn page(&self, filter: &JobFilter, page: Page) -> Result<Vec<(i64, Job)>, StoreError> {
        let jobs = || {
            let raws = rows::page(&lock(&self.reader), filter, page)?;
            raws.into_iter().map(|raw| Ok((raw.seq(), raw.job()?))).collect::<Result<_, Cause>>()
        };
        aside(jobs).map_err(|cause| cause.at("read", &self.file))
    }
}

/// Why a row cannot be written or read.
#[derive(Debug)]
pub(crate) enum Cause {
    /// The database.
    Sql(rusqlite::Error),
    /// What is in it.
    Form { id: String, source: serde_json::Error },
}

impl Cause {
    fn at(self, doing: &'static str, file: &Path) -> StoreError {
        match self {
            Self::Sql(cause) => StoreError::Sql { doing, file: file.to_owned(), cause },
            Self::Form { id, source } => StoreError::Form { id, source },
        }
    }
}

impl From<rusqlite::Error> for Cause {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// Does what blocks for a moment; on a runtime of several threads another one serves the rest meanwhile.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current() {
        Ok(runtime) if runtime.runtime_flavor() == RuntimeFlavor::MultiThread => {
            tokio::task::block_in_place(work)
        }
        _ => work(),
    }
}

/// A transaction that panicked was rolled back: the connection is as good as before.
fn lock(connection: &Mutex<Connection>) -> std::sync::MutexGuard<'_, Connection> {
    connection.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a file that only this user may read, and makes it where there is none.
fn private(path: &Path) -> io::Result<File> {
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
    fn a_full_disk_is_told_as_such() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let error = store
            .write_now(|connection| {
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
    fn a_lock_goes_with_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert!(matches!(Store::open(dir.path()), Err(StoreError::Locked { pid: Some(_), .. })));
        drop(store);
        assert!(Store::open(dir.path()).is_ok());
    }
}
