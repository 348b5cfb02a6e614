//! The keys of v2 and of the server that this program uses by name.

use secrecy::SecretString;

use super::{Schema, TypedKey};

pub(crate) const LOG_LEVEL: TypedKey<String> = TypedKey::text(Schema::V2, "log.level");
pub(crate) const LOG_CONSOLE: TypedKey<bool> = TypedKey::flag(Schema::V2, "log.console");
pub(crate) const LOG_FORMAT: TypedKey<String> = TypedKey::text(Schema::V2, "log.format");
pub(crate) const LOG_FILE_PATH: TypedKey<String> = TypedKey::text(Schema::V2, "log.file.path");
pub(crate) const LOG_FILE_MAX_SIZE_MIB: TypedKey<u64> = TypedKey::number(Schema::V2, "log.file.maxSizeMiB");
pub(crate) const LOG_FILE_MAX_DAYS: TypedKey<u64> = TypedKey::number(Schema::V2, "log.file.maxDays");
pub(crate) const LOG_FILE_MAX_BACKUPS: TypedKey<u64> = TypedKey::number(Schema::V2, "log.file.maxBackups");
pub(crate) const MILVUS_USER: TypedKey<String> = TypedKey::text(Schema::V2, "milvus.user");
pub(crate) const MILVUS_PASSWORD: TypedKey<SecretString> = TypedKey::secret(Schema::V2, "milvus.password");
pub(crate) const MILVUS_TOKEN: TypedKey<SecretString> = TypedKey::secret(Schema::V2, "milvus.token");
pub(crate) const MILVUS_GRPC_ADDRESS: TypedKey<String> = TypedKey::text(Schema::V2, "milvus.grpc.address");
pub(crate) const MILVUS_GRPC_PORT: TypedKey<u64> = TypedKey::number(Schema::V2, "milvus.grpc.port");
pub(crate) const MILVUS_GRPC_TLS_MODE: TypedKey<String> = TypedKey::text(Schema::V2, "milvus.grpc.tlsMode");
pub(crate) const MILVUS_GRPC_CA_CERT_PATH: TypedKey<String> =
    TypedKey::text(Schema::V2, "milvus.grpc.caCertPath");
pub(crate) const MILVUS_GRPC_SERVER_NAME: TypedKey<String> =
    TypedKey::text(Schema::V2, "milvus.grpc.serverName");
pub(crate) const MILVUS_GRPC_MTLS_CERT_PATH: TypedKey<String> =
    TypedKey::text(Schema::V2, "milvus.grpc.mtlsCertPath");
pub(crate) const MILVUS_GRPC_MTLS_KEY_PATH: TypedKey<String> =
    TypedKey::text(Schema::V2, "milvus.grpc.mtlsKeyPath");
pub(crate) const MILVUS_MANAGEMENT_ENDPOINT: TypedKey<String> =
    TypedKey::text(Schema::V2, "milvus.management.endpoint");
pub(crate) const BACKUP_STORAGE_ROOT_PATH: TypedKey<String> =
    TypedKey::text(Schema::V2, "backup.storage.rootPath");
pub(crate) const BACKUP_CONCURRENCY_COLLECTIONS: TypedKey<u64> =
    TypedKey::number(Schema::V2, "backup.concurrency.collections");
pub(crate) const BACKUP_PAUSE_GC: TypedKey<bool> = TypedKey::flag(Schema::V2, "backup.pauseGC");
pub(crate) const BACKUP_FLUSH_TIMEOUT: TypedKey<u64> = TypedKey::number(Schema::V2, "backup.flushTimeout");
pub(crate) const RESTORE_CONCURRENCY_COLLECTIONS: TypedKey<u64> =
    TypedKey::number(Schema::V2, "restore.concurrency.collections");
pub(crate) const RESTORE_CONCURRENCY_IMPORT_JOBS: TypedKey<u64> =
    TypedKey::number(Schema::V2, "restore.concurrency.importJobs");
pub(crate) const RESTORE_MAX_IMPORT_JOB_SIZE: TypedKey<u64> =
    TypedKey::number(Schema::V2, "restore.maxImportJobSize");
pub(crate) const RESTORE_KEEP_TEMP_FILES: TypedKey<bool> =
    TypedKey::flag(Schema::V2, "restore.keepTempFiles");
pub(crate) const RESTORE_STALL_TIMEOUT: TypedKey<u64> = TypedKey::number(Schema::V2, "restore.stallTimeout");
pub(crate) const TRANSFER_MODE: TypedKey<String> = TypedKey::text(Schema::V2, "transfer.mode");
pub(crate) const TRANSFER_CONCURRENCY: TypedKey<u64> = TypedKey::number(Schema::V2, "transfer.concurrency");
pub(crate) const TRANSFER_MULTIPART_COPY_THRESHOLD_MIB: TypedKey<u64> =
    TypedKey::number(Schema::V2, "transfer.multipartCopyThresholdMiB");
