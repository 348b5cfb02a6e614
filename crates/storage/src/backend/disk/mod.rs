//! The local disk: copies by the kernel, exclusive creation, temporary names, listing of directories, and deletion.

mod listing;
mod removal;

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use model::key::ObjectKey;
use opendal::{Operator, services};
use tokio_util::sync::CancellationToken;

pub(crate) use listing::{list, list_level};
pub(crate) use removal::delete_below;

use super::{Backend, OpenedStore, StoreTraits};
use crate::classify;
use crate::error::{Cause, StorageErrorKind, StoreRole};
use crate::location::StoreLocation;
use crate::measure;
use crate::object::ObjectMetadata;

/// The properties of the disk.
pub(crate) const TRAITS: StoreTraits = StoreTraits { absolute_paths: true };

/// The prefix of the names of files that are still being written.
const TEMP_PREFIX: &str = ".mb-tmp-";

/// The number of bytes that are copied between two checks of the cancellation token.
const CANCEL_CHECK_BYTES: u64 = 64 << 20;

/// The error number of Linux for a path with a link that leads to itself.
const ELOOP: i32 = 40;

/// Opens the file system of this machine.
pub(crate) fn open() -> crate::error::Result<OpenedStore> {
    let location = StoreLocation::Disk;
    let operator = Operator::new(services::Fs::default().root("/"))
        .map_err(|error| classify::opendal_error(&error).during("open", location.to_string()))?;
    let operator = operator.layer(measure::metrics_layer());
    Ok(OpenedStore { location, role: StoreRole::default(), traits: TRAITS, operator, backend: Backend::Disk })
}

/// Returns a new temporary name in the directory of `key`, so that renaming it to `key` is atomic.
pub(crate) fn temp_beside(key: &ObjectKey) -> ObjectKey {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Processes in different containers may have the same id, so the hasher adds a random number.
    static RANDOM: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    let dir = key.as_str().rsplit_once('/').map_or("", |(dir, _)| dir);
    let name = format!("{TEMP_PREFIX}{:016x}-{}", *RANDOM, COUNT.fetch_add(1, Ordering::Relaxed));
    ObjectKey::new(dir).join(&name)
}

/// Returns whether a key names a temporary file, which is being written or was left by an interrupted write.
pub(crate) fn is_temp(key: &ObjectKey) -> bool {
    key.file_name().starts_with(TEMP_PREFIX)
}

/// Writes a file if none exists, and returns whether it did.
pub(crate) async fn create_new(key: &ObjectKey, bytes: Bytes) -> Result<bool, Cause> {
    let path = absolute_path(key);
    run_blocking(move || {
        let mut file = match create_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            created => created.map_err(|error| classify::io_error(&error))?,
        };
        let written = file.write_all(&bytes).and_then(|()| file.sync_all());
        if written.is_err() {
            // Ignored: the error above is the one to report.
            let _ = fs::remove_file(&path);
        }
        written.map(|()| true).map_err(|error| classify::io_error(&error))
    })
    .await
}

/// Copies a file through a temporary file beside the target, and returns its size in bytes.
///
/// The kernel makes the copy and shares blocks if the file system supports it. The data is on the disk before the
/// file gets its final name. The copy is never a hard link, because the owner of the source may change it in place.
pub(crate) async fn copy(from: &ObjectKey, to: &ObjectKey, stop: &CancellationToken) -> Result<u64, Cause> {
    let (from, temp, to, stop) =
        (absolute_path(from), absolute_path(&temp_beside(to)), absolute_path(to), stop.clone());
    run_blocking(move || {
        let source = File::open(&from).map_err(|error| classify::io_error(&error))?;
        if !source.metadata().map_err(|error| classify::io_error(&error))?.is_file() {
            return Err(Cause::new(StorageErrorKind::NotFound, "it is not a file"));
        }
        let copied = copy_contents(&source, &temp, &to, &stop)
            .map_err(|error| target_cause(classify::io_error(&error)));
        let copied = copied.and_then(|size| size.ok_or_else(Cause::cancelled));
        if copied.is_err() {
            // Ignored: the error above is the one to report, and the file may not exist.
            let _ = fs::remove_file(&temp);
        }
        copied
    })
    .await
}

/// Returns the time by which the file system dates the files in the directory of `key`, in milliseconds since 1970.
///
/// The file system of a server has a clock of its own. Returns `None` where no file can be created.
pub(crate) async fn now_ms(key: &ObjectKey) -> Option<i64> {
    let temp = absolute_path(&temp_beside(key));
    let work = move || {
        let dated = File::create_new(&temp).and_then(|file| file.metadata());
        if dated.is_ok() {
            // Ignored: a temporary file that remains is removed with its directory.
            let _ = fs::remove_file(&temp);
        }
        dated.map_err(|error| classify::io_error(&error))
    };
    ObjectMetadata::from_file(&run_blocking(work).await.ok()?).modified_ms
}

/// Fails if a file exists that is neither a regular file nor a link to one: a pipe, for example, is never read to its end.
pub(crate) async fn check_regular_file(key: &ObjectKey) -> Result<(), Cause> {
    let path = absolute_path(key);
    match run_blocking(move || fs::metadata(path).map_err(|error| classify::io_error(&error))).await {
        Ok(metadata) if !metadata.is_file() && !metadata.is_dir() => {
            Err(Cause::new(StorageErrorKind::Unexpected, "not a regular file"))
        }
        // Reading it gives the error.
        _ => Ok(()),
    }
}

/// Deletes files; those that do not exist, and directories, are ignored.
pub(crate) async fn delete(keys: &[ObjectKey]) -> Result<(), (ObjectKey, Cause)> {
    let keys = keys.to_vec();
    let work = move || {
        Ok(keys.into_iter().try_for_each(|key| {
            let removed = fs::remove_file(absolute_path(&key)).or_else(ignore_missing);
            removed.map_err(|error| (key, classify::io_error(&error)))
        }))
    };
    run_blocking(work).await.map_err(|cause| (ObjectKey::default(), cause))?
}

/// Reports a missing target directory as unexpected, because `NotFound` would mean that the source vanished.
fn target_cause(cause: Cause) -> Cause {
    match cause.kind {
        StorageErrorKind::NotFound => Cause { kind: StorageErrorKind::Unexpected, ..cause },
        _ => cause,
    }
}

/// Copies the contents and renames the temporary file; returns `None` if `stop` is cancelled first.
fn copy_contents(
    mut source: &File,
    temp: &Path,
    to: &Path,
    stop: &CancellationToken,
) -> io::Result<Option<u64>> {
    let mut target = create_file(temp)?;
    let mut size = 0;
    loop {
        if stop.is_cancelled() {
            return Ok(None);
        }
        match io::copy(&mut Read::take(&mut source, CANCEL_CHECK_BYTES), &mut target)? {
            0 => break,
            copied => size += copied,
        }
    }
    target.sync_all()?;
    fs::rename(temp, to)?;
    Ok(Some(size))
}

/// Creates a file and its missing parent directories; fails if the file exists.
fn create_file(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            File::create_new(path)
        }
        created => created,
    }
}

/// Returns whether an error says that there is no such file, or that it is not of the expected type.
fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory) || error.raw_os_error() == Some(ELOOP)
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if is_missing(&error) { Ok(()) } else { Err(error) }
}

/// Runs blocking work on the thread pool of the runtime.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Cause> + Send + 'static,
) -> Result<T, Cause> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Cause::new(StorageErrorKind::Unexpected, error.to_string())),
    }
}

fn absolute_path(key: &ObjectKey) -> PathBuf {
    Path::new("/").join(key.as_str())
}
