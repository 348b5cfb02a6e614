//! `ready`: whether Milvus and both stores answer, without writing anything.

use crate::{Engine, Error};

/// What was asked, and whether it answered.
pub type Answered = (&'static str, Result<(), Error>);

impl Engine {
    /// Asks Milvus, the store it writes to and the store of backups at once, one small question each.
    pub async fn ready(&self) -> [Answered; 3] {
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
        let (milvus, source, backup) = futures::join!(milvus, source, backup);
        [("milvus", milvus), ("source storage", source), ("backup storage", backup)]
    }
}
