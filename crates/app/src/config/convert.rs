//! Converts effective values to the configuration of the engine and the log.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use engine::{EngineConfig, EngineLimits, FileLocation, SeenByMilvus};
use milvus::{Auth, ConnectConfig, Tls};
use model::key::ObjectKey;
use secrecy::ExposeSecret;
use storage::{CopyMode, NewObjectOptions, S3Addressing, S3Config, S3Credentials, StoreConfig, StoreRole};

use super::error::{ConfigError, Problem};
use super::provider::{Provider, StorageProtocol};
use super::schema::{AnyKey, Schema, TypedKey, keys};
use super::storage_keys::StorageKeys;
use super::value::Values;
use super::{Config, Environment, validate};

/// What a command uses, so that an error in other parts of the configuration does not stop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Usage {
    /// Only the backups.
    Backups,
    /// Milvus and its storage too.
    Milvus,
}

/// The settings of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// The level: `trace`, `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// Whether lines are JSON instead of text.
    pub json: bool,
    /// Whether lines are written to stderr too.
    pub console: bool,
    /// The file, if one is configured.
    pub file: Option<LogFile>,
}

/// The settings of a log file, which is rotated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogFile {
    /// The path of the file.
    pub path: PathBuf,
    /// The size in bytes at which the file is rotated.
    pub max_bytes: u64,
    /// The number of rotated files to keep; 0 for all.
    pub max_backups: u64,
    /// The number of days to keep a rotated file; 0 for no limit.
    pub max_days: u64,
}

impl Config {
    /// Returns where logs are written, and at which level.
    pub(crate) fn log(&self) -> LogSettings {
        let values = &self.values;
        let path = values.text(keys::LOG_FILE_PATH);
        LogSettings {
            level: values.text(keys::LOG_LEVEL).to_owned(),
            json: values.text(keys::LOG_FORMAT) == "json",
            console: values.flag(keys::LOG_CONSOLE),
            file: (!path.is_empty()).then(|| LogFile {
                path: PathBuf::from(path),
                max_bytes: values.number(keys::LOG_FILE_MAX_SIZE_MIB).saturating_mul(1 << 20),
                max_backups: values.number(keys::LOG_FILE_MAX_BACKUPS),
                max_days: values.number(keys::LOG_FILE_MAX_DAYS),
            }),
        }
    }

    /// The configuration of the engine. The certificate files that are used are checked here, so that an error names the
    /// key of a wrong path.
    pub(crate) fn engine(
        &self,
        environment: &Environment,
        usage: Usage,
    ) -> Result<EngineConfig, ConfigError> {
        self.check_certificates(usage)?;
        Ok(EngineConfig {
            milvus: self.milvus(),
            source: self.place(&StorageKeys::SOURCE)?,
            backup: self.place(&StorageKeys::BACKUP)?,
            tool: concat!("milvus-backup ", env!("CARGO_PKG_VERSION")).to_owned(),
            host: environment.host(),
            server: None,
            limits: self.limits(),
        })
    }

    /// The backup location as text.
    pub(crate) fn backup_place(&self) -> String {
        let keys = &StorageKeys::BACKUP;
        let root = self.values.text(keys.root);
        if self.values.provider(keys.provider) == Provider::Local {
            return self.local_root(keys).unwrap_or_else(|_| root.to_owned());
        }
        format!(
            "s3://{}/{} at {}",
            self.values.text(keys.bucket),
            root.trim_matches('/'),
            self.endpoint(keys)
        )
    }

    /// Whether a restore keeps its staged files.
    pub(crate) fn keep_staged(&self) -> bool {
        self.values.flag(keys::RESTORE_KEEP_TEMP_FILES)
    }

    fn milvus(&self) -> ConnectConfig {
        let values = &self.values;
        let ca = self.path(keys::MILVUS_GRPC_CA_CERT_PATH);
        let tls = match values.text(keys::MILVUS_GRPC_TLS_MODE) {
            "server" => Tls::Server { ca, server_name: self.server_name() },
            // Validation has found that both are set.
            "mutual" => Tls::Mutual {
                ca,
                server_name: self.server_name(),
                cert: self.path(keys::MILVUS_GRPC_MTLS_CERT_PATH).unwrap_or_default(),
                key: self.path(keys::MILVUS_GRPC_MTLS_KEY_PATH).unwrap_or_default(),
            },
            _ => Tls::Disabled,
        };
        let token = values.secret(keys::MILVUS_TOKEN);
        let user = values.text(keys::MILVUS_USER);
        let auth = if !token.expose_secret().is_empty() {
            Auth::Token(token)
        } else if user.is_empty() {
            Auth::None
        } else {
            Auth::Password { user: user.to_owned(), password: values.secret(keys::MILVUS_PASSWORD) }
        };
        let management = values.text(keys::MILVUS_MANAGEMENT_ENDPOINT);
        ConnectConfig {
            address: values.text(keys::MILVUS_GRPC_ADDRESS).to_owned(),
            port: u16::try_from(values.number(keys::MILVUS_GRPC_PORT)).unwrap_or_default(),
            tls,
            auth,
            management_endpoint: (!management.is_empty()).then(|| management.to_owned()),
            limits: milvus::CallLimits {
                flush: Duration::from_secs(values.number(keys::BACKUP_FLUSH_TIMEOUT)),
                ..milvus::CallLimits::default()
            },
        }
    }

