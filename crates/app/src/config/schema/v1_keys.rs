//! The keys of v1 that this program uses by name.

use secrecy::SecretString;

use super::{Schema, TypedKey};
use crate::config::provider::Provider;

pub(crate) const MILVUS_ADDRESS: TypedKey<String> = TypedKey::text(Schema::V1, "milvus.address");
pub(crate) const MILVUS_TLS_MODE: TypedKey<u64> = TypedKey::number(Schema::V1, "milvus.tlsMode");
pub(crate) const MILVUS_MTLS_CERT_PATH: TypedKey<String> = TypedKey::text(Schema::V1, "milvus.mtlsCertPath");
pub(crate) const MILVUS_MTLS_KEY_PATH: TypedKey<String> = TypedKey::text(Schema::V1, "milvus.mtlsKeyPath");
pub(crate) const STORAGE_STORAGE_TYPE: TypedKey<Provider> =
    TypedKey::provider(Schema::V1, "storage.storageType");
pub(crate) const MINIO_ACCESS_KEY_ID: TypedKey<String> = TypedKey::text(Schema::V1, "minio.accessKeyID");
pub(crate) const MINIO_SECRET_ACCESS_KEY: TypedKey<SecretString> =
    TypedKey::secret(Schema::V1, "minio.secretAccessKey");
pub(crate) const MINIO_USE_IAM: TypedKey<bool> = TypedKey::flag(Schema::V1, "minio.useIAM");
pub(crate) const STORAGE_BACKUP_STORAGE_TYPE: TypedKey<Provider> =
    TypedKey::provider(Schema::V1, "storage.backupStorageType");
pub(crate) const MINIO_BACKUP_ACCESS_KEY_ID: TypedKey<String> =
    TypedKey::text(Schema::V1, "minio.backupAccessKeyID");
pub(crate) const MINIO_BACKUP_SECRET_ACCESS_KEY: TypedKey<SecretString> =
    TypedKey::secret(Schema::V1, "minio.backupSecretAccessKey");
pub(crate) const MINIO_BACKUP_USE_IAM: TypedKey<bool> = TypedKey::flag(Schema::V1, "minio.backupUseIAM");
pub(crate) const MINIO_BACKUP_ROOT_PATH: TypedKey<String> =
    TypedKey::text(Schema::V1, "minio.backupRootPath");
pub(crate) const MINIO_CROSS_STORAGE: TypedKey<bool> = TypedKey::flag(Schema::V1, "minio.crossStorage");
