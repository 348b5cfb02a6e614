//! Converts effective values to the settings of the server.

use std::collections::BTreeSet;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use secrecy::{ExposeSecret, SecretString};

use super::Config;
use super::error::{ConfigError, Problem};
use super::schema::{TypedKey, keys};
use super::value::Values;
use server::{
    Access, InvalidListenAddress, ListenAddress, Role, ServerLimits, Settings, TlsFiles, Token, User,
};

const DAY: Duration = Duration::from_hours(24);

impl Config {
    /// The settings of the server; `open` disables authentication. Certificates are read later.
    pub(crate) fn server(&self, open: bool) -> Result<Settings, ConfigError> {
        let values = &self.values;
        Ok(Settings {
            listen: self
                .listen(keys::SERVER_LISTEN)?
                .unwrap_or(ListenAddress { host: None, port: DEFAULT_PORT }),
            grpc_listen: self.listen(keys::SERVER_GRPC_LISTEN)?,
            data_dir: PathBuf::from(self.some_text(keys::SERVER_DATA_DIR)?),
            max_running_jobs: count(values, keys::SERVER_MAX_RUNNING_JOBS),
            max_queued_jobs: number(values, keys::SERVER_MAX_QUEUED_JOBS),
            keep_jobs: DAY.saturating_mul(
                u32::try_from(values.number(keys::SERVER_KEEP_JOBS_DAYS)).unwrap_or(u32::MAX),
            ),
            legacy_status: values.flag(keys::SERVER_LEGACY_STATUS),
            simple_response: values.flag(keys::SERVER_SIMPLE_RESPONSE),
            keep_staged: self.keep_staged(),
            replace_unfinished: values.flag(keys::SERVER_REPLACE_UNFINISHED),
            allow_backup_root_path: values.flag(keys::SERVER_ALLOW_BACKUP_ROOT_PATH),
            build: env!("MILVUS_BACKUP_BUILD"),
            swagger_base_path: values.text(keys::SERVER_SWAGGER_BASE_PATH).trim_end_matches('/').to_owned(),
            access: self.access(open)?,
            tls: self.tls()?,
            limits: limits(values),
        })
    }

    fn listen(&self, key: TypedKey<String>) -> Result<Option<ListenAddress>, Problem> {
        let text = self.values.text(key);
        if text.is_empty() {
            return Ok(None);
        }
        text.parse().map(Some).map_err(|error: InvalidListenAddress| self.problem(key, error.to_string()))
    }

    fn some_text(&self, key: TypedKey<String>) -> Result<&str, Problem> {
        match self.values.text(key) {
            "" => Err(self.problem(key, "expected a directory, it is empty")),
            text => Ok(text),
        }
    }

    fn access(&self, open: bool) -> Result<Access, Problem> {
        let values = &self.values;
        let mut access =
            Access { open, metrics_open: values.flag(keys::SERVER_METRICS_OPEN), ..Access::default() };
        for (index, item) in values.secrets(keys::SERVER_TOKENS).iter().enumerate() {
            access.tokens.push(token(item).ok_or_else(|| {
                let reason = format!(
                    "item {} is not NAME:ROLE:sha256:HEX, as `milvus-backup server token` prints it",
                    index + 1
                );
                self.problem(keys::SERVER_TOKENS, reason)
            })?);
        }
        for (index, item) in values.secrets(keys::SERVER_USERS).iter().enumerate() {
            access.users.push(user(item).ok_or_else(|| {
                let reason = format!(
                    "item {} is not NAME:ROLE:$argon2id$…, as `milvus-backup server password` prints it",
                    index + 1
                );
                self.problem(keys::SERVER_USERS, reason)
            })?);
        }
        for item in values.list(keys::SERVER_CLIENT_NAMES) {
            let named =
                item.rsplit_once(':').and_then(|(name, role)| Some((name.to_owned(), role.parse().ok()?)));
            access.client_names.push(named.ok_or_else(|| {
                self.problem(
                    keys::SERVER_CLIENT_NAMES,
                    format!("expected NAME:ROLE (read, backup, restore or admin), not {item:?}"),
                )
            })?);
        }
        let mut names = BTreeSet::new();
        if let Some(user) = access.users.iter().find(|user| !names.insert(&user.name)) {
            return Err(self.problem(keys::SERVER_USERS, format!("user {} is listed twice", user.name)));
        }
        Ok(access)
    }

