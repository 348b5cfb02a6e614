//! The snapshot of a collection that Milvus exported into a backup.

use std::fmt;

/// The bundle of one collection: the files that Milvus wrote when it exported a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotBundle {
    /// The path of the metadata file below the directory of the backup:
    /// `bundle/snapshots/<collection id>/metadata/<snapshot id>.json`.
    pub metadata_path: String,
    /// The number of files, as Milvus reported it.
    pub total_files: u64,
    /// The total size of the files in bytes, as Milvus reported it.
    pub total_bytes: u64,
}

/// The path of a metadata file has a form that Milvus does not restore from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub struct InvalidMetadataPath(String);

impl fmt::Display for InvalidMetadataPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not the path of a snapshot's metadata file", self.0)
    }
}

impl SnapshotBundle {
    /// Returns the path of the metadata file below the directory of the backup.
    ///
    /// Fails if it leads out of that directory, or lacks the end from which Milvus derives the places of all files.
    pub fn checked_metadata_path(&self) -> Result<&str, InvalidMetadataPath> {
        let parts: Vec<&str> = self.metadata_path.split('/').collect();
        let is_id = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let is_plain =
            |part: &&str| !matches!(*part, "" | "." | "..") && !part.contains([':', '\\', '?', '#']);
        let valid = match parts.as_slice() {
            [.., "snapshots", collection, "metadata", file] => {
                is_id(collection) && file.strip_suffix(".json").is_some_and(is_id)
            }
            _ => false,
        };
        if valid && parts.iter().all(is_plain) {
            Ok(&self.metadata_path)
        } else {
            Err(InvalidMetadataPath(self.metadata_path.clone()))
        }
    }

    /// Returns the path of the directory with all files of the bundle below the directory of the backup, with a slash
    /// at its end; fails like [`Self::checked_metadata_path`].
    pub fn root(&self) -> Result<&str, InvalidMetadataPath> {
        let path = self.checked_metadata_path()?;
        // The last four parts are `snapshots/<collection>/metadata/<file>`.
        let end = path.rmatch_indices('/').nth(3).map_or(0, |(at, _)| at + 1);
        Ok(path.get(..end).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(metadata_path: &str) -> SnapshotBundle {
        SnapshotBundle { metadata_path: metadata_path.to_owned(), ..SnapshotBundle::default() }
    }

    #[test]
    fn only_paths_of_metadata_files_below_the_backup_are_accepted() {
        let good = bundle("bundle/snapshots/455001/metadata/455777.json");
        assert_eq!(good.checked_metadata_path(), Ok("bundle/snapshots/455001/metadata/455777.json"));
        assert_eq!(good.root(), Ok("bundle/"));
        assert_eq!(bundle("snapshots/1/metadata/2.json").root(), Ok(""));
        for bad in [
            "",
            "bundle/snapshots/1/metadata/",
            "bundle/snapshots/1/metadata/x.json",
            "bundle/snapshots/x/metadata/1.json",
            "../other/snapshots/1/metadata/2.json",
            "bundle//snapshots/1/metadata/2.json",
            "/bundle/snapshots/1/metadata/2.json",
            "s3://bucket/snapshots/1/metadata/2.json",
            "bundle/metadata/2.json",
        ] {
            assert!(bundle(bad).checked_metadata_path().is_err(), "{bad}");
        }
    }
}
