//! The recorded data in `fixtures/`: backups made by the Go tool, their rows, replies of its REST servers,
//! and exchanges with real Milvus servers.

use std::path::PathBuf;

/// Returns the absolute path of a fixture, given its path in `fixtures/`, e.g. `backups/full_v0415`.
pub fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}
