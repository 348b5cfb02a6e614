//! The keys of one storage, Milvus's or the backups'.

/// The names of the keys of one storage.
pub(super) struct StorageKeys {
    pub provider: &'static str,
    pub address: &'static str,
    pub port: &'static str,
    pub region: &'static str,
    pub use_ssl: &'static str,
    pub ca_cert: &'static str,
    pub addressing: &'static str,
    pub account: &'static str,
    pub bucket: &'static str,
    pub root: &'static str,
    pub local_path: &'static str,
    pub milvus_address: &'static str,
    pub milvus_port: &'static str,
    pub auth_type: &'static str,
    pub access_key: &'static str,
    pub secret_key: &'static str,
    pub session_token: &'static str,
    pub account_key: &'static str,
    pub credentials_file: &'static str,
    pub iam_endpoint: &'static str,
}

macro_rules! keys {
    ($prefix:literal) => {
        Self {
            provider: concat!($prefix, ".provider"),
            address: concat!($prefix, ".address"),
            port: concat!($prefix, ".port"),
            region: concat!($prefix, ".region"),
            use_ssl: concat!($prefix, ".useSSL"),
            ca_cert: concat!($prefix, ".caCertPath"),
            addressing: concat!($prefix, ".addressing"),
            account: concat!($prefix, ".accountName"),
            bucket: concat!($prefix, ".bucketName"),
            root: concat!($prefix, ".rootPath"),
            local_path: concat!($prefix, ".localPath"),
            milvus_address: concat!($prefix, ".milvusAddress"),
            milvus_port: concat!($prefix, ".milvusPort"),
            auth_type: concat!($prefix, ".auth.type"),
            access_key: concat!($prefix, ".auth.accessKeyID"),
            secret_key: concat!($prefix, ".auth.secretAccessKey"),
            session_token: concat!($prefix, ".auth.sessionToken"),
            account_key: concat!($prefix, ".auth.accountKey"),
            credentials_file: concat!($prefix, ".auth.credentialsFile"),
            iam_endpoint: concat!($prefix, ".auth.endpoint"),
        }
    };
}

impl StorageKeys {
    /// The storage of the files of Milvus.
    pub(super) const SOURCE: Self = keys!("milvus.storage");
    /// The storage of the backups.
    pub(super) const BACKUP: Self = keys!("backup.storage");

    /// The keys of every kind of login.
    pub(super) fn credentials(&self) -> [&'static str; 6] {
        [
            self.access_key,
            self.secret_key,
            self.session_token,
            self.account_key,
            self.credentials_file,
            self.iam_endpoint,
        ]
    }
}
