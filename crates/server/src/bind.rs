//! Which addresses are listened at, and whether that is safe.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::{Listen, Settings};
use wire::{Failure, Kind};

/// What a listener serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serves {
    /// REST and gRPC.
    Both,
    /// REST alone.
    Rest,
    /// gRPC alone.
    Grpc,
}

/// A listener that takes no connections yet.
#[derive(Debug)]
pub(super) struct Bound {
    /// The listener.
    pub listener: TcpListener,
    /// Where it listens, with the port that the system chose.
    pub address: SocketAddr,
    /// What it serves.
    pub serves: Serves,
}

impl Bound {
    /// What is told of it when the server starts.
    pub(super) fn describe(&self, settings: &Settings) -> String {
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        let what = match self.serves {
            Serves::Both => "REST and gRPC",
            Serves::Rest => "REST",
            Serves::Grpc => "gRPC",
        };
        let door = match (settings.access.open, settings.access.has_keys()) {
            (false, _) => "",
            (true, _) if !self.address.ip().is_loopback() => ", no authentication",
            (true, true) => ", no authentication",
            (true, false) => ", no authentication: loopback only",
        };
        format!("listening on {scheme}://{} ({what}{door})", self.address)
    }
}

/// Opens the listeners. Without authentication only loopback is served, unless `everywhere` says that this is meant.
pub(super) async fn bind(settings: &Settings, everywhere: bool) -> Result<Vec<Bound>, Failure> {
    let first = match &settings.grpc_listen {
        None => Serves::Both,
        Some(_) => Serves::Rest,
    };
    let grpc = settings.grpc_listen.as_ref().map(|listen| (listen, Serves::Grpc));
    let mut bound = Vec::new();
    for (listen, serves) in [(&settings.listen, first)].into_iter().chain(grpc) {
        let listener = open(listen, settings, everywhere, &bound).await?;
        let address = listener.local_addr()?;
        bound.push(Bound { listener, address, serves });
    }
    Ok(bound)
}

async fn open(
    listen: &Listen,
    settings: &Settings,
    everywhere: bool,
    bound: &[Bound],
) -> Result<TcpListener, Failure> {
    let open_to_all = everywhere || !settings.access.open;
    let cannot = |error: std::io::Error| {
        Failure::new(Kind::Failed, format!("cannot listen at {listen}: {}", in_words(&error)))
            .hint(hint(&error))
    };
    let addresses = listen.resolve(open_to_all).await.map_err(cannot)?;
    if let Some(address) = addresses.iter().find(|address| !open_to_all && !address.ip().is_loopback()) {
        return Err(Failure::usage(format!(
            "{address} can be reached by others, and nobody would have to say who they are"
        ))
        .hint("make a token with `milvus-backup server token NAME ROLE` and set server.tokens; --no-auth serves everybody"));
    }
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && is_ours(address, bound) => {
                return Err(Failure::usage(format!(
                    "--port or --listen and --grpc-listen name the same address: {listen}"
                ))
                .hint("leave out --grpc-listen (server.grpc_listen): one address serves REST and gRPC"));
            }
            // Another process has it: the next address would hide that.
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => return Err(cannot(error)),
            Err(error) => last = error,
        }
    }
    Err(cannot(last))
}

/// Whether what is listened at already leaves nothing of this address.
fn is_ours(address: SocketAddr, bound: &[Bound]) -> bool {
    let mut places = bound.iter().map(|bound| bound.address);
    places.any(|ours| {
        let everywhere = ours.ip().is_unspecified() || address.ip().is_unspecified();
        ours.port() == address.port() && (everywhere || ours.ip() == address.ip())
    })
}

fn in_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "another process listens there".to_owned(),
        std::io::ErrorKind::PermissionDenied => "not allowed".to_owned(),
        std::io::ErrorKind::AddrNotAvailable => "this machine has no such address".to_owned(),
        _ => error.to_string(),
    }
}

fn hint(error: &std::io::Error) -> &'static str {
    match error.kind() {
        std::io::ErrorKind::AddrInUse => "choose another port with --port or --listen; 0 takes a free one",
        std::io::ErrorKind::PermissionDenied => "ports below 1024 need rights; choose another with --port",
        _ => "choose an address of this machine with --listen HOST:PORT",
    }
}
