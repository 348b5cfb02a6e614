//! What tests ask the server about its data, and the changes that they make beside its clients.

use std::collections::BTreeMap;

use serde_json::Value;

use super::FakeMilvus;
use super::reply::Refusal;
use super::row_json;
use super::state::{FakeState, lock_state};

impl FakeMilvus {
    /// Returns the live rows of a collection, sorted by key: the fields by name, and the partition as `$partition`.
    ///
    /// # Panics
    /// Panics if there is no such collection.
    pub fn rows(&self, database: &str, collection: &str) -> Vec<Value> {
        self.change(|state| {
            let version = state.version;
            state.collection(database, collection).map(|held| row_json::live_rows(held, version))
        })
    }

    /// Compacts the flushed segments of a collection: each is replaced by one with its live rows. The old ones are
    /// described as dropped, and their files stay.
    ///
    /// # Panics
    /// Panics if there is no such collection.
    pub fn compact(&self, database: &str, collection: &str) {
        self.change(|state| state.compact_segments(database, collection));
    }

    /// Folds the deletes of L0 segments into the delta logs of the segments of rows, which keep their ids and numbers
    /// of rows.
    ///
    /// # Panics
    /// Panics if there is no such collection.
    pub fn fold_deletes(&self, database: &str, collection: &str) {
        self.change(|state| state.fold_deletes(database, collection));
    }

    /// Writes the deletes of a collection that are not in files yet beside its segments, as 2.2 does some minutes after
    /// them whatever is flushed.
    ///
    /// # Panics
    /// Panics if there is no such collection.
    pub fn sync_deletes(&self, database: &str, collection: &str) {
        self.change(|state| state.write_deletes_beside_segments(database, collection));
    }

    /// Adds a file that no segment knows to the directory of a segment of rows, and returns its path.
    ///
    /// # Panics
    /// Panics if the collection has no segment with files.
    pub fn add_orphan_file(&self, database: &str, collection: &str) -> std::path::PathBuf {
        self.change(|state| {
            let log = state.next_id();
            let held = state.collection(database, collection)?;
            let (id, segment) =
                (held.id, held.segments.iter().find(|segment| !segment.logs.is_empty()).cloned());
            let segment = segment.ok_or_else(|| Refusal::segment(0))?;
            let field = segment.logs.keys().next().copied().unwrap_or_default();
            let path =
                state.segment_dir("insert_log", id, &segment).join(field.to_string()).join(log.to_string());
            std::fs::write(&path, "left over").map_err(|error| Refusal::unexpected(error.to_string()))?;
            Ok(path)
        })
    }

    /// Forgets all import jobs, as the server does some hours after their end.
    pub fn forget_jobs(&self) {
        self.change(|state| {
            state.imports.clear();
            Ok(())
        });
    }

    /// Returns the options of all import jobs of 2.4 and later, in the order of their creation.
    pub fn import_options(&self) -> Vec<BTreeMap<String, String>> {
        lock_state(&self.state).imports.values().map(|job| job.options.clone()).collect()
    }

    /// Switches the import of deletes into 3.0 on or off.
    pub fn set_l0_import(&self, enabled: bool) {
        self.change(|state| {
            state.l0_import = enabled;
            Ok(())
        });
    }

    /// Exceeds the disk quota from now on, or ends that.
    pub fn set_disk_full(&self, full: bool) {
        self.change(|state| {
            state.disk_full = full;
            Ok(())
        });
    }

    /// Returns the number of pauses of the garbage collection that nobody resumed.
    pub fn garbage_collection_pauses(&self) -> usize {
        lock_state(&self.state).pauses.len()
    }

    /// Returns the names of the snapshots of all collections, in the order of their creation.
    pub fn snapshots(&self) -> Vec<String> {
        lock_state(&self.state).snapshots.iter().map(|snapshot| snapshot.name.clone()).collect()
    }

    /// Returns the number of pins of snapshots that no call removed.
    pub fn snapshot_pins(&self) -> usize {
        lock_state(&self.state).snapshot_pins()
    }

    fn change<R>(&self, change: impl FnOnce(&mut FakeState) -> Result<R, Refusal>) -> R {
        change(&mut lock_state(&self.state)).expect("the collection of a test")
    }
}
