//! Opens the listeners, and rejects addresses that are unsafe without authentication.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::{ListenAddress, Settings};
use wire::{Failure, FailureKind};

/// The protocols of a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocols {
    /// REST and gRPC.
    All,
    /// REST only.
    Rest,
    /// gRPC only.
    Grpc,
}

/// A bound listener that accepts no connections yet.
#[derive(Debug)]
pub(super) struct BoundListener {
    /// The listener.
    pub listener: TcpListener,
    /// The address, with the port that the system chose.
    pub address: SocketAddr,
    /// The protocols.
    pub protocols: Protocols,
}

impl BoundListener {
    /// Returns the line that is printed when the server starts.
    pub(super) fn describe(&self, settings: &Settings) -> String {
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let what = match self.protocols {
            Protocols::All => "REST and gRPC",
            Protocols::Rest => "REST",
            Protocols::Grpc => "gRPC",
        };
        let authentication = match (settings.access.open, settings.access.has_callers()) {
            (false, _) => "",
            (true, _) if !self.address.ip().is_loopback() => ", no authentication",
            (true, true) => ", no authentication",
            (true, false) => ", no authentication: loopback only",
        };
        format!("listening on {scheme}://{} ({what}{authentication})", self.address)
    }
}

/// Opens the listeners. Without authentication only loopback addresses are allowed, unless `no_auth` is set.
pub(super) async fn bind(settings: &Settings, no_auth: bool) -> Result<Vec<BoundListener>, Failure> {
    let first = match &settings.grpc_listen {
        None => Protocols::All,
        Some(_) => Protocols::Rest,
    };
    let grpc = settings.grpc_listen.as_ref().map(|listen| (listen, Protocols::Grpc));
    let mut bound = Vec::new();
    for (listen, protocols) in [(&settings.listen, first)].into_iter().chain(grpc) {
        let listener = bind_one(listen, settings, no_auth, &bound).await?;
        let address = listener.local_addr()?;
        bound.push(BoundListener { listener, address, protocols });
    }
    Ok(bound)
}

async fn bind_one(
    listen: &ListenAddress,
    settings: &Settings,
    no_auth: bool,
    bound: &[BoundListener],
) -> Result<TcpListener, Failure> {
    let may_be_public = no_auth || !settings.access.open;
    let cannot = |error: std::io::Error| {
        Failure::new(FailureKind::Failed, format!("cannot listen on {listen}: {}", describe_error(&error)))
            .hint(hint(&error))
    };
    let addresses = listen.resolve(may_be_public).await.map_err(cannot)?;
    if let Some(address) = addresses.iter().find(|address| !may_be_public && !address.ip().is_loopback()) {
        return Err(Failure::usage(format!(
            "cannot listen on {address}: other machines could use the server without authentication"
        ))
        .hint("create a token with `milvus-backup server token NAME ROLE` and set server.tokens, or disable authentication with --no-auth"));
    }
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error)
                if error.kind() == std::io::ErrorKind::AddrInUse && is_bound_already(address, bound) =>
            {
                return Err(Failure::usage(format!(
                    "--port or --listen and --grpc-listen have the same address: {listen}"
                ))
                .hint("omit --grpc-listen (server.grpc_listen): one address serves REST and gRPC"));
            }
            // Trying the next address would hide that another process uses this one.
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => return Err(cannot(error)),
            Err(error) => last = error,
        }
    }
    Err(cannot(last))
}

/// Returns whether a listener of this server already uses the address.
fn is_bound_already(address: SocketAddr, bound: &[BoundListener]) -> bool {
    let mut addresses = bound.iter().map(|bound| bound.address);
    addresses.any(|used| {
        let all_addresses = used.ip().is_unspecified() || address.ip().is_unspecified();
        used.port() == address.port() && (all_addresses || used.ip() == address.ip())
    })
}

fn describe_error(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "another process uses the address".to_owned(),
        std::io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        std::io::ErrorKind::AddrNotAvailable => "the address does not belong to this machine".to_owned(),
        _ => error.to_string(),
    }
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "choose another port with --port or --listen; 0 selects a free port",
        std::io::ErrorKind::PermissionDenied => {
            "ports below 1024 need privileges; choose another port with --port"
        }
        _ => "choose an address of this machine with --listen HOST:PORT",
    }
}
