//! Validates rules that concern several v2 keys.

use super::error::Problem;
use super::provider::{Provider, StorageProtocol};
use super::schema::{AnyKey, Schema, TypedKey, VERSION_KEY, keys};
use super::storage_keys::StorageKeys;
use super::value::{Source, Values};

/// Returns all violations; messages name keys as in `schema`.
pub(super) fn problems(values: &Values, schema: Schema) -> Vec<Problem> {
    let mut found = Found { values, schema, problems: Vec::new() };
    found.connection();
    found.storage(&StorageKeys::SOURCE);
    found.storage(&StorageKeys::BACKUP);
    let mut problems = found.problems;
    if !problems.is_empty() {
        // Other problems do not matter if the provider is not supported.
        let unsupported = [StorageKeys::SOURCE, StorageKeys::BACKUP]
            .into_iter()
            .filter(|keys| !values.provider(keys.provider).protocol().is_supported())
            .map(|keys| unsupported_provider(values, &keys));
        let mut first: Vec<_> = unsupported.collect();
        first.dedup_by(|second, first| second.source == first.source);
        first.append(&mut problems);
        problems = first;
    }
    for problem in problems.iter_mut().filter(|problem| problem.source == Source::Default) {
        if let Some(name) = schema.own_name(&problem.key) {
            name.clone_into(&mut problem.key);
        }
    }
    problems
}

/// Returns warnings about values that have no effect beside others, as in the Go releases.
pub(super) fn warnings(values: &Values, schema: Schema) -> Vec<String> {
    let is_set = |key: &str| values.get(key).is_some_and(|value| !value.data.is_empty());
    let keys = [keys::MILVUS_TOKEN.any(), keys::MILVUS_USER.any(), keys::MILVUS_PASSWORD.any()];
    let [has_token, has_user, has_password] = keys.map(|key| is_set(key.name()));
    let [token, user, password] = keys.map(|key| schema.name_of(key));
    let mut warnings = Vec::new();
    if has_token && has_user {
        warnings.push(format!("{user} is ignored, because {token} is set"));
    } else if has_password && !has_user && !has_token {
        warnings.push(format!("{password} is ignored, because {user} is empty"));
    }
    warnings
}

/// Returns the problem that this version does not support the provider of a storage yet.
pub(super) fn unsupported_provider(values: &Values, keys: &StorageKeys) -> Problem {
    let provider = values.provider(keys.provider);
    let speaks_s3 = |provider: &Provider| provider.protocol() == StorageProtocol::S3;
    let s3: Vec<_> = Provider::ALL.into_iter().filter(speaks_s3).map(Provider::name).collect();
    Problem {
        key: keys.provider.name().to_owned(),
        source: values.source(keys.provider),
        reason: format!("{provider} is not supported yet; use local or an S3 provider ({})", s3.join(", ")),
    }
}

/// The schema that a file names; v1 if it names none.
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
    schema: Schema,
    problems: Vec<Problem>,
}

