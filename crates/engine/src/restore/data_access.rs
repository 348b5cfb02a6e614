//! The choice between importing a backup in place and staging its files in the store of the target.

use model::key::ObjectKey;
use model::plan::restore::DataAccess;
use storage::{CopyMode, Store};

/// Returns whether the target Milvus can be expected to import the backup in place.
///
/// Two stores with equal endpoint and bucket can be different places: the buckets of two tenants. So if they are used
/// with different credentials, those of the target must reach `probe`, an object of the backup store.
pub(crate) async fn determine_data_access(
    backup: &Store,
    target: &Store,
    mode: CopyMode,
    probe: &ObjectKey,
) -> DataAccess {
    let (from, to) = (backup.location(), target.location());
    if from == to {
        if mode == CopyMode::Streaming {
            return DataAccess::Staged("files are configured to be streamed (transfer.mode)".to_owned());
        }
        if backup.has_same_credentials(target) || is_same_object(backup, target, probe).await {
            return DataAccess::InPlace;
        }
        let reason = "the credentials of the target's storage do not reach the backup";
        return DataAccess::Staged(reason.to_owned());
    }
    match (from.bucket(), to.bucket()) {
        (Some(backup), Some(target)) if from.has_same_endpoint(to) => {
            DataAccess::Staged(format!("the target reads bucket {target}, the backup is in {backup}"))
        }
        _ => DataAccess::Staged(format!("the target reads {to}, the backup is on {from}")),
    }
}

/// Returns whether both stores have the same object under a key; an error counts as no.
async fn is_same_object(one: &Store, other: &Store, key: &ObjectKey) -> bool {
    matches!(futures::join!(one.read(key), other.read(key)), (Ok(one), Ok(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use storage::{S3Addressing, S3Config, S3Credentials, StoreConfig};

    use super::*;

    fn s3(endpoint: &str, bucket: &str) -> Store {
        s3_with_key(endpoint, bucket, "key")
    }

    fn s3_with_key(endpoint: &str, bucket: &str, access_key_id: &str) -> Store {
        let config = S3Config {
            endpoint: endpoint.to_owned(),
            region: String::new(),
            bucket: bucket.to_owned(),
            addressing: S3Addressing::Path,
            credentials: S3Credentials::Static {
                access_key_id: access_key_id.to_owned(),
                secret_access_key: "secret".to_owned().into(),
                session_token: None,
            },
            ca_cert: None,
            new_objects: storage::NewObjectOptions::default(),
        };
        Store::open(&StoreConfig::S3(config)).unwrap()
    }

    async fn staging_reason(backup: &Store, target: &Store) -> Option<String> {
        match determine_data_access(backup, target, CopyMode::Auto, &ObjectKey::new("probe")).await {
            DataAccess::InPlace => None,
            DataAccess::Staged(why) => Some(why),
        }
    }

    #[tokio::test]
    async fn a_backup_is_imported_in_place_only_from_the_same_bucket_or_disk() {
        let (here, there) = ("http://127.0.0.1:9000", "http://127.0.0.1:9001");
        let disk = Store::open(&StoreConfig::Disk).unwrap();
        let (files, backups) = (s3(here, "files"), s3(here, "backups"));
        assert_eq!(staging_reason(&disk, &disk).await, None);
        assert_eq!(staging_reason(&files, &s3("http://127.0.0.1:9000/", "files")).await, None);
        let buckets = "the target reads bucket files, the backup is in backups";
        assert_eq!(staging_reason(&backups, &files).await.as_deref(), Some(buckets));
        let stores = format!("the target reads s3 {here} bucket files, the backup is on local disk");
        assert_eq!(staging_reason(&disk, &files).await, Some(stores));
        let elsewhere =
            format!("the target reads s3 {here} bucket files, the backup is on s3 {there} bucket files");
        assert_eq!(staging_reason(&s3(there, "files"), &files).await, Some(elsewhere));
    }

    #[tokio::test]
    async fn configured_streaming_excludes_imports_in_place() {
        let files = s3("http://127.0.0.1:9000", "files");
        let access =
            determine_data_access(&files, &files, CopyMode::Streaming, &ObjectKey::new("probe")).await;
        assert!(matches!(access, DataAccess::Staged(why) if why.contains("transfer.mode")));
    }

    #[tokio::test]
    async fn with_other_credentials_the_target_must_reach_an_object_of_the_backup() {
        let files = s3("http://127.0.0.1:1", "files");
        let reason = staging_reason(&files, &s3_with_key("http://127.0.0.1:1", "files", "other")).await;
        assert!(reason.is_some_and(|why| why.contains("credentials")));
    }
}
