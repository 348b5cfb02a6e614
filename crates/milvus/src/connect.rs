//! The connection and what the server says of itself.

use std::sync::Arc;

use model::version::{Capabilities, ServerVersion};
use proto::common::ClientInfo;
use proto::milvus::milvus_service_client::MilvusServiceClient;
use proto::milvus::{ConnectRequest, GetVersionRequest};
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::{Channel, Endpoint};

use crate::auth::authorization;
use crate::call::{Call, Rpc, delays, rpc};
use crate::config::{ConnectConfig, Limits, Tls};
use crate::error::{ErrorKind, MilvusError};
use crate::tls;

/// Replies about large collections exceed the usual 4 MiB.
const LARGEST_MESSAGE: usize = 512 << 20;

/// How often a server that cannot be reached is tried before it is called absent.
const CONNECT_TRIES: usize = 3;

/// A connection to one Milvus; clones share it.
#[derive(Clone, Debug)]
pub struct Milvus {
    pub(crate) rpc: Rpc,
    server: Arc<ServerInfo>,
    capabilities: Capabilities,
    pub(crate) management: Option<Arc<str>>,
}

/// What a server says of itself.
#[derive(Clone, Debug)]
pub struct ServerInfo {
    /// Its version.
    pub version: ServerVersion,
    /// Such as `STANDALONE`; empty where not told.
    pub deploy_mode: String,
    /// `host:port` as we reach it.
    pub address: String,
}

impl Milvus {
    /// Connects, proves who we are, and asks for the server's version.
    ///
    /// A server that is not there is an error after a few seconds. Whether the version is served is for the
    /// caller to judge.
    pub async fn connect(config: &ConnectConfig) -> Result<Self, MilvusError> {
        let address = authority(&config.address, config.port);
        let channel = open(config, &address).await?;
        let client = MilvusServiceClient::new(channel)
            .max_decoding_message_size(LARGEST_MESSAGE)
            .max_encoding_message_size(LARGEST_MESSAGE);
        let rpc = Rpc { client, authorization: authorization(&config.auth)?, limits: config.limits };
        let impatient = Limits { outage: config.limits.connect, ..config.limits };
        let server = greet(&Rpc { limits: impatient, ..rpc.clone() }, address).await?;
        let capabilities = Capabilities::of(&server.version);
        let management = config.management_endpoint.as_deref().map(Arc::from);
        Ok(Self { rpc, server: Arc::new(server), capabilities, management })
    }

    /// What the server says of itself.
    pub fn server(&self) -> &ServerInfo {
        &self.server
    }

    /// What the server can do.
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }
}

/// `host:port`, with the brackets of an IPv6 address.
fn authority(host: &str, port: u16) -> String {
    if host.contains(':') && !host.starts_with('[') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

async fn open(config: &ConnectConfig, address: &str) -> Result<Channel, MilvusError> {
    let call = format!("connect to Milvus at {address}");
    let invalid = |error: tonic::transport::Error| {
        MilvusError::new(ErrorKind::Invalid, &call, "the address or the TLS settings cannot be used")
            .caused_by(error)
    };
    let scheme = if matches!(config.tls, Tls::Disabled) { "http" } else { "https" };
    let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
        .map_err(invalid)?
        .connect_timeout(config.limits.connect)
        .http2_keep_alive_interval(config.limits.outage)
        .tcp_nodelay(true);
    if let Some(tls) = tls::load(&config.tls, &config.address).await? {
        endpoint = endpoint.tls_config(tls).map_err(invalid)?;
    }
    let begun = Instant::now();
    let mut last = None;
    for delay in delays().take(CONNECT_TRIES) {
        let left = config.limits.connect.saturating_sub(begun.elapsed());
        match timeout(left, endpoint.connect()).await {
            Ok(Ok(channel)) => return Ok(channel),
            Ok(Err(error)) => last = Some(error),
            Err(_) => break,
        }
        sleep(delay).await;
    }
    let error = MilvusError::new(ErrorKind::Unreachable, call, "no connection").temporary(true);
    Err(match last {
        Some(cause) => error.caused_by(cause),
        None => error,
    })
}

/// Introduces this client and learns the version, from the older call where the newer is missing.
async fn greet(rpc: &Rpc, address: String) -> Result<ServerInfo, MilvusError> {
    let client_info = ClientInfo {
        sdk_type: "milvus-backup".to_owned(),
        sdk_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..ClientInfo::default()
    };
    let call = Call::new("connect to Milvus at", &address, "");
    let reply = rpc.call(call, ConnectRequest { client_info: Some(client_info) }, rpc!(connect)).await;
    let told = match reply {
        Ok(reply) => reply.server_info.unwrap_or_default(),
        Err(error) if error.kind() == ErrorKind::Unsupported => proto::common::ServerInfo::default(),
        Err(error) => return Err(error),
    };
    let mut version = told.build_tags;
    if version.is_empty() {
        let call = Call::new("ask for the version of Milvus at", &address, "");
        version = rpc.call(call, GetVersionRequest {}, rpc!(get_version)).await?.version;
    }
    Ok(ServerInfo { version: ServerVersion::parse(&version), deploy_mode: told.deploy_mode, address })
}
