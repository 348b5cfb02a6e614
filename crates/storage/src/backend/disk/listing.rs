//! Lists one directory, with the entries that cannot be read.

use std::path::Path;
use std::{fs, io};

use model::key::ObjectKey;

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
