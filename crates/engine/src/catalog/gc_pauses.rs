//! The records of pauses of Milvus's garbage collection, from which a later run lifts what a crash left.
//!
//! No route of Milvus lists its pauses, and from 2.6.8 on each can be lifted only with its ticket. A record is a file in
//! the backup root, where the run of any backup finds it.

use milvus::GcPauseTicket;
use model::key::ObjectKey;
use model::name::BackupName;
use serde::{Deserialize, Serialize};

use super::Catalog;
use crate::Error;

/// How the names of the records begin.
const PREFIX: &str = "mb_gc_pause_";
/// The largest size of a record in bytes that is read.
const MAX_BYTES: usize = 1 << 16;

/// The pause of garbage collection that a backup made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GcPauseRecord {
    /// The backup whose run made the pause.
    pub(crate) backup: String,
    /// The address of Milvus at which it was made.
    pub(crate) management: String,
    /// The ticket that lifts it.
    pub(crate) ticket: GcPauseTicket,
    /// The time at which it ends by itself, in milliseconds since 1970.
    pub(crate) until_ms: i64,
}

impl Catalog {
    /// Writes the record of a pause in place of an earlier one of the same run.
    pub(crate) async fn write_gc_pause(&self, run: &str, record: &GcPauseRecord) -> Result<(), Error> {
        // Serializing a struct of texts and numbers does not fail.
        let bytes = serde_json::to_vec(record).unwrap_or_default();
        Ok(self.store.write(&self.gc_pause_key(run), bytes.into()).await?)
    }

    /// Removes the record of a pause that was lifted.
    pub(crate) async fn remove_gc_pause(&self, run: &str) -> Result<(), Error> {
        Ok(self.store.delete(&[self.gc_pause_key(run)]).await?)
    }

    /// Returns the records of runs that are alive, or of those that have ended, each with its run.
    pub(crate) async fn find_gc_pauses(&self, alive: bool) -> Result<Vec<(String, GcPauseRecord)>, Error> {
        let files = self.store.list_level(&self.root.as_prefix()).await?.objects;
        let mut found = Vec::new();
        for key in files.into_iter().map(|file| file.key) {
            let run = key.file_name().strip_prefix(PREFIX).and_then(|name| name.strip_suffix(".json"));
            let Some(run) = run else { continue };
            let Some(bytes) = self.read_optional_file(&key, MAX_BYTES).await? else { continue };
            let Ok(record) = serde_json::from_slice::<GcPauseRecord>(&bytes) else { continue };
            let is_active = match record.backup.parse::<BackupName>() {
                Ok(name) => self.find_writer(&name).await?.is_some(),
                Err(_) => false,
            };
            if is_active == alive {
                found.push((run.to_owned(), record));
            }
        }
        Ok(found)
    }

    fn gc_pause_key(&self, run: &str) -> ObjectKey {
        self.root.join(&format!("{PREFIX}{run}.json"))
    }
}
