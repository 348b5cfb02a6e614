//! Connecting to a server, and its version and capabilities.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::version::{Capabilities, ServerVersion};
use proto::common::ClientInfo;
use proto::milvus::milvus_service_client::MilvusServiceClient;
use proto::milvus::{ConnectRequest, GetVersionRequest};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{Channel, Endpoint};

use crate::auth::{authorization_header, user_name};
use crate::call::{Call, Rpc, retry_delays, rpc};
use crate::config::{CallLimits, ConnectConfig, Tls};
use crate::error::{MilvusError, MilvusErrorKind};
use crate::rest::Rest;
use crate::status::Retry;
use crate::tls;

/// The maximum size of a message in bytes; replies about large collections exceed the gRPC default of 4 MiB.
const MAX_MESSAGE_BYTES: usize = 512 << 20;
/// The time without traffic after which a connection is checked.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// The number of attempts to open a connection.
const CONNECT_ATTEMPTS: usize = 3;

/// A connection to one Milvus. Clones are cheap and share it.
#[derive(Clone, Debug)]
pub struct Milvus {
    pub(crate) rpc: Rpc,
    /// The client for REST; `None` for releases without it.
    pub(crate) rest: Option<Rest>,
    server: Arc<ServerInfo>,
    capabilities: Capabilities,
    pub(crate) management: Option<Arc<str>>,
    pub(crate) user: Option<Arc<str>>,
}

/// The facts that a server reports about itself, and its address.
#[derive(Clone, Debug)]
pub struct ServerInfo {
    /// The version of the server, as parsed from its build tag.
    pub version: ServerVersion,
    /// The deployment mode, such as `STANDALONE`; empty if the server does not report it.
    pub deploy_mode: String,
    /// `host:port` to which this client is connected.
    pub address: String,
}

impl Milvus {
    /// Connects, authenticates, and reads the version of the server.
    ///
    /// Fails after a few seconds if the server is unreachable. Does not check whether the version is supported.
    pub async fn connect(config: &ConnectConfig) -> Result<Self, MilvusError> {
        let address = authority(&config.address, config.port);
        let channel = open_channel(config, &address).await?;
        let client = MilvusServiceClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE_BYTES)
            .max_encoding_message_size(MAX_MESSAGE_BYTES);
        let rpc = Rpc {
            client,
            authorization: authorization_header(&config.auth)?,
            limits: config.limits,
            rate_limited: Arc::default(),
            unreachable: Arc::default(),
            outage: watch::Sender::default(),
        };
        let limits = CallLimits { outage: config.limits.connect, ..config.limits };
        let server = identify_server(&Rpc { limits, ..rpc.clone() }, address)
            .await
            .map_err(MilvusError::while_connecting)?;
        let capabilities = Capabilities::from_version(&server.version);
        let rest = if capabilities.rest { Some(Rest::new(config, &server.address).await?) } else { None };
        let management = config.management_endpoint.as_deref().map(Arc::from);
        let user = user_name(&config.auth).map(Arc::from);
        Ok(Self { rpc, rest, server: Arc::new(server), capabilities, management, user })
    }

    /// Returns the facts that the server reported when the connection was opened.
    pub fn server(&self) -> &ServerInfo {
        &self.server
    }

    /// Returns how many requests of this connection and its clones the server has refused to limit their rate.
    pub fn rate_limited_calls(&self) -> u64 {
        self.rpc.rate_limited.load(Ordering::Relaxed)
    }

    /// Returns how many attempts of calls of this connection and its clones have not reached the server.
    pub fn unreachable_calls(&self) -> u64 {
        self.rpc.unreachable.load(Ordering::Relaxed)
    }

    /// Returns a receiver of the reason why the server cannot be reached, which is `None` while calls reach it.
    pub fn outages(&self) -> watch::Receiver<Option<String>> {
        self.rpc.outage.subscribe()
    }

    /// Returns the capabilities that follow from the version of the server.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

/// Returns `host:port`, with brackets around an IPv6 address.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Opens the channel, with up to [`CONNECT_ATTEMPTS`] attempts within the time limit.
async fn open_channel(config: &ConnectConfig, address: &str) -> Result<Channel, MilvusError> {
    let call = format!("connect to Milvus at {address}");
    let invalid = |error: tonic::transport::Error| {
        MilvusError::new(MilvusErrorKind::Invalid, &call, "the address or the TLS settings cannot be used")
            .caused_by(error)
    };
    let scheme = if matches!(config.tls, Tls::Disabled) { "http" } else { "https" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
        .map_err(invalid)?
        .connect_timeout(config.limits.connect)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .tcp_nodelay(true);
    if let Some(tls) = tls::load_tls_config(&config.tls, &config.address).await? {
        endpoint = endpoint.tls_config(tls).map_err(invalid)?;
    }
    let started = Instant::now();
    let mut last_error = None;
    for delay in retry_delays().take(CONNECT_ATTEMPTS) {
        let remaining = config.limits.connect.saturating_sub(started.elapsed());
        match timeout(remaining, endpoint.connect()).await {
            Ok(Ok(channel)) => return Ok(channel),
            Ok(Err(error)) => last_error = Some(error),
            Err(_) => break,
        }
        sleep(delay).await;
    }
    let error = MilvusError::new(MilvusErrorKind::Unreachable, call, "no connection").retried(Retry::Always);
    Err(match last_error {
        Some(cause) => error.caused_by(cause),
        None => error,
    })
}

/// Reads the version and deployment mode; uses `GetVersion` if the server does not support `Connect`.
async fn identify_server(rpc: &Rpc, address: String) -> Result<ServerInfo, MilvusError> {
    let client_info = ClientInfo {
        sdk_type: "milvus-backup".to_owned(),
        sdk_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..ClientInfo::default()
    };
    let call = Call::new("connect to Milvus at", &address, "");
    let reply = rpc.call(call, ConnectRequest { client_info: Some(client_info) }, rpc!(connect)).await;
    let info = match reply {
        Ok(reply) => reply.server_info.unwrap_or_default(),
        Err(error) if error.kind() == MilvusErrorKind::Unsupported => proto::common::ServerInfo::default(),
        Err(error) => return Err(error),
    };
    let mut version = info.build_tags;
    if version.is_empty() {
        let call = Call::new("ask for the version of Milvus at", &address, "");
        version = rpc.call(call, GetVersionRequest {}, rpc!(get_version)).await?.version;
    }
    Ok(ServerInfo { version: ServerVersion::parse(&version), deploy_mode: info.deploy_mode, address })
}
