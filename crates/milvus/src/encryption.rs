//! Reading the keys of encryption zones.

use model::manifest::DatabaseBackup;
use serde::Deserialize;

use crate::connect::Milvus;
use crate::error::{MilvusError, MilvusErrorKind};

/// The properties of a database in an encryption zone.
const ZONE_PROPERTIES: [&str; 2] = ["cipher.ezID", "cipher.key"];

/// The answer to a request for a key.
#[derive(Deserialize)]
struct Exported {
    ezk: String,
}

impl Milvus {
    /// Reads the key with which the files of a database are encrypted, as Milvus hands it out; it is a secret.
    ///
    /// Returns `None` for a database without an encryption zone. Only builds with a cipher plugin have zones.
    pub async fn read_ezk(&self, database: &DatabaseBackup) -> Result<Option<String>, MilvusError> {
        let has = |key: &str| database.properties.iter().any(|property| property.key == key);
        if !ZONE_PROPERTIES.into_iter().all(has) {
            return Ok(None);
        }
        let query = Some(("db_name", database.name.as_str()));
        let action = "read the key of an encryption zone of";
        let text = self.call_management(action, "rootcoord/ez/backup", query).await?;
        let exported: Exported = serde_json::from_str(&text).map_err(|_| {
            // The error of the parser could show the key.
            let call = format!("{action} Milvus for database {}", database.name);
            MilvusError::new(MilvusErrorKind::Server, call, "the answer contains no key")
        })?;
        Ok(Some(exported.ezk).filter(|key| !key.is_empty()))
    }
}
