//! Lists directories: one level with the entries that cannot be read, or all files at any depth.

use std::path::Path;
use std::{fs, io};

use futures::stream::{self, BoxStream, StreamExt};
use model::key::ObjectKey;
use tokio::sync::mpsc;

use super::{absolute_path, is_missing, is_temp, run_blocking};
use crate::classify;
use crate::error::Cause;
use crate::object::{LevelListing, ListedObject, ObjectMetadata};

/// Lists what is directly below a prefix; a directory that does not exist is empty.
pub(crate) async fn list_level(prefix: &ObjectKey) -> Result<LevelListing, Cause> {
    let (dir, prefix) = (absolute_path(prefix), prefix.clone());
    run_blocking(move || list_directory(&dir, &prefix).map_err(|error| classify::io_error(&error))).await
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

/// The number of files that are sent from the thread that reads directories at once.
const CHUNK_FILES: usize = 1000;

/// Lists all files below a prefix at any depth; a directory that does not exist is empty.
///
/// Links to directories are not followed, and links to nothing are ignored. An error names the directory or file.
pub(crate) fn list(prefix: &ObjectKey) -> BoxStream<'static, Result<ListedObject, (ObjectKey, Cause)>> {
    let (sender, chunks) = mpsc::channel(2);
    let (dir, prefix) = (absolute_path(prefix), prefix.clone());
    let walk = Walk { chunk: Vec::with_capacity(CHUNK_FILES), sender };
    let reading = async move {
        let work = move || {
            walk.run(&dir, &prefix);
            Ok(())
        };
        // The work neither fails nor panics, so its result says nothing.
        let _ = run_blocking(work).await;
    };
    let chunks = stream::unfold(chunks, |mut chunks| async move { Some((chunks.recv().await?, chunks)) });
    let files = chunks.flat_map(|chunk| {
        stream::iter(match chunk {
            Ok(files) => files.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    });
    // The directories are read while the stream is polled.
    stream::select(files, stream::once(reading).filter_map(|()| std::future::ready(None))).boxed()
}

/// A walk through a directory tree, which sends the files in chunks.
struct Walk {
    chunk: Vec<ListedObject>,
    sender: mpsc::Sender<Result<Vec<ListedObject>, (ObjectKey, Cause)>>,
}

/// Why a walk ended early: an error, or `None` if the reader is gone.
type Stopped = Option<(ObjectKey, Cause)>;

impl Walk {
    fn run(mut self, dir: &Path, prefix: &ObjectKey) {
        let last = match self.visit(dir, prefix) {
            Ok(()) => Ok(std::mem::take(&mut self.chunk)),
            Err(Some(error)) => Err(error),
            Err(None) => return,
        };
        // An error means that nobody reads the listing any more.
        let _ = self.sender.blocking_send(last);
    }

    fn visit(&mut self, dir: &Path, prefix: &ObjectKey) -> Result<(), Stopped> {
        let at = |key: &ObjectKey, error: io::Error| Some((key.clone(), classify::io_error(&error)));
        let entries = match fs::read_dir(dir) {
            Err(error) if is_missing(&error) => return Ok(()),
            entries => entries.map_err(|error| at(prefix, error))?,
        };
        for entry in entries {
            let entry = entry.map_err(|error| at(prefix, error))?;
            let key = prefix.join(&entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(|error| at(&key, error))?;
            if kind.is_dir() {
                self.visit(&entry.path(), &key)?;
                continue;
            }
            match fs::metadata(entry.path()) {
                Ok(metadata) if metadata.is_file() && !is_temp(&key) => {
                    self.chunk.push(ListedObject { key, meta: ObjectMetadata::from_file(&metadata) });
                    if self.chunk.len() == CHUNK_FILES {
                        let chunk = std::mem::take(&mut self.chunk);
                        self.sender.blocking_send(Ok(chunk)).map_err(|_| None)?;
                    }
                }
                Ok(_) => {}
                Err(error) if is_missing(&error) => {}
                Err(error) => return Err(at(&key, error)),
            }
        }
        Ok(())
    }
}
