//! Reads the properties of the databases of a backup, and the keys of their encryption zones.

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
        let database = DatabaseBackup { name, id, properties, ..DatabaseBackup::default() };
        let ezk = self.read_ezk(&database).await;
        Ok(DatabaseBackup { ezk, ..database })
    }

    /// Reads the key of a database's encryption zone; empty if it has none, or with a warning if Milvus does not hand it
    /// out.
    async fn read_ezk(&self, database: &DatabaseBackup) -> String {
        let name = &database.name;
        match self.prepared.source.milvus.read_ezk(database).await {
            Ok(None) => String::new(),
            Ok(Some(key)) => {
                self.warnings.record(format!(
                    "the backup contains the key of the encryption zone of database {name}: protect it as you protect Milvus"
                ));
                key
            }
            Err(error) => {
                self.warnings.record(format!(
                    "the key of the encryption zone of database {name} is not in the backup, so its data can be restored only \
                     where Milvus has that key: {error}"
                ));
                String::new()
            }
        }
    }
}
