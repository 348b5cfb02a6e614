//! What no single value can tell: rules across v2 keys.

use super::error::Problem;
use super::schema::{AnyKey, Schema, TypedKey, VERSION_KEY, keys};
use super::storage_keys::StorageKeys;
use super::value::{Source, Values};

/// Collects every violated rule.
pub(super) fn problems(values: &Values) -> Vec<Problem> {
    let mut found = Found { values, problems: Vec::new() };
    found.connection();
    found.storage(&StorageKeys::SOURCE);
    found.storage(&StorageKeys::BACKUP);
    if values.list(keys::MILVUS_ETCD_ENDPOINTS).is_empty() {
        found.add(keys::MILVUS_ETCD_ENDPOINTS, "expected at least one endpoint");
    }
    if !found.problems.is_empty() {
        // What is no use in any form needs no mending.
        let later = [StorageKeys::SOURCE, StorageKeys::BACKUP].iter().filter_map(|keys| later(values, keys));
        let mut problems: Vec<_> = later.collect();
        problems.dedup_by(|second, first| second.source == first.source);
        problems.append(&mut found.problems);
        return problems;
    }
    found.problems
}

/// A provider that this version does not serve yet.
pub(super) fn later(values: &Values, keys: &StorageKeys) -> Option<Problem> {
    let provider = values.text(keys.provider);
    matches!(provider, "azure" | "gcpnative").then(|| Problem {
        key: keys.provider.name().to_owned(),
        source: values.source(keys.provider),
        reason: format!(
            "{provider} comes with a later version; this one serves local disks and S3 (minio, s3, aws, ceph, gcp, aliyun, tencent, hwc)"
        ),
    })
}

/// The schema a file says it follows; v1 where it says nothing.
pub(super) fn version(version: Option<(&str, Source)>) -> Result<Schema, Problem> {
    match version {
        None => Ok(Schema::V1),
        Some((text, _)) if text.eq_ignore_ascii_case("v1") => Ok(Schema::V1),
        Some((text, _)) if text.eq_ignore_ascii_case("v2") => Ok(Schema::V2),
        Some((text, source)) => {
            let reason = format!("expected v1 or v2, not {text:?}");
            Err(Problem { key: VERSION_KEY.to_owned(), source, reason })
        }
    }
}

struct Found<'a> {
    values: &'a Values,
    problems: Vec<Problem>,
}