impl Found<'_> {
    /// Adds a problem, unless the value has one already: a wrong value that other keys inherit counts once.
    fn add(&mut self, key: impl Into<AnyKey>, reason: impl Into<String>) {
        let key = key.into();
        let source = self.values.source(key);
        let above = self.values.get(key.name()).and_then(|value| value.inherited);
        let is_same_value = |found: &Problem| {
            Some(found.key.as_str()) == above || (source != Source::Default && found.source == source)
        };
        if !self.problems.iter().any(is_same_value) {
            self.problems.push(Problem { key: key.name().to_owned(), source, reason: reason.into() });
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
                    self.add(key, "required by tlsMode mutual");
                }
            }
        }
    }

    /// Requires a host name or address without scheme, port and path.
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
            let port_key = self.schema.name_of(port_key);
            self.add(
                key,
                format!("expected a host without port, not {host:?}; set the port with {port_key}"),
            );
        }
    }

    fn storage(&mut self, keys: &StorageKeys) {
        let values = self.values;
        let provider = values.provider(keys.provider);
        let milvus_address = values.text(keys.milvus_address);
        if provider == Provider::Local {
            self.local(keys);
            if !milvus_address.is_empty() {
                self.add(keys.milvus_address, "not allowed with provider local");
            }
            return;
        }
        if !values.text(keys.local_path).is_empty() {
            self.add(keys.local_path, format!("allowed only with provider local, not {provider}"));
        }
        self.host(keys.address, keys.port);
        self.bucket(keys);
        let root = values.text(keys.root);
        if root.contains("://") {
            let bucket = self.schema.name_of(keys.bucket);
            self.add(
                keys.root,
                format!("expected a path in the bucket, not {root:?}; set the bucket with {bucket}"),
            );
        }
        if !milvus_address.is_empty() {
            self.host(keys.milvus_address, keys.milvus_port);
        } else if values.number(keys.milvus_port) != 0 {
            self.add(keys.milvus_port, "milvusAddress is required too");
        }
        if provider == Provider::Azure {
            if values.text(keys.account).is_empty() {
                self.add(keys.account, "the name of the account is required by provider azure");
            }
        } else if values.is_set(keys.account) && !self.is_empty(keys.account) {
            self.add(keys.account, format!("allowed only with provider azure, not {provider}"));
        }
        self.login(keys, provider);
    }

    /// Requires the name of a bucket, without scheme and path.
    fn bucket(&mut self, keys: &StorageKeys) {
        let bucket = self.values.text(keys.bucket);
        let expected = "expected the name of a bucket";
        if bucket.is_empty() {
            self.add(keys.bucket, format!("{expected}, it is empty"));
        } else if bucket.starts_with('/') || bucket.starts_with("./") || bucket.contains('\\') {
            let provider = self.schema.name_of(keys.provider);
            self.add(
                keys.bucket,
                format!("{expected}, not {bucket:?}; for a directory set {provider} to local"),
            );
        } else if bucket.contains("://") {
            self.add(keys.bucket, format!("{expected} without a scheme, not {bucket:?}"));
        } else if bucket.contains('/') {
            let root = self.schema.name_of(keys.root);
            self.add(keys.bucket, format!("{expected}, not {bucket:?}; set the path with {root}"));
        } else if bucket.contains(char::is_whitespace) {
            self.add(keys.bucket, format!("{expected} without white space, not {bucket:?}"));
        }
    }

    /// Requires a root that is a directory of its own, and an absolute path for Milvus.
    fn local(&mut self, keys: &StorageKeys) {
        let values = self.values;
        let root = values.text(keys.root);
        if root.trim_matches(['/', '.']).is_empty() {
            self.add(keys.root, "expected a directory of its own for provider local, not / or an empty path");
        }
        let seen = values.text(keys.local_path);
        if !seen.is_empty() && !seen.starts_with('/') {
            self.add(keys.local_path, format!("expected an absolute path, not {seen:?}"));
        }
    }

    fn login(&mut self, keys: &StorageKeys, provider: Provider) {
        let login = self.values.text(keys.auth_type);
        let fits = provider.protocol().auth_types();
        if !fits.contains(&login) {
            self.add(
                keys.auth_type,
                format!("{login} is not available for provider {provider}; use {}", fits.join(" or ")),
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
                self.add(key, format!("not allowed with auth.type {login}"));
            }
        }
        match login {
            // Both empty means the credentials chain of AWS; one empty is a mistake.
            "static" if self.is_empty(keys.access_key) != self.is_empty(keys.secret_key) => {
                let missing = if self.is_empty(keys.access_key) {
                    keys.access_key.any()
                } else {
                    keys.secret_key.any()
                };
                self.add(missing, "is empty, but the other key of the pair is set");
            }
            "sharedKey" if self.is_empty(keys.account_key) => {
                self.add(keys.account_key, "required by auth.type sharedKey");
            }
            "serviceAccount" if self.is_empty(keys.credentials_file) => {
                self.add(keys.credentials_file, "required by auth.type serviceAccount");
            }
            _ => {}
        }
    }
}

impl Values {
    /// Whether both keys of the static pair are the default of Milvus.
    pub(super) fn has_default_keys(&self, keys: &StorageKeys) -> bool {
        [keys.access_key.any(), keys.secret_key.any()]
            .iter()
            .all(|key| self.get(key.name()).is_some_and(|value| value.source == Source::Default))
    }
}
