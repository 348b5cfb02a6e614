//! Schema v1: the keys of 0.4.15 and 0.5.16. Where their defaults differ, those of 0.5.16 are used.

use super::Kind::{
    Account, Bool, Count, Duration, List, Port, Provider, Secret, Size, Text, Url, Whole, Word,
};
use super::v2::{ACLS, LOG_FORMATS, LOG_LEVELS};
use super::{Key, VERSION_KEY};

const fn key(name: &'static str, kind: super::Kind, default: &'static str) -> Key {
    Key::new(name, kind, default)
}

/// The keys. Those without `becomes` are accepted and have no effect in this program.
pub(in crate::config) static KEYS: &[Key] = &[
    key(VERSION_KEY, Text, "v1").becomes(VERSION_KEY),
    key("log.level", Word(LOG_LEVELS), "info").becomes("log.level"),
    key("log.console", Bool, "true").becomes("log.console"),
    key("log.format", Word(LOG_FORMATS), "text").falls_back_to("text").becomes("log.format"),
    key("log.file.filename", Text, "").also(&["log.file.rootPath"]).becomes("log.file.path"),
    key("log.file.maxSize", Count, "300").becomes("log.file.maxSizeMiB"),
    key("log.file.maxBackups", Whole, "0").becomes("log.file.maxBackups"),
    key("log.file.maxDays", Whole, "0").also(&["log.file.maxAge"]).becomes("log.file.maxDays"),
    key("grpc.log.level", Text, "WARNING").unused(),
    key("http.enabled", Bool, "true").unused(),
    key("http.debugMode", Bool, "false")
        .falls_back_to("false")
        .also(&["http.debug_mode"])
        .becomes("server.debugMode"),
    key("http.simpleResponse", Bool, "false").falls_back_to("false").becomes("server.simpleResponse"),
    key("http.swaggerBasePath", Text, "").becomes("server.swaggerBasePath"),
    key("cloud.address", Url, "https://api.cloud.zilliz.com").becomes("zillizCloud.endpoint"),
    key("cloud.apikey", Secret, "").becomes("zillizCloud.apiKey"),
    key("milvus.address", Text, "localhost").env("MILVUS_ADDRESS").becomes("milvus.grpc.address"),
    key("milvus.port", Port, "19530").env("MILVUS_PORT").becomes("milvus.grpc.port"),
    key("milvus.user", Account, "").env("MILVUS_USER").becomes("milvus.user"),
    key("milvus.password", Secret, "").env("MILVUS_PASSWORD").becomes("milvus.password"),
    key("milvus.token", Secret, "").env("MILVUS_TOKEN").becomes("milvus.token"),
    key("milvus.authorizationEnabled", Bool, "true").env("MILVUS_AUTHORIZATION_ENABLED").unused(),
    key("milvus.tlsMode", Whole, "0").env("MILVUS_TLS_MODE").becomes("milvus.grpc.tlsMode"),
    key("milvus.caCertPath", Text, "").env("MILVUS_CA_CERT_PATH").becomes("milvus.grpc.caCertPath"),
    key("milvus.serverName", Text, "").env("MILVUS_SERVER_NAME").becomes("milvus.grpc.serverName"),
    key("milvus.mtlsCertPath", Text, "").env("MILVUS_MTLS_CERT_PATH").becomes("milvus.grpc.mtlsCertPath"),
    key("milvus.mtlsKeyPath", Text, "").env("MILVUS_MTLS_KEY_PATH").becomes("milvus.grpc.mtlsKeyPath"),
    key("milvus.rpcChannelName", Text, "by-dev-replicate-msg")
        .env("MILVUS_RPC_CHANNEL_NAME")
        .becomes("milvus.replicate.rpcChannelName"),
    key("milvus.etcd.endpoints", List, "localhost:2379").becomes("milvus.etcd.endpoints"),
    key("milvus.etcd.rootPath", Text, "by-dev").becomes("milvus.etcd.rootPath"),
    key("storage.storageType", Provider, "minio")
        .also(&["minio.storageType", "minio.cloudProvider"])
        .becomes("milvus.storage.provider"),
    key("minio.address", Text, "localhost").env("MINIO_ADDRESS").becomes("milvus.storage.address"),
    key("minio.port", Port, "9000").env("MINIO_PORT").becomes("milvus.storage.port"),
    key("minio.region", Text, "").env("MINIO_REGION").becomes("milvus.storage.region"),
    key("minio.accessKeyID", Account, "minioadmin")
        .env("MINIO_ACCESS_KEY")
        .becomes("milvus.storage.auth.accessKeyID"),
    key("minio.secretAccessKey", Secret, "minioadmin")
        .env("MINIO_SECRET_KEY")
        .becomes("milvus.storage.auth.secretAccessKey"),
    key("minio.token", Secret, "").env("MINIO_TOKEN").becomes("milvus.storage.auth.sessionToken"),
    key("minio.gcpCredentialJSON", Text, "")
        .env("GCP_KEY_JSON")
        .becomes("milvus.storage.auth.credentialsFile"),
    key("minio.useSSL", Bool, "false")
        .falls_back_to("false")
        .env("MINIO_USE_SSL")
        .becomes("milvus.storage.useSSL"),
    key("minio.caCertPath", Text, "").env("MINIO_CA_CERT_PATH").becomes("milvus.storage.caCertPath"),
    key("minio.useIAM", Bool, "false").env("MINIO_USE_IAM").becomes("milvus.storage.auth.type"),
    key("minio.iamEndpoint", Url, "").env("MINIO_IAM_ENDPOINT").becomes("milvus.storage.auth.endpoint"),
    key("minio.bucketName", Text, "a-bucket").env("MINIO_BUCKET_NAME").becomes("milvus.storage.bucketName"),
    key("minio.rootPath", Text, "files").env("MINIO_ROOT_PATH").becomes("milvus.storage.rootPath"),
    key("storage.backupStorageType", Provider, "")
        .also(&["minio.backupStorageType"])
        .inherits("storage.storageType")
        .becomes("backup.storage.provider"),
    key("minio.backupAddress", Text, "")
        .inherits("minio.address")
        .env("MINIO_BACKUP_ADDRESS")
        .becomes("backup.storage.address"),
    key("minio.backupPort", Port, "")
        .inherits("minio.port")
        .env("MINIO_BACKUP_PORT")
        .becomes("backup.storage.port"),
    key("minio.backupRegion", Text, "")
        .inherits("minio.region")
        .env("MINIO_BACKUP_REGION")
        .becomes("backup.storage.region"),
    key("minio.backupAccessKeyID", Account, "")
        .inherits("minio.accessKeyID")
        .env("MINIO_BACKUP_ACCESS_KEY")
        .becomes("backup.storage.auth.accessKeyID"),
    key("minio.backupSecretAccessKey", Secret, "")
        .inherits("minio.secretAccessKey")
        .env("MINIO_BACKUP_SECRET_KEY")
        .becomes("backup.storage.auth.secretAccessKey"),
    key("minio.backupToken", Secret, "")
        .inherits("minio.token")
        .env("MINIO_BACKUP_TOKEN")
        .becomes("backup.storage.auth.sessionToken"),
    key("minio.backupGcpCredentialJSON", Text, "")
        .env("BACKUP_GCP_KEY_JSON")
        .becomes("backup.storage.auth.credentialsFile"),
    key("minio.backupUseSSL", Bool, "")
        .inherits("minio.useSSL")
        .env("MINIO_BACKUP_USE_SSL")
        .becomes("backup.storage.useSSL"),
    key("minio.backupCaCertPath", Text, "")
        .inherits("minio.caCertPath")
        .env("MINIO_BACKUP_CA_CERT_PATH")
        .becomes("backup.storage.caCertPath"),
    key("minio.backupUseIAM", Bool, "")
        .inherits("minio.useIAM")
        .env("MINIO_BACKUP_USE_IAM")
        .becomes("backup.storage.auth.type"),
    key("minio.backupIamEndpoint", Url, "")
        .inherits("minio.iamEndpoint")
        .env("MINIO_BACKUP_IAM_ENDPOINT")
        .becomes("backup.storage.auth.endpoint"),
    key("minio.backupBucketName", Text, "")
        .inherits("minio.bucketName")
        .env("MINIO_BACKUP_BUCKET_NAME")
        .becomes("backup.storage.bucketName"),
    key("minio.backupRootPath", Text, "")
        .inherits("minio.rootPath")
        .env("MINIO_BACKUP_ROOT_PATH")
        .becomes("backup.storage.rootPath"),
    key("minio.acl", Word(ACLS), "none").becomes("milvus.storage.acl"),
    key("minio.storageClass", Text, "").becomes("milvus.storage.storageClass"),
    key("minio.backupAcl", Word(ACLS), "").inherits("minio.acl").becomes("backup.storage.acl"),
    key("minio.backupStorageClass", Text, "")
        .inherits("minio.storageClass")
        .becomes("backup.storage.storageClass"),
    key("minio.crossStorage", Bool, "false").becomes("transfer.mode"),
    key("minio.multipartCopyThresholdMiB", Count, "500")
        .falls_back_to("500")
        .becomes("transfer.multipartCopyThresholdMiB"),
    key("backup.maxSegmentGroupSize", Size, "2g").unused(),
    key("backup.parallelism.backupCollection", Count, "32")
        .env("BACKUP_PARALLELISM_BACKUP_COLLECTION")
        .becomes("backup.concurrency.collections"),
    key("backup.parallelism.backupSegment", Count, "1024").becomes("backup.concurrency.segments"),
    key("backup.parallelism.copydata", Count, "128")
        .env("BACKUP_PARALLELISM_COPYDATA")
        .becomes("transfer.concurrency"),
    key("backup.parallelism.restoreCollection", Count, "2")
        .env("BACKUP_PARALLELISM_RESTORE_COLLECTION")
        .becomes("restore.concurrency.collections"),
    key("backup.parallelism.importJob", Count, "768").becomes("restore.concurrency.importJobs"),
    key("backup.keepTempFiles", Bool, "false").env("BACKUP_KEEP_TEMP_FILES").becomes("restore.keepTempFiles"),
    key("backup.gcPause.enable", Bool, "true").env("BACKUP_GC_PAUSE_ENABLE").becomes("backup.pauseGC"),
    key("backup.gcPause.seconds", Duration, "7200").unused(),
    key("backup.gcPause.address", Url, "http://localhost:9091")
        .falls_back_to("")
        .env("BACKUP_GC_PAUSE_ADDRESS")
        .becomes("milvus.management.endpoint"),
    key("backup.flushTimeout", Duration, "10m").becomes("backup.flushTimeout"),
    key("restore.maxImportJobSize", Size, "2GiB").becomes("restore.maxImportJobSize"),
    key("restore.stallTimeout", Duration, "15m").becomes("restore.stallTimeout"),
    key("transfer.bytesPerSecond", Size, "0").becomes("transfer.bytesPerSecond"),
];
