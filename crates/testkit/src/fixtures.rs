//! The recorded data in `fixtures/`: backups made by the Go tool, their rows, answers of its REST servers.

use std::path::PathBuf;

/// The path of a fixture, e.g. `backups/full_v0415`.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}
