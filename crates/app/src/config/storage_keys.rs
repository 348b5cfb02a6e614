//! The keys of one storage: that of Milvus, or that of the backups.

use secrecy::SecretString;

use super::provider::Provider;
use super::schema::{AnyKey, Schema, TypedKey};

/// The v2 keys of one storage.
pub(super) struct StorageKeys {
    pub provider: TypedKey<Provider>,
    pub address: TypedKey<String>,
    pub port: TypedKey<u64>,
    pub region: TypedKey<String>,
    pub use_ssl: TypedKey<bool>,
    pub ca_cert: TypedKey<String>,
    pub addressing: TypedKey<String>,
    pub acl: TypedKey<String>,
    pub storage_class: TypedKey<String>,
    pub account: TypedKey<String>,
    pub bucket: TypedKey<String>,
    pub root: TypedKey<String>,
    pub local_path: TypedKey<String>,
    pub milvus_address: TypedKey<String>,
    pub milvus_port: TypedKey<u64>,
    pub auth_type: TypedKey<String>,
    pub access_key: TypedKey<String>,
    pub secret_key: TypedKey<SecretString>,
    pub session_token: TypedKey<SecretString>,
    pub account_key: TypedKey<SecretString>,
    pub credentials_file: TypedKey<String>,
    pub iam_endpoint: TypedKey<String>,
}

macro_rules! keys {
    ($prefix:literal) => {
        Self {
            provider: TypedKey::provider(Schema::V2, concat!($prefix, ".provider")),
            address: TypedKey::text(Schema::V2, concat!($prefix, ".address")),
            port: TypedKey::number(Schema::V2, concat!($prefix, ".port")),
            region: TypedKey::text(Schema::V2, concat!($prefix, ".region")),
            use_ssl: TypedKey::flag(Schema::V2, concat!($prefix, ".useSSL")),
            ca_cert: TypedKey::text(Schema::V2, concat!($prefix, ".caCertPath")),
            addressing: TypedKey::text(Schema::V2, concat!($prefix, ".addressing")),
            acl: TypedKey::text(Schema::V2, concat!($prefix, ".acl")),
            storage_class: TypedKey::text(Schema::V2, concat!($prefix, ".storageClass")),
            account: TypedKey::text(Schema::V2, concat!($prefix, ".accountName")),
            bucket: TypedKey::text(Schema::V2, concat!($prefix, ".bucketName")),
            root: TypedKey::text(Schema::V2, concat!($prefix, ".rootPath")),
            local_path: TypedKey::text(Schema::V2, concat!($prefix, ".localPath")),
            milvus_address: TypedKey::text(Schema::V2, concat!($prefix, ".milvusAddress")),
            milvus_port: TypedKey::number(Schema::V2, concat!($prefix, ".milvusPort")),
            auth_type: TypedKey::text(Schema::V2, concat!($prefix, ".auth.type")),
            access_key: TypedKey::text(Schema::V2, concat!($prefix, ".auth.accessKeyID")),
            secret_key: TypedKey::secret(Schema::V2, concat!($prefix, ".auth.secretAccessKey")),
            session_token: TypedKey::secret(Schema::V2, concat!($prefix, ".auth.sessionToken")),
            account_key: TypedKey::secret(Schema::V2, concat!($prefix, ".auth.accountKey")),
            credentials_file: TypedKey::text(Schema::V2, concat!($prefix, ".auth.credentialsFile")),
            iam_endpoint: TypedKey::text(Schema::V2, concat!($prefix, ".auth.endpoint")),
        }
    };
}

impl StorageKeys {
    /// The storage of the files of Milvus.
    pub(super) const SOURCE: Self = keys!("milvus.storage");
    /// The storage of the backups.
    pub(super) const BACKUP: Self = keys!("backup.storage");

    /// The keys with credentials, of all kinds of login.
    pub(super) fn credentials(&self) -> [AnyKey; 6] {
        [
            self.access_key.any(),
            self.secret_key.any(),
            self.session_token.any(),
            self.account_key.any(),
            self.credentials_file.any(),
            self.iam_endpoint.any(),
        ]
    }
}