impl Found<'_> {
    /// Adds a problem, unless the key only inherits what was told of another.
    fn add(&mut self, key: impl Into<AnyKey>, reason: impl Into<String>) {
        let (key, reason) = (key.into(), reason.into());
        let above = self.values.get(key.name()).and_then(|value| value.inherited);
        if !self.problems.iter().any(|told| Some(told.key.as_str()) == above && told.reason == reason) {
            self.problems.push(Problem {
                key: key.name().to_owned(),
                source: self.values.source(key),
                reason,
            });
        }
    }

    fn is_empty(&self, key: impl Into<AnyKey>) -> bool {
        self.values.get(key.into().name()).is_none_or(|value| value.data.is_empty())
    }

    fn connection(&mut self) {
        let values = self.values;
        self.host(keys::MILVUS_GRPC_ADDRESS, keys::MILVUS_GRPC_PORT);
        if values.text(keys::MILVUS_GRPC_TLS_MODE) == "mutual" {
            for key in [keys::MILVUS_GRPC_MTLS_CERT_PATH, keys::MILVUS_GRPC_MTLS_KEY_PATH] {
                if self.is_empty(key) {
                    self.add(key, "tlsMode mutual needs this file");
                }
            }
        }
        if !self.is_empty(keys::MILVUS_TOKEN) && !self.is_empty(keys::MILVUS_USER) {
            self.add(keys::MILVUS_TOKEN, "milvus.user is set too; only one way to log in can be");
        }
        if self.is_empty(keys::MILVUS_USER) && !self.is_empty(keys::MILVUS_PASSWORD) {
            self.add(keys::MILVUS_PASSWORD, "milvus.user is missing");
        }
    }

    /// A bare host name or address.
    fn host(&mut self, key: TypedKey<String>, port_key: TypedKey<u64>) {
        let host = self.values.text(key);
        let ipv6 = host.matches(':').count() > 1;
        if host.is_empty() {
            self.add(key, "expected a host, it is empty");
        } else if host.contains('/') {
            self.add(key, format!("expected a host without scheme and path, not {host:?}"));
        } else if host.contains(char::is_whitespace) {
            self.add(key, format!("expected a host, not {host:?}"));
        } else if host.contains(':') && !ipv6 {
            self.add(key, format!("expected a host alone, not {host:?}; the port goes to {port_key}"));
        }
    }

    fn storage(&mut self, keys: &StorageKeys) {
        let values = self.values;
        let provider = values.text(keys.provider);
        let milvus_address = values.text(keys.milvus_address);
        if provider == "local" {
            self.local(keys);
            if !milvus_address.is_empty() {
                self.add(keys.milvus_address, "has no meaning for provider local");
            }
            return;
        }
        if !values.text(keys.local_path).is_empty() {
            self.add(keys.local_path, format!("belongs to provider local, not {provider}"));
        }
        self.host(keys.address, keys.port);
        if values.text(keys.bucket).is_empty() {
            self.add(keys.bucket, "expected the name of a bucket, it is empty");
        }
        if !milvus_address.is_empty() {
            self.host(keys.milvus_address, keys.milvus_port);
        } else if values.number(keys.milvus_port) != 0 {
            self.add(keys.milvus_port, "milvusAddress is missing");
        }
        if provider == "azure" {
            if values.text(keys.account).is_empty() {
                self.add(keys.account, "provider azure needs the name of the account");
            }
        } else if values.is_set(keys.account) && !self.is_empty(keys.account) {
            self.add(keys.account, format!("belongs to provider azure, not {provider}"));
        }
        self.login(keys, provider);
    }

    /// A root on disk must be a directory of its own, and Milvus needs it absolute.
    fn local(&mut self, keys: &StorageKeys) {
        let values = self.values;
        let root = values.text(keys.root);
        if root.trim_matches(['/', '.']).is_empty() {
            self.add(keys.root, "expected a directory of its own for provider local, not / or nothing");
        }
        let seen = values.text(keys.local_path);
        if !seen.is_empty() && !seen.starts_with('/') {
            self.add(keys.local_path, format!("expected an absolute path, not {seen:?}"));
        }
    }

    fn login(&mut self, keys: &StorageKeys, provider: &str) {
        let login = self.values.text(keys.auth_type);
        let fits: &[&str] = match provider {
            "azure" => &["sharedKey", "default"],
            "gcpnative" => &["serviceAccount", "default"],
            _ => &["static", "iam", "default"],
        };
        if !fits.contains(&login) {
            self.add(
                keys.auth_type,
                format!("{login} does not suit provider {provider}; use {}", fits.join(" or ")),
            );
            return;
        }
        let of_login = match login {
            "static" => vec![keys.access_key.any(), keys.secret_key.any(), keys.session_token.any()],
            "sharedKey" => vec![keys.account_key.any()],
            "serviceAccount" => vec![keys.credentials_file.any()],
            "iam" => vec![keys.iam_endpoint.any()],
            _ => Vec::new(),
        };
        for key in keys.credentials() {
            let set = self.values.is_set(key) && !self.is_empty(key);
            if set && !of_login.contains(&key) {
                self.add(key, format!("does not belong to auth.type {login}"));
            }
        }
        match login {
            // Both empty means the AWS chain; one alone is a slip.
            "static" if self.is_empty(keys.access_key) != self.is_empty(keys.secret_key) => {
                let missing = if self.is_empty(keys.access_key) {
                    keys.access_key.any()
                } else {
                    keys.secret_key.any()
                };
                self.add(missing, "is empty, but its other half is set");
            }
            "sharedKey" if self.is_empty(keys.account_key) => {
                self.add(keys.account_key, "auth.type sharedKey needs it");
            }
            "serviceAccount" if self.is_empty(keys.credentials_file) => {
                self.add(keys.credentials_file, "auth.type serviceAccount needs it");
            }
            _ => {}
        }
    }
}

impl Values {
    /// Whether both halves of the static key pair are at the default of every Milvus.
    pub(super) fn has_default_keys(&self, keys: &StorageKeys) -> bool {
        [keys.access_key.any(), keys.secret_key.any()]
            .iter()
            .all(|key| self.get(key.name()).is_some_and(|value| value.source == Source::Default))
    }
}
