//! The local disk: listing of directories, copies by the kernel, exclusive creation, temporary names, and deletion.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use model::key::ObjectKey;
use opendal::{Operator, services};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Backend, OpenedStore, StoreTraits};
use crate::classify;
use crate::error::{Cause, StorageErrorKind};
use crate::location::StoreLocation;
use crate::measure;
use crate::object::{LevelListing, ListedObject, ObjectMetadata};

/// The properties of the disk.
pub(crate) const TRAITS: StoreTraits = StoreTraits { absolute_paths: true };

/// The prefix of the names of files that are still being written.
const TEMP_PREFIX: &str = ".mb-tmp-";

/// The number of bytes that are copied between two checks of the cancellation token.
const CANCEL_CHECK_BYTES: u64 = 64 << 20;

/// The error number of Linux for a path with a link that leads to itself.
const ELOOP: i32 = 40;

/// The number of deleted files between two reports of the progress.
const PROGRESS_STEP: u64 = 1000;

/// Opens the file system of this machine.
pub(crate) fn open() -> crate::error::Result<OpenedStore> {
    let location = StoreLocation::Disk;
    let operator = Operator::new(services::Fs::default().root("/"))
        .map_err(|error| classify::opendal_error(&error).during("open", location.to_string()))?;
    let operator = operator.layer(measure::metrics_layer());
    Ok(OpenedStore { location, traits: TRAITS, operator, backend: Backend::Disk })
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

/// Lists what is directly below a prefix; a directory that does not exist is empty.
pub(crate) async fn list_level(prefix: &ObjectKey) -> Result<LevelListing, Cause> {
    let (dir, prefix) = (absolute_path(prefix), prefix.clone());
    run_blocking(move || list_directory(&dir, &prefix).map_err(|error| classify::io_error(&error))).await
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

/// Deletes a directory with everything in it and returns the number of files; links in it are not followed.
///
/// `progress` is called after every [`PROGRESS_STEP`] files with the number of files deleted so far. An error names the
/// file or directory that cannot be deleted.
pub(crate) async fn delete_below(
    prefix: &ObjectKey,
    cancel: &CancellationToken,
    progress: impl Fn(u64),
) -> Result<u64, (ObjectKey, Cause)> {
    let (sender, mut counts) = mpsc::unbounded_channel();
    let mut removal = TreeRemoval { cancel: cancel.clone(), files: 0, counts: sender };
    // With a trailing slash, the path of a link would be that of its target.
    let dir = absolute_path(&ObjectKey::new(prefix.as_str().trim_end_matches('/')));
    let work = move || {
        let removed = removal.remove_prefix(&dir);
        Ok(removed
            .map(|()| removal.files)
            .map_err(|(path, cause)| (ObjectKey::new(&path.to_string_lossy()), cause)))
    };
    let removing = run_blocking(work);
    let report = async {
        while let Some(count) = counts.recv().await {
            progress(count);
        }
    };
    let (removed, ()) = futures::join!(removing, report);
    removed.map_err(|cause| (prefix.clone(), cause))?
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

/// The removal of a directory tree in progress.
struct TreeRemoval {
    cancel: CancellationToken,
    files: u64,
    counts: mpsc::UnboundedSender<u64>,
}

type PathResult<T> = Result<T, (PathBuf, Cause)>;

impl TreeRemoval {
    /// Removes the directory of a prefix, also if it is a link to a directory; of a broken link, removes the link.
    fn remove_prefix(&mut self, dir: &Path) -> PathResult<()> {
        let is_link = fs::symlink_metadata(dir).is_ok_and(|metadata| metadata.is_symlink());
        if is_link && !dir.is_dir() {
            return at(dir, fs::remove_file(dir).or_else(ignore_missing));
        }
        self.remove_directory(dir)?;
        if is_link { at(dir, fs::remove_file(dir).or_else(ignore_missing)) } else { Ok(()) }
    }

    fn remove_directory(&mut self, dir: &Path) -> PathResult<()> {
        loop {
            let before = self.files;
            let entries = match fs::read_dir(dir) {
                Err(error) if is_missing(&error) => return Ok(()),
                entries => at(dir, entries)?,
            };
            for entry in entries {
                if self.cancel.is_cancelled() {
                    return Err((dir.to_owned(), Cause::cancelled()));
                }
                let entry = at(dir, entry)?;
                let path = entry.path();
                if at(&path, entry.file_type())?.is_dir() {
                    self.remove_directory(&path)?;
                } else {
                    at(&path, fs::remove_file(&path).or_else(ignore_missing))?;
                    self.files += 1;
                    if self.files.is_multiple_of(PROGRESS_STEP) {
                        // The receiver lives as long as this work.
                        let _ = self.counts.send(self.files);
                    }
                }
            }
            match fs::remove_dir(dir) {
                // A directory that shrinks while it is read may skip files, so it is read again. If another process
                // writes to it, it remains.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                    if self.files == before {
                        return Ok(());
                    }
                }
                removed => return at(dir, removed.or_else(ignore_missing)),
            }
        }
    }
}

/// Adds the path to an error.
fn at<T>(path: &Path, result: io::Result<T>) -> PathResult<T> {
    result.map_err(|error| (path.to_owned(), classify::io_error(&error)))
}

/// Returns whether an error says that there is no such file, or that it is not of the expected type.
fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | IsADirectory) || error.raw_os_error() == Some(ELOOP)
}

fn ignore_missing(error: io::Error) -> io::Result<()> {
    if is_missing(&error) { Ok(()) } else { Err(error) }
}

fn list_directory(dir: &Path, prefix: &ObjectKey) -> io::Result<LevelListing> {
    let mut listing = LevelListing::default();
    let entries = match fs::read_dir(dir) {
        Err(error) if is_missing(&error) => return Ok(listing),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // This follows links, so that a directory may be on another disk.
        match fs::metadata(entry.path()) {
            Ok(metadata) if metadata.is_dir() => listing.dirs.push(name),
            Ok(metadata) if metadata.is_file() => {
                let key = prefix.join(&name);
                if !is_temp(&key) {
                    listing.objects.push(ListedObject { key, meta: ObjectMetadata::from_file(&metadata) });
                }
            }
            Ok(_) => {}
            // Removed since the directory was read.
            Err(_) if fs::symlink_metadata(entry.path()).is_err() => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                listing.broken.push((name, "it is a link to nothing".to_owned()));
            }
            Err(error) => listing.broken.push((name, classify::io_error(&error).reason)),
        }
    }
    Ok(listing)
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
