//! `ready`: whether Milvus and both stores answer, without writing anything.

use std::time::Duration;

use tokio::time::timeout;

use crate::{Engine, Error};

/// What was asked, and whether it answered in time.
pub type Answered = (&'static str, Option<Result<(), Error>>);

impl Engine {
    /// Asks Milvus, the store it writes to and the store of backups at once, one small question each, which each must
    /// answer within `patience`.
    pub async fn ready(&self, patience: Duration) -> [Answered; 3] {
        let milvus = async {
            self.milvus().await?.list_databases().await?;
            Ok(())
        };
        let source = async {
            self.source()?.any_below(&self.config.source.root.as_dir()).await?;
            Ok(())
        };
        let backup = async {
            self.backup_store()?.any_below(&self.config.backup.root.as_dir()).await?;
            Ok(())
        };
        let (milvus, source, backup) =
            futures::join!(timeout(patience, milvus), timeout(patience, source), timeout(patience, backup));
        [("milvus", milvus.ok()), ("source storage", source.ok()), ("backup storage", backup.ok())]
    }
}
