//! The choice between importing a backup in place and staging its files in the store of the target.

use model::plan::restore::DataAccess;
use storage::Store;

/// Returns whether, according to the configuration, the target Milvus can import the backup in place.
pub(crate) fn determine_data_access(backup: &Store, target: &Store) -> DataAccess {
    let (from, to) = (backup.location(), target.location());
    if from == to {
        return DataAccess::InPlace;
    }
    match (from.bucket(), to.bucket()) {
        (Some(backup), Some(target)) if from.has_same_endpoint(to) => {
            DataAccess::Staged(format!("the target reads bucket {target}, the backup is in {backup}"))
        }
        _ => DataAccess::Staged(format!("the target reads {to}, the backup is on {from}")),
    }
}

#[cfg(test)]
mod tests {
    use storage::{S3Addressing, S3Config, S3Credentials, StoreConfig};

    use super::*;

    fn s3(endpoint: &str, bucket: &str) -> Store {
        let config = S3Config {
            endpoint: endpoint.to_owned(),
            region: String::new(),
            bucket: bucket.to_owned(),
            addressing: S3Addressing::Path,
            credentials: S3Credentials::Static {
                access_key_id: "key".to_owned(),
                secret_access_key: "secret".to_owned().into(),
                session_token: None,
            },
            ca_cert: None,
        };
        Store::open(&StoreConfig::S3(config)).unwrap()
    }

    fn staging_reason(backup: &Store, target: &Store) -> Option<String> {
        match determine_data_access(backup, target) {
            DataAccess::InPlace => None,
            DataAccess::Staged(why) => Some(why),
        }
    }

    #[test]
    fn a_backup_is_imported_in_place_only_from_the_same_bucket_or_disk() {
        let (here, there) = ("http://127.0.0.1:9000", "http://127.0.0.1:9001");
        let disk = Store::open(&StoreConfig::Disk).unwrap();
        let (files, backups) = (s3(here, "files"), s3(here, "backups"));
        assert_eq!(staging_reason(&disk, &disk), None);
        assert_eq!(staging_reason(&files, &s3("http://127.0.0.1:9000/", "files")), None);
        let buckets = "the target reads bucket files, the backup is in backups";
        assert_eq!(staging_reason(&backups, &files).as_deref(), Some(buckets));
        let stores = format!("the target reads s3 {here} bucket files, the backup is on local disk");
        assert_eq!(staging_reason(&disk, &files), Some(stores));
        let elsewhere =
            format!("the target reads s3 {here} bucket files, the backup is on s3 {there} bucket files");
        assert_eq!(staging_reason(&s3(there, "files"), &files), Some(elsewhere));
    }
}
