//! Reads the properties of the databases of a backup.

use futures::stream::{self, StreamExt, TryStreamExt};
use milvus::MilvusErrorKind;
use model::manifest::DatabaseBackup;

use super::BackupRun;
use crate::Error;

impl BackupRun<'_> {
    /// Describes the selected databases; a database without an answer is recorded by its name.
    pub(super) async fn describe_databases(&self) -> Result<Vec<DatabaseBackup>, Error> {
        let names = self.prepared.databases.clone();
        stream::iter(names).map(|name| self.describe_database(name)).buffered(8).try_collect().await
    }

    async fn describe_database(&self, name: String) -> Result<DatabaseBackup, Error> {
        use MilvusErrorKind as E;
        let (id, properties) = match self.prepared.source.milvus.describe_database(&name).await {
            Ok(described) => described.unwrap_or_default(),
            Err(error) if error.kind() == E::PermissionDenied => {
                self.warnings
                    .record(format!("the properties of database {name} are not in the backup: {error}"));
                Default::default()
            }
            // It was dropped meanwhile.
            Err(error) if error.kind() == E::DatabaseNotFound => Default::default(),
            Err(error) => return Err(error.into()),
        };
        Ok(DatabaseBackup { name, id, properties, ..DatabaseBackup::default() })
    }
}
