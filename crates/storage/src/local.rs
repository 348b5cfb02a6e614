//! What a disk needs beyond reading and writing: copies that may share their blocks, and tidy directories.

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use model::key::ObjectKey;
use tokio_util::sync::CancellationToken;

use crate::classify;
use crate::error::{Cause, ErrorKind};

/// How the names of files begin that are still being written.
const TEMP: &str = ".mb-tmp-";

/// How much is copied between two looks at the cancellation token, in bytes.
const STRIDE: u64 = 64 << 20;

/// A fresh name in the directory of `key`: the same file system, so that renaming it is atomic.
pub(crate) fn temp_beside(key: &ObjectKey) -> ObjectKey {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // Containers share process ids; what the hasher draws at random they do not share.
    static RANDOM: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    let dir = key.as_str().rsplit_once('/').map_or("", |(dir, _)| dir);
    let name = format!("{TEMP}{:016x}-{}", *RANDOM, COUNT.fetch_add(1, Ordering::Relaxed));
    ObjectKey::new(dir).join(&name)
}

/// Whether a key names a file that is still being written, or was left behind so.
pub(crate) fn is_temp(key: &ObjectKey) -> bool {
    key.file_name().starts_with(TEMP)
}

/// Writes a file unless there is one and tells whether it did.
pub(crate) async fn create_new(key: &ObjectKey, bytes: Bytes) -> Result<bool, Cause> {
    let path = path(key);
    blocking(move || {
        let mut file = match create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
            created => created.map_err(|error| classify::io(&error))?,
        };
        let written = file.write_all(&bytes).and_then(|()| file.sync_all());
        if written.is_err() {
            // Nothing to report: what failed above is the cause.
            let _ = fs::remove_file(&path);
        }
        written.map(|()| true).map_err(|error| classify::io(&error))
    })
    .await
}

/// Copies a file by way of a temporary one beside the target and returns the number of bytes.
///
/// The kernel does the copy, sharing the blocks where the file system can. The file is on the disk before it
/// gets its name. Never a hard link: the source may be changed in place by its owner.
pub(crate) async fn copy(from: &ObjectKey, to: &ObjectKey, stop: &CancellationToken) -> Result<u64, Cause> {
    let (from, temp, to, stop) = (path(from), path(&temp_beside(to)), path(to), stop.clone());
    blocking(move || {
        let source = File::open(&from).map_err(|error| classify::io(&error))?;
        if !source.metadata().map_err(|error| classify::io(&error))?.is_file() {
            return Err(Cause::new(ErrorKind::NotFound, "it is not a file"));
        }
        let copied = copy_file(&source, &temp, &to, &stop).map_err(|error| into_target(classify::io(&error)));
        let copied = copied.and_then(|size| size.ok_or_else(Cause::cancelled));
        if copied.is_err() {
            // Nothing to report: what failed above is the cause, and the file may not exist at all.
            let _ = fs::remove_file(&temp);
        }
        copied
    })
    .await
}

/// Removes the empty directories at and below a prefix.
pub(crate) async fn remove_empty_dirs(prefix: &ObjectKey) -> Result<(), Cause> {
    let dir = path(prefix);
    blocking(move || remove_dirs(&dir).map_err(|error| classify::io(&error))).await
}

/// A missing directory of the target is trouble of the target, not a source that vanished.
fn into_target(cause: Cause) -> Cause {
    match cause.kind {
        ErrorKind::NotFound => Cause { kind: ErrorKind::Unexpected, ..cause },
        _ => cause,
    }
}

fn copy_file(mut source: &File, temp: &Path, to: &Path, stop: &CancellationToken) -> io::Result<Option<u64>> {
    let mut target = create(temp)?;
    let mut size = 0;
    loop {
        if stop.is_cancelled() {
            return Ok(None);
        }
        match io::copy(&mut Read::take(&mut source, STRIDE), &mut target)? {
            0 => break,
            copied => size += copied,
        }
    }
    target.sync_all()?;
    fs::rename(temp, to)?;
    Ok(Some(size))
}

/// Creates a file that does not exist, with the directories above it.
fn create(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(path))?;
            File::create_new(path)
        }
        created => created,
    }
}

fn remove_dirs(dir: &Path) -> io::Result<()> {
    use io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
    let entries = match fs::read_dir(dir) {
        Err(error) if matches!(error.kind(), NotFound | NotADirectory) => {
            return Ok(());
        }
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_dirs(&entry.path())?;
        }
    }
    match fs::remove_dir(dir) {
        // Somebody writes there, removed it as well, or put a link in its place.
        Err(error) if matches!(error.kind(), DirectoryNotEmpty | NotFound | NotADirectory) => Ok(()),
        removed => removed,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Cause> + Send + 'static,
) -> Result<T, Cause> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(Cause::new(ErrorKind::Unexpected, error.to_string())),
    }
}

fn path(key: &ObjectKey) -> PathBuf {
    Path::new("/").join(key.as_str())
}