    fn server_name(&self) -> Option<String> {
        let name = self.values.text(keys::MILVUS_GRPC_SERVER_NAME);
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// The path of a file; `None` if it is not configured.
    fn path(&self, key: TypedKey<String>) -> Option<PathBuf> {
        Some(self.values.text(key)).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// Requires that the configured certificates which are used are PEM files.
    fn check_certificates(&self, usage: Usage) -> Result<(), Problem> {
        let connection = match self.values.text(keys::MILVUS_GRPC_TLS_MODE) {
            "server" => vec![keys::MILVUS_GRPC_CA_CERT_PATH],
            "mutual" => vec![
                keys::MILVUS_GRPC_CA_CERT_PATH,
                keys::MILVUS_GRPC_MTLS_CERT_PATH,
                keys::MILVUS_GRPC_MTLS_KEY_PATH,
            ],
            _ => Vec::new(),
        };
        let of_milvus = [&connection[..], &[StorageKeys::SOURCE.ca_cert]].concat();
        let used = [StorageKeys::BACKUP.ca_cert].into_iter();
        used.chain(of_milvus.into_iter().filter(|_| usage == Usage::Milvus))
            .try_for_each(|key| self.check_certificate(key))
    }

    fn check_certificate(&self, key: TypedKey<String>) -> Result<(), Problem> {
        let path = self.values.text(key);
        if path.is_empty() {
            return Ok(());
        }
        let text =
            std::fs::read(path).map_err(|error| self.problem(key, format!("cannot read {path}: {error}")))?;
        if !text.windows(10).any(|window| window == b"-----BEGIN") {
            return Err(
                self.problem(key, format!("{path} is not a PEM file (it contains no `-----BEGIN …`)"))
            );
        }
        Ok(())
    }

    pub(super) fn problem(&self, key: impl Into<AnyKey>, reason: impl Into<String>) -> Problem {
        let key = key.into();
        Problem { key: key.name().to_owned(), source: self.values.source(key), reason: reason.into() }
    }

    /// Returns a location of files; fails if the provider is not supported yet.
    fn place(&self, keys: &StorageKeys) -> Result<FileLocation, Problem> {
        let values = &self.values;
        match values.provider(keys.provider).protocol() {
            StorageProtocol::Disk => {
                let root_text = self.local_root(keys)?;
                let seen = values.text(keys.local_path);
                let seen_as = (!seen.is_empty()).then(|| seen.to_owned());
                Ok(FileLocation { seen_as, role: self.role(keys), ..FileLocation::on_disk(root_text) })
            }
            StorageProtocol::S3 => {
                let root_text = values.text(keys.root).to_owned();
                let store = StoreConfig::S3(self.s3(keys)?);
                Ok(FileLocation {
                    store,
                    root: ObjectKey::new(&root_text),
                    root_text,
                    seen_as: None,
                    seen_by_milvus: self.seen_by_milvus(keys),
                    role: self.role(keys),
                })
            }
            StorageProtocol::Azure | StorageProtocol::GoogleJson => {
                Err(validate::unsupported_provider(values, keys))
            }
        }
    }

    /// How Milvus reaches an object store, for the snapshots that it exports and restores itself.
    fn seen_by_milvus(&self, keys: &StorageKeys) -> SeenByMilvus {
        let values = &self.values;
        let host = values.text(keys.milvus_address);
        let port = match values.number(keys.milvus_port) {
            0 => values.number(keys.port),
            port => port,
        };
        let address = (!host.is_empty()).then(|| format!("{host}:{port}"));
        SeenByMilvus { provider: values.provider(keys.provider).name_in_milvus().to_owned(), address }
    }

    /// Which storage's settings decide about the connection: a backup storage inherits those of Milvus's.
    fn role(&self, keys: &StorageKeys) -> StoreRole {
        let is_own = |key: AnyKey| self.values.get(key.name()).is_some_and(|value| value.inherited.is_none());
        let is_backup = keys.root.name() == StorageKeys::BACKUP.root.name();
        if is_backup && (is_own(keys.address.into()) || is_own(keys.port.into())) {
            StoreRole::Backup
        } else {
            StoreRole::Milvus
        }
    }

    /// A root on disk as an absolute path; a relative one is resolved in the working directory.
    fn local_root(&self, keys: &StorageKeys) -> Result<String, Problem> {
        let root = self.values.text(keys.root);
        let absolute = std::path::absolute(root)
            .map_err(|error| self.problem(keys.root, format!("cannot make {root} absolute: {error}")))?;
        match absolute.to_str() {
            Some(path) => Ok(path.trim_end_matches('/').to_owned()),
            None => Err(self.problem(keys.root, "the path is not valid UTF-8")),
        }
    }

    fn s3(&self, keys: &StorageKeys) -> Result<S3Config, Problem> {
        let values = &self.values;
        let provider = values.provider(keys.provider);
        let region = match values.text(keys.region) {
            "" => provider.default_region(),
            region => region,
        };
        let addressing = match values.text(keys.addressing) {
            "path" => S3Addressing::Path,
            "virtualHost" => S3Addressing::VirtualHost,
            _ if provider.requires_virtual_host() => S3Addressing::VirtualHost,
            _ => S3Addressing::Auto,
        };
        Ok(S3Config {
            endpoint: self.endpoint(keys),
            region: region.to_owned(),
            bucket: values.text(keys.bucket).to_owned(),
            addressing,
            credentials: self.credentials(keys, provider)?,
            ca_cert: self.path(keys.ca_cert),
            new_objects: NewObjectOptions {
                acl: Some(values.text(keys.acl)).filter(|acl| *acl != "none").unwrap_or_default().to_owned(),
                storage_class: values.text(keys.storage_class).to_owned(),
            },
        })
    }

    /// `http(s)://host:port`, without the port that the scheme implies.
    fn endpoint(&self, keys: &StorageKeys) -> String {
        let host = self.values.text(keys.address);
        let host =
            if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host.to_owned() };
        match (self.values.flag(keys.use_ssl), self.values.number(keys.port)) {
            (true, 443) => format!("https://{host}"),
            (true, port) => format!("https://{host}:{port}"),
            (false, 80) => format!("http://{host}"),
            (false, port) => format!("http://{host}:{port}"),
        }
    }

    fn credentials(&self, keys: &StorageKeys, provider: Provider) -> Result<S3Credentials, Problem> {
        let values = &self.values;
        let login = values.text(keys.auth_type);
        let access_key = values.text(keys.access_key);
        // No AWS account has the default keys of Milvus, so they mean that no keys are set.
        let unset = access_key.is_empty() || (provider == Provider::Aws && values.has_default_keys(keys));
        if login == "static" && !unset {
            let session = values.secret(keys.session_token);
            return Ok(S3Credentials::Static {
                access_key_id: access_key.to_owned(),
                secret_access_key: values.secret(keys.secret_key),
                session_token: (!session.expose_secret().is_empty()).then_some(session),
            });
        }
        if !provider.accepts_aws_chain() {
            let reason =
                format!("login without keys at {provider} is not supported yet; set an access key pair");
            return Err(self.problem(keys.auth_type, reason));
        }
        let endpoint = if login == "iam" { values.text(keys.iam_endpoint) } else { "" };
        Ok(S3Credentials::Chain { iam_endpoint: (!endpoint.is_empty()).then(|| endpoint.to_owned()) })
    }

    fn limits(&self) -> EngineLimits {
        let values = &self.values;
        let count = |key| NonZeroUsize::new(number(values, key)).unwrap_or(NonZeroUsize::MIN);
        let rate = values.number(keys::TRANSFER_BYTES_PER_SECOND);
        EngineLimits {
            backup_collections: values
                .is_set(keys::BACKUP_CONCURRENCY_COLLECTIONS)
                .then(|| count(keys::BACKUP_CONCURRENCY_COLLECTIONS)),
            restore_collections: count(keys::RESTORE_CONCURRENCY_COLLECTIONS),
            import_job_bytes: values.number(keys::RESTORE_MAX_IMPORT_JOB_SIZE),
            import_jobs: count(keys::RESTORE_CONCURRENCY_IMPORT_JOBS),
            copies: count(keys::TRANSFER_CONCURRENCY),
            multipart_threshold: values
                .number(keys::TRANSFER_MULTIPART_COPY_THRESHOLD_MIB)
                .saturating_mul(1 << 20),
            copy_mode: match values.text(keys::TRANSFER_MODE) {
                "direct" => CopyMode::Direct,
                "streaming" => CopyMode::Streaming,
                _ => CopyMode::Auto,
            },
            bytes_per_second: (rate > 0).then_some(rate),
            stall: Duration::from_secs(values.number(keys::RESTORE_STALL_TIMEOUT)),
            pause_gc: values.flag(keys::BACKUP_PAUSE_GC),
        }
    }
}

fn number(values: &Values, key: TypedKey<u64>) -> usize {
    usize::try_from(values.number(key)).unwrap_or(usize::MAX)
}

/// Warnings about roots in buckets whose outer slashes are removed; other releases keep them as parts of keys.
pub(super) fn root_warnings(values: &Values, schema: Schema) -> impl Iterator<Item = String> {
    [StorageKeys::SOURCE, StorageKeys::BACKUP].into_iter().filter_map(move |keys| {
        let root = values.text(keys.root);
        let clean = ObjectKey::new(root.trim_end_matches('/'));
        let odd = values.provider(keys.provider) != Provider::Local && clean.as_str() != root;
        let hint = if root.starts_with('/') && clean.as_str().contains('/') {
            format!("; for a directory set {} to local", schema.name_of(keys.provider))
        } else {
            String::new()
        };
        odd.then(|| format!("{}: {root:?} is used as {:?}{hint}", schema.name_of(keys.root), clean.as_str()))
    })
}
