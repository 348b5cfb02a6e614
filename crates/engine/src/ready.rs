//! Checks whether Milvus and both stores answer, without writing anything.

use std::time::Duration;

use tokio::time::timeout;

use crate::{Engine, Error};

impl Engine {
    /// Sends one small request to Milvus, the source storage and the backup storage, all at the same time.
    ///
    /// Returns the name of each service with its answer; `None` if it did not answer within `patience`.
    pub async fn ready(&self, patience: Duration) -> [(&'static str, Option<Result<(), Error>>); 3] {
        let milvus = async {
            self.connect_milvus().await?.list_databases().await?;
            Ok(())
        };
        let source = async {
            self.open_source_store()?.has_objects_below(&self.config.source.root.as_prefix()).await?;
            Ok(())
        };
        let backup = async {
            self.open_backup_store()?.has_objects_below(&self.config.backup.root.as_prefix()).await?;
            Ok(())
        };
        let (milvus, source, backup) =
            futures::join!(timeout(patience, milvus), timeout(patience, source), timeout(patience, backup));
        [("milvus", milvus.ok()), ("source storage", source.ok()), ("backup storage", backup.ok())]
    }
}
