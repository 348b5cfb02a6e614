//! The keys of the server, which the Go tool does not have. Both schemas have them.

use super::Key;
use super::Kind::{Bool, Count, Duration, List, Listen, SecretList, Size, Text, Whole};

const fn key(name: &'static str, kind: super::Kind, default: &'static str) -> Key {
    Key::new(name, kind, default).becomes(name)
}

/// The keys, in the order in which they are shown and written to files.
pub(in crate::config) static KEYS: &[Key] = &[
    key("server.listen", Listen, "8080").env("SERVER_PORT"),
    key("server.grpc_listen", Listen, ""),
    key("server.data_dir", Text, "milvus-backup-data"),
    key("server.max_running_jobs", Count, "2"),
    key("server.max_queued_jobs", Whole, "100"),
    key("server.keep_jobs_days", Count, "30"),
    key("server.replace_unfinished", Bool, "false"),
    key("server.legacy_status", Bool, "false"),
    key("server.allow_backup_root_path", Bool, "false"),
    key("server.tokens", SecretList, "").env("SERVER_TOKENS"),
    key("server.users", SecretList, "").env("SERVER_USERS"),
    key("server.client_names", List, ""),
    key("server.metrics_open", Bool, "false"),
    key("server.tls.cert", Text, ""),
    key("server.tls.key", Text, ""),
    key("server.tls.client_ca", Text, ""),
    key("server.max_body", Size, "4MiB"),
    key("server.max_header", Size, "64KiB"),
    key("server.handshake_timeout", Duration, "10s"),
    key("server.header_timeout", Duration, "30s"),
    key("server.body_timeout", Duration, "30s"),
    key("server.request_timeout", Duration, "2m"),
    key("server.shutdown_timeout", Duration, "30s"),
    key("server.max_connections", Count, "4096"),
    key("server.max_connections_per_client", Count, "2048"),
    key("server.requests_per_second", Whole, "1000"),
];