pub(crate) const TRANSFER_BYTES_PER_SECOND: TypedKey<u64> =
    TypedKey::number(Schema::V2, "transfer.bytesPerSecond");
pub(crate) const SERVER_SIMPLE_RESPONSE: TypedKey<bool> = TypedKey::flag(Schema::V2, "server.simpleResponse");
pub(crate) const SERVER_SWAGGER_BASE_PATH: TypedKey<String> =
    TypedKey::text(Schema::V2, "server.swaggerBasePath");
pub(crate) const SERVER_LISTEN: TypedKey<String> = TypedKey::text(Schema::V2, "server.listen");
pub(crate) const SERVER_GRPC_LISTEN: TypedKey<String> = TypedKey::text(Schema::V2, "server.grpc_listen");
pub(crate) const SERVER_DATA_DIR: TypedKey<String> = TypedKey::text(Schema::V2, "server.data_dir");
pub(crate) const SERVER_MAX_RUNNING_JOBS: TypedKey<u64> =
    TypedKey::number(Schema::V2, "server.max_running_jobs");
pub(crate) const SERVER_MAX_QUEUED_JOBS: TypedKey<u64> =
    TypedKey::number(Schema::V2, "server.max_queued_jobs");
pub(crate) const SERVER_KEEP_JOBS_DAYS: TypedKey<u64> = TypedKey::number(Schema::V2, "server.keep_jobs_days");
pub(crate) const SERVER_LEGACY_STATUS: TypedKey<bool> = TypedKey::flag(Schema::V2, "server.legacy_status");
pub(crate) const SERVER_REPLACE_UNFINISHED: TypedKey<bool> =
    TypedKey::flag(Schema::V2, "server.replace_unfinished");
pub(crate) const SERVER_ALLOW_BACKUP_ROOT_PATH: TypedKey<bool> =
    TypedKey::flag(Schema::V2, "server.allow_backup_root_path");
pub(crate) const SERVER_TOKENS: TypedKey<Vec<SecretString>> = TypedKey::secrets(Schema::V2, "server.tokens");
pub(crate) const SERVER_USERS: TypedKey<Vec<SecretString>> = TypedKey::secrets(Schema::V2, "server.users");
pub(crate) const SERVER_CLIENT_NAMES: TypedKey<Vec<String>> =
    TypedKey::list(Schema::V2, "server.client_names");
pub(crate) const SERVER_METRICS_OPEN: TypedKey<bool> = TypedKey::flag(Schema::V2, "server.metrics_open");
pub(crate) const SERVER_TLS_CERT: TypedKey<String> = TypedKey::text(Schema::V2, "server.tls.cert");
pub(crate) const SERVER_TLS_KEY: TypedKey<String> = TypedKey::text(Schema::V2, "server.tls.key");
pub(crate) const SERVER_TLS_CLIENT_CA: TypedKey<String> = TypedKey::text(Schema::V2, "server.tls.client_ca");
pub(crate) const SERVER_MAX_BODY: TypedKey<u64> = TypedKey::number(Schema::V2, "server.max_body");
pub(crate) const SERVER_MAX_HEADER: TypedKey<u64> = TypedKey::number(Schema::V2, "server.max_header");
pub(crate) const SERVER_HANDSHAKE_TIMEOUT: TypedKey<u64> =
    TypedKey::number(Schema::V2, "server.handshake_timeout");
pub(crate) const SERVER_HEADER_TIMEOUT: TypedKey<u64> = TypedKey::number(Schema::V2, "server.header_timeout");
pub(crate) const SERVER_BODY_TIMEOUT: TypedKey<u64> = TypedKey::number(Schema::V2, "server.body_timeout");
pub(crate) const SERVER_REQUEST_TIMEOUT: TypedKey<u64> =
    TypedKey::number(Schema::V2, "server.request_timeout");
pub(crate) const SERVER_SHUTDOWN_TIMEOUT: TypedKey<u64> =
    TypedKey::number(Schema::V2, "server.shutdown_timeout");
pub(crate) const SERVER_MAX_CONNECTIONS: TypedKey<u64> =
    TypedKey::number(Schema::V2, "server.max_connections");
pub(crate) const SERVER_MAX_CONNECTIONS_PER_CLIENT: TypedKey<u64> =
    TypedKey::number(Schema::V2, "server.max_connections_per_client");
pub(crate) const SERVER_REQUESTS_PER_SECOND: TypedKey<u64> =
    TypedKey::number(Schema::V2, "server.requests_per_second");