    fn tls(&self) -> Result<Option<TlsFiles>, Problem> {
        let path =
            |key| Some(PathBuf::from(self.values.text(key))).filter(|path| !path.as_os_str().is_empty());
        let client_ca = path(keys::SERVER_TLS_CLIENT_CA);
        let named = !self.values.list(keys::SERVER_CLIENT_NAMES).is_empty();
        match (path(keys::SERVER_TLS_CERT), path(keys::SERVER_TLS_KEY)) {
            (Some(cert), Some(key)) if client_ca.is_some() == named => {
                Ok(Some(TlsFiles { cert, key, client_ca }))
            }
            (Some(_), Some(_)) if named => {
                Err(self.problem(keys::SERVER_TLS_CLIENT_CA, "required by server.client_names"))
            }
            (Some(_), Some(_)) => Err(self.problem(
                keys::SERVER_CLIENT_NAMES,
                "required by server.tls.client_ca: the roles of the certificates",
            )),
            (Some(_), None) => Err(self.problem(keys::SERVER_TLS_KEY, "required by server.tls.cert")),
            (None, Some(_)) => Err(self.problem(keys::SERVER_TLS_CERT, "required by server.tls.key")),
            (None, None) if client_ca.is_some() || named => Err(self.problem(
                keys::SERVER_TLS_CERT,
                "client certificates need server.tls.cert and server.tls.key",
            )),
            (None, None) => Ok(None),
        }
    }
}

/// The default port, which is that of the Go tool.
const DEFAULT_PORT: u16 = 8080;

fn limits(values: &Values) -> ServerLimits {
    let time = |key| Duration::from_secs(values.number(key).max(1));
    ServerLimits {
        max_body: number(values, keys::SERVER_MAX_BODY),
        max_header: number(values, keys::SERVER_MAX_HEADER),
        handshake_timeout: time(keys::SERVER_HANDSHAKE_TIMEOUT),
        header_timeout: time(keys::SERVER_HEADER_TIMEOUT),
        body_timeout: time(keys::SERVER_BODY_TIMEOUT),
        request_timeout: time(keys::SERVER_REQUEST_TIMEOUT),
        shutdown_timeout: time(keys::SERVER_SHUTDOWN_TIMEOUT),
        max_connections: number(values, keys::SERVER_MAX_CONNECTIONS),
        max_connections_per_client: number(values, keys::SERVER_MAX_CONNECTIONS_PER_CLIENT),
        requests_per_second: u32::try_from(values.number(keys::SERVER_REQUESTS_PER_SECOND))
            .ok()
            .and_then(NonZeroU32::new),
    }
}

fn number(values: &Values, key: TypedKey<u64>) -> usize {
    usize::try_from(values.number(key)).unwrap_or(usize::MAX)
}

fn count(values: &Values, key: TypedKey<u64>) -> NonZeroUsize {
    NonZeroUsize::new(number(values, key)).unwrap_or(NonZeroUsize::MIN)
}

/// Parses an item of `server.tokens`: `NAME:ROLE:sha256:HEX`.
fn token(item: &SecretString) -> Option<Token> {
    let (name, role, hash) = split_entry(item)?;
    let mut sha256 = [0; 32];
    let hex = hash.strip_prefix("sha256:").filter(|hex| hex.len() == 64 && hex.is_ascii())?;
    for (index, byte) in sha256.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(Token { name, role, sha256 })
}

/// Parses an item of `server.users`: `NAME:ROLE:$argon2id$…`.
fn user(item: &SecretString) -> Option<User> {
    let (name, role, hash) = split_entry(item)?;
    let parsed = PasswordHash::new(hash).ok()?;
    (parsed.algorithm.as_str() == "argon2id").then(|| User { name, role, hash: hash.into() })
}

fn split_entry(item: &SecretString) -> Option<(String, Role, &str)> {
    let mut parts = item.expose_secret().splitn(3, ':');
    let (name, role, rest) = (parts.next()?, parts.next()?, parts.next()?);
    (!name.is_empty()).then_some((name.to_owned(), role.parse().ok()?, rest))
}
