//! Checks whether Milvus and both stores answer, without writing anything.

use std::time::Duration;

use tokio::time::timeout;

use crate::{Engine, Error};

/// The name of a service and its answer; `None` if it did not answer in time.
pub type Answered = (&'static str, Option<Result<(), Error>>);

impl Engine {
    /// Sends one small request to Milvus, the source storage and the backup storage, all at the same time.
    ///
    /// Each service has `patience` to answer.
    pub async fn ready(&self, patience: Duration) -> [Answered; 3] {
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
