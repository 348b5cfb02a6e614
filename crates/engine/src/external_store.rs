//! How Milvus itself reaches the backup location, where it exports and restores snapshots.
//!
//! Milvus copies the files of a snapshot by requests that its object store executes, so both locations must be at the
//! same endpoint of the same provider, and one set of credentials must reach both.

use milvus::ExternalStore;
use model::key::ObjectKey;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use storage::{S3Config, S3Credentials, Store, StoreConfig};

use crate::FileLocation;

/// How Milvus reaches an object store, as far as that differs from how this program does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeenByMilvus {
    /// The provider by the name that Milvus gives it: `aws` (also for other S3-compatible stores), `gcp`, `aliyun`, `tencent` or
    /// `huawei`; empty for `aws`.
    pub provider: String,
    /// `host:port` of the store, if it is another one for Milvus.
    pub address: Option<String>,
}

/// The reason why Milvus cannot copy snapshots between its own storage and the backup location.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotStoreError {
    /// One of the locations is on a disk.
    #[error("Milvus copies snapshots only within an object store, and {0} on a disk")]
    Disk(&'static str),
    /// The locations are at different endpoints or providers.
    #[error(
        "Milvus copies snapshots only within one object store: its files are at {milvus}, the backups at {backups}"
    )]
    OtherEndpoint {
        /// The provider and endpoint of Milvus's files.
        milvus: String,
        /// The provider and endpoint of the backups.
        backups: String,
    },
    /// The credentials are temporary, and Milvus does not accept such credentials.
    #[error("Milvus does not accept the session token that the bucket of the backups needs")]
    SessionToken,
}

impl FileLocation {
    /// Returns the address of a key of this location, the backups, and how Milvus reaches it; `milvus` are its own files.
    ///
    /// In its own bucket, Milvus uses its own credentials. For another one it gets those of this location, which must
    /// reach both buckets.
    pub(crate) fn external_store(
        &self,
        key: &ObjectKey,
        milvus: &Self,
    ) -> Result<ExternalStore, SnapshotStoreError> {
        let (StoreConfig::S3(backups), StoreConfig::S3(files)) = (&self.store, &milvus.store) else {
            let backups = matches!(self.store, StoreConfig::Disk);
            return Err(SnapshotStoreError::Disk(if backups { "the backups are" } else { "its files are" }));
        };
        let (own, other) = (milvus.describe_endpoint(files), self.describe_endpoint(backups));
        if own != other {
            return Err(SnapshotStoreError::OtherEndpoint { milvus: own, backups: other });
        }
        let (bucket, key) = (&backups.bucket, key.as_str());
        let (uri, names_endpoint) = match host_of(&backups.endpoint) {
            host if is_amazon(host) && self.seen_by_milvus.address.is_none() => {
                (format!("s3://{bucket}/{key}"), false)
            }
            host => {
                let host = self.seen_by_milvus.address.as_deref().unwrap_or(host);
                (format!("minio://{host}/{bucket}/{key}"), true)
            }
        };
        if backups.bucket == files.bucket {
            return Ok(ExternalStore { uri, spec: String::new(), secret: None });
        }
        let (spec, secret) = self.credentials_for_milvus(backups, names_endpoint)?;
        Ok(ExternalStore { uri, spec, secret })
    }

    /// Describes provider and endpoint, by which two locations are compared.
    fn describe_endpoint(&self, store: &S3Config) -> String {
        let location = Store::open(&StoreConfig::S3(store.clone()));
        let endpoint = location.ok().and_then(|store| store.location().endpoint().map(str::to_owned));
        format!("{} {}", self.provider_of_milvus(), endpoint.unwrap_or_else(|| store.endpoint.clone()))
    }

    fn provider_of_milvus(&self) -> &str {
        match self.seen_by_milvus.provider.as_str() {
            "" => "aws",
            provider => provider,
        }
    }

    /// Returns the specification of a bucket with its credentials, and the secret among them.
    fn credentials_for_milvus(
        &self,
        store: &S3Config,
        names_endpoint: bool,
    ) -> Result<(String, Option<SecretString>), SnapshotStoreError> {
        let mut fields = Map::new();
        let mut set = |name: &str, value: &str| {
            if !value.is_empty() {
                fields.insert(name.to_owned(), Value::from(value));
            }
        };
        // Without an endpoint in the URI, Milvus derives one from provider and region, so it must know both.
        if names_endpoint || !store.region.is_empty() {
            set("cloud_provider", self.provider_of_milvus());
        }
        set("region", &store.region);
        set("use_ssl", if store.endpoint.starts_with("https://") { "true" } else { "false" });
        let secret = match &store.credentials {
            S3Credentials::Static { session_token: Some(_), .. } => {
                return Err(SnapshotStoreError::SessionToken);
            }
            S3Credentials::Static { access_key_id, secret_access_key, session_token: None } => {
                set("access_key_id", access_key_id);
                set("access_key_value", secret_access_key.expose_secret());
                Some(secret_access_key.clone())
            }
            S3Credentials::Chain { iam_endpoint } => {
                set("use_iam", "true");
                set("iam_endpoint", iam_endpoint.as_deref().unwrap_or_default());
                None
            }
        };
        Ok((Value::from(Map::from_iter([("extfs".to_owned(), Value::from(fields))])).to_string(), secret))
    }
}

