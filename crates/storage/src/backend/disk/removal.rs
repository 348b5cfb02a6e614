//! Deletes a directory with everything in it.

use std::path::{Path, PathBuf};
use std::{fs, io};

use model::key::ObjectKey;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{absolute_path, ignore_missing, is_missing, run_blocking};
use crate::classify;
use crate::error::Cause;

/// The number of deleted files between two reports of the progress.
const PROGRESS_STEP: u64 = 1000;

/// Deletes a directory with everything in it and returns the number of files; links in it are not followed.
///
/// `progress` is called after every [`PROGRESS_STEP`] files and at the end with the number of files deleted so far. An
/// error names the file or directory that cannot be deleted.
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
        if !removal.files.is_multiple_of(PROGRESS_STEP) {
            removal.report();
        }
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

    fn report(&self) {
        // The receiver lives as long as this work.
        let _ = self.counts.send(self.files);
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
                        self.report();
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
