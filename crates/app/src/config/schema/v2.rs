//! Schema v2. A v1 configuration is translated to these keys too.

use super::Kind::{
    Account, Bool, Count, Duration, List, OptionalPort, Port, Provider, Secret, Size, Text, Url, Whole, Word,
};
use super::{Key, VERSION_KEY};

const AUTH_TYPES: &[&str] = &["static", "iam", "default", "sharedKey", "serviceAccount"];
const ADDRESSING: &[&str] = &["auto", "path", "virtualHost"];
/// The canned ACLs of S3; none leaves the choice to the store.
pub(super) const ACLS: &[&str] = &[
    "none",
    "private",
    "public-read",
    "public-read-write",
    "authenticated-read",
    "aws-exec-read",
    "bucket-owner-read",
    "bucket-owner-full-control",
];

/// The log levels, each with the names of the Go tool that mean the same.
pub(super) const LOG_LEVELS: &[&str] =
    &["debug", "info", "warn|warning", "error|panic|fatal|dpanic", "trace"];

/// The words of `log.format`.
pub(super) const LOG_FORMATS: &[&str] = &["text", "json"];

const fn key(name: &'static str, kind: super::Kind, default: &'static str) -> Key {
    Key::new(name, kind, default)
}

/// The keys, in the order in which they are shown and written to files.
pub(in crate::config) static KEYS: &[Key] = &[
    key(VERSION_KEY, Text, "v2"),
    key("log.level", Word(LOG_LEVELS), "info"),
    key("log.console", Bool, "true"),
    key("log.format", Word(LOG_FORMATS), "text"),
    key("log.file.path", Text, ""),
    key("log.file.maxSizeMiB", Count, "300"),
    key("log.file.maxDays", Whole, "0"),
    key("log.file.maxBackups", Whole, "0"),
    key("milvus.user", Account, "").env("MILVUS_USER"),
    key("milvus.password", Secret, "").env("MILVUS_PASSWORD"),
    key("milvus.token", Secret, "").env("MILVUS_TOKEN"),
    key("milvus.grpc.address", Text, "localhost"),
    key("milvus.grpc.port", Port, "19530"),
    key("milvus.grpc.tlsMode", Word(&["disabled", "server", "mutual"]), "disabled"),
    key("milvus.grpc.caCertPath", Text, ""),
    key("milvus.grpc.serverName", Text, ""),
    key("milvus.grpc.mtlsCertPath", Text, ""),
    key("milvus.grpc.mtlsKeyPath", Text, ""),
    key("milvus.rest.endpoint", Url, ""),
    key("milvus.management.endpoint", Url, "http://localhost:9091"),
    key("milvus.replicate.rpcChannelName", Text, "by-dev-replicate-msg"),
    key("milvus.etcd.endpoints", List, "localhost:2379"),
    key("milvus.etcd.rootPath", Text, "by-dev"),
    key("milvus.storage.provider", Provider, "minio"),
    key("milvus.storage.address", Text, "localhost"),
    key("milvus.storage.port", Port, "9000"),
    key("milvus.storage.region", Text, ""),
    key("milvus.storage.useSSL", Bool, "false"),
    key("milvus.storage.caCertPath", Text, ""),
    key("milvus.storage.addressing", Word(ADDRESSING), "auto"),
    key("milvus.storage.acl", Word(ACLS), "none"),
    key("milvus.storage.storageClass", Text, ""),
    key("milvus.storage.accountName", Account, "").env("MILVUS_STORAGE_ACCOUNT_NAME"),
    key("milvus.storage.bucketName", Text, "a-bucket"),
    key("milvus.storage.rootPath", Text, "files"),
    key("milvus.storage.localPath", Text, ""),
    key("milvus.storage.milvusAddress", Text, ""),
    key("milvus.storage.milvusPort", OptionalPort, "0"),
    key("milvus.storage.auth.type", Word(AUTH_TYPES), "static"),
    key("milvus.storage.auth.accessKeyID", Account, "minioadmin").env("MILVUS_STORAGE_AUTH_ACCESS_KEY_ID"),
    key("milvus.storage.auth.secretAccessKey", Secret, "minioadmin")
        .env("MILVUS_STORAGE_AUTH_SECRET_ACCESS_KEY"),
    key("milvus.storage.auth.sessionToken", Secret, "").env("MILVUS_STORAGE_AUTH_SESSION_TOKEN"),
    key("milvus.storage.auth.accountKey", Secret, "").env("MILVUS_STORAGE_AUTH_ACCOUNT_KEY"),
    key("milvus.storage.auth.credentialsFile", Text, "").env("MILVUS_STORAGE_AUTH_CREDENTIALS_FILE"),
    key("milvus.storage.auth.endpoint", Url, ""),
    key("backup.storage.provider", Provider, "").inherits("milvus.storage.provider"),
    key("backup.storage.address", Text, "").inherits("milvus.storage.address"),
    key("backup.storage.port", Port, "").inherits("milvus.storage.port"),
    key("backup.storage.region", Text, "").inherits("milvus.storage.region"),
    key("backup.storage.useSSL", Bool, "").inherits("milvus.storage.useSSL"),
    key("backup.storage.caCertPath", Text, "").inherits("milvus.storage.caCertPath"),
    key("backup.storage.addressing", Word(ADDRESSING), "").inherits("milvus.storage.addressing"),
    key("backup.storage.acl", Word(ACLS), "").inherits("milvus.storage.acl"),
    key("backup.storage.storageClass", Text, "").inherits("milvus.storage.storageClass"),
    key("backup.storage.accountName", Account, "")
        .inherits("milvus.storage.accountName")
        .env("BACKUP_STORAGE_ACCOUNT_NAME"),
    key("backup.storage.bucketName", Text, "").inherits("milvus.storage.bucketName"),
    key("backup.storage.rootPath", Text, "backup"),
    key("backup.storage.localPath", Text, ""),
    key("backup.storage.milvusAddress", Text, ""),
    key("backup.storage.milvusPort", OptionalPort, "0"),
    key("backup.storage.auth.type", Word(AUTH_TYPES), "").inherits("milvus.storage.auth.type"),
    key("backup.storage.auth.accessKeyID", Account, "")
        .inherits("milvus.storage.auth.accessKeyID")
        .env("BACKUP_STORAGE_AUTH_ACCESS_KEY_ID"),
    key("backup.storage.auth.secretAccessKey", Secret, "")
        .inherits("milvus.storage.auth.secretAccessKey")
        .env("BACKUP_STORAGE_AUTH_SECRET_ACCESS_KEY"),
    key("backup.storage.auth.sessionToken", Secret, "")
        .inherits("milvus.storage.auth.sessionToken")
        .env("BACKUP_STORAGE_AUTH_SESSION_TOKEN"),
    key("backup.storage.auth.accountKey", Secret, "")
        .inherits("milvus.storage.auth.accountKey")
        .env("BACKUP_STORAGE_AUTH_ACCOUNT_KEY"),
    key("backup.storage.auth.credentialsFile", Text, "")
        .inherits("milvus.storage.auth.credentialsFile")
        .env("BACKUP_STORAGE_AUTH_CREDENTIALS_FILE"),
    key("backup.storage.auth.endpoint", Url, "").inherits("milvus.storage.auth.endpoint"),
    key("backup.concurrency.collections", Count, "32"),
    key("backup.concurrency.segments", Count, "1024"),
    key("backup.pauseGC", Bool, "true"),
    key("backup.flushTimeout", Duration, "10m"),
    key("restore.concurrency.collections", Count, "2"),
    key("restore.concurrency.importJobs", Count, "768"),
    key("restore.maxSegmentsPerImportJob", Count, "256"),
    key("restore.maxImportJobSize", Size, "2GiB"),
    key("restore.keepTempFiles", Bool, "false"),
    key("restore.stallTimeout", Duration, "15m"),
    key("transfer.mode", Word(&["auto", "direct", "streaming"]), "auto"),
    key("transfer.concurrency", Count, "128"),
    key("transfer.multipartCopyThresholdMiB", Count, "500"),
    key("transfer.bytesPerSecond", Size, "0"),
    key("zillizCloud.endpoint", Url, "https://api.cloud.zilliz.com"),
    key("zillizCloud.apiKey", Secret, "").env("ZILLIZ_CLOUD_API_KEY"),
    key("server.debugMode", Bool, "false"),
    key("server.simpleResponse", Bool, "false"),
    key("server.swaggerBasePath", Text, ""),
];