/// Returns the host and port of an endpoint.
fn host_of(endpoint: &str) -> &str {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, host)| host);
    host.trim_end_matches('/')
}

fn is_amazon(host: &str) -> bool {
    let name = host.split(':').next().unwrap_or(host);
    [".amazonaws.com", ".amazonaws.com.cn"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use storage::{NewObjectOptions, S3Addressing, StoreRole};

    use super::*;

    fn location(endpoint: &str, bucket: &str, session_token: Option<&str>) -> FileLocation {
        FileLocation {
            store: StoreConfig::S3(S3Config {
                endpoint: endpoint.to_owned(),
                region: "eu-west-1".to_owned(),
                bucket: bucket.to_owned(),
                addressing: S3Addressing::Auto,
                credentials: S3Credentials::Static {
                    access_key_id: "key".to_owned(),
                    secret_access_key: "hush".to_owned().into(),
                    session_token: session_token.map(|token| token.to_owned().into()),
                },
                ca_cert: None,
                new_objects: NewObjectOptions::default(),
            }),
            root: ObjectKey::new("backup"),
            root_text: "backup".to_owned(),
            seen_as: None,
            seen_by_milvus: SeenByMilvus::default(),
            role: StoreRole::Milvus,
        }
    }

    fn external(backups: &FileLocation, files: &FileLocation) -> Result<(String, Value), String> {
        let key = ObjectKey::new("backup/nightly/bundle/");
        let found = backups.external_store(&key, files).map_err(|error| error.to_string())?;
        assert!(!format!("{found:?}").contains("hush"), "secrets are not shown");
        Ok((found.uri, serde_json::from_str(&found.spec).unwrap_or_default()))
    }

    #[test]
    fn milvus_uses_its_own_credentials_in_its_own_bucket() {
        let files = location("http://store:9000", "files", None);
        let uri = "minio://store:9000/files/backup/nightly/bundle/".to_owned();
        assert_eq!(external(&files, &files), Ok((uri.clone(), Value::Null)));
        let temporary = location("http://store:9000", "files", Some("token"));
        assert_eq!(external(&temporary, &temporary), Ok((uri, Value::Null)), "no token is sent");
    }

    #[test]
    fn milvus_gets_the_credentials_of_another_bucket() {
        let files = location("http://store:9000", "files", None);
        let mut backups = location("http://store:9000", "backups", None);
        let spec = json!({"extfs": {
            "cloud_provider": "aws", "region": "eu-west-1", "use_ssl": "false", "access_key_id": "key",
            "access_key_value": "hush",
        }});
        let uri = "minio://store:9000/backups/backup/nightly/bundle/".to_owned();
        assert_eq!(external(&backups, &files), Ok((uri, spec)));
        backups.seen_by_milvus.address = Some("minio:9000".to_owned());
        let (uri, _) = external(&backups, &files).unwrap();
        assert_eq!(uri, "minio://minio:9000/backups/backup/nightly/bundle/");
        let temporary = location("http://store:9000", "backups", Some("token"));
        assert!(external(&temporary, &files).unwrap_err().contains("session token"));
    }

    #[test]
    fn the_uri_of_a_bucket_of_amazon_names_no_endpoint() {
        let files = location("https://s3.eu-west-1.amazonaws.com", "files", None);
        let (uri, _) = external(&files, &files).unwrap();
        assert_eq!(uri, "s3://files/backup/nightly/bundle/");
    }

    #[test]
    fn snapshots_are_not_copied_between_stores() {
        let files = location("http://store:9000", "files", None);
        let elsewhere = location("http://other:9000", "files", None);
        assert_eq!(
            external(&elsewhere, &files).unwrap_err(),
            "Milvus copies snapshots only within one object store: its files are at aws http://store:9000, the backups \
             at aws http://other:9000"
        );
        let seen_by_milvus = SeenByMilvus { provider: "gcp".to_owned(), address: None };
        let provider = FileLocation { seen_by_milvus, ..files.clone() };
        assert!(external(&provider, &files).unwrap_err().contains("aws http://store:9000"));
        let disk = FileLocation::on_disk("/backup");
        assert!(external(&disk, &files).unwrap_err().contains("the backups are on a disk"));
        assert!(external(&files, &disk).unwrap_err().contains("its files are on a disk"));
    }
}
