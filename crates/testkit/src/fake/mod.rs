//! A simulated Milvus, which serves from memory the calls that this project uses, as the release of its version would.
//!
//! It rejects the requests that the real server rejects, with the error codes and texts of 2.2 or 2.3. Rows are
//! counted and not stored. A flush writes small files under the keys of the real binlogs, which only the fake can
//! import. Deletes, and queries other than `count(*)`, are not supported.
#![expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "all handlers of calls have the same signature"
)]

mod catalog;
mod collection;
mod data;
mod fault;
mod files;
mod import;
mod import_job;
mod index;
mod management;
mod names;
mod reply;
mod segment;
mod segments;
mod service;
mod state;
mod users;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use proto::milvus::milvus_service_server::MilvusServiceServer;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tonic::transport::server::TcpIncoming;

pub use fault::Fault;
pub use segment::SegmentDelays;
use service::Service;
use state::FakeState;

/// The largest message that real servers accept, in bytes.
const LARGEST_MESSAGE: usize = 64 << 20;

/// The options of a fake server.
#[derive(Clone, Debug)]
pub struct FakeConfig {
    version: String,
    root: PathBuf,
    login: Option<String>,
    faults: Vec<Fault>,
    delays: SegmentDelays,
}

impl FakeConfig {
    /// Configures a server of this release, e.g. `2.3.5`, that stores its files below `root`.
    pub fn new(version: &str, root: impl Into<PathBuf>) -> Self {
        Self {
            version: version.to_owned(),
            root: root.into(),
            login: None,
            faults: Vec::new(),
            delays: SegmentDelays::default(),
        }
    }

    /// Requires authentication with this `user:password`.
    #[must_use]
    pub fn login(mut self, credentials: &str) -> Self {
        self.login = Some(credentials.to_owned());
        self
    }

    /// Keeps segments in their states for some time after a flush.
    #[must_use]
    pub fn delays(mut self, delays: SegmentDelays) -> Self {
        self.delays = delays;
        self
    }

    /// Adds a fault, which may happen from the start of the server on.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

/// A running fake server, which stops and closes its connections when this is dropped.
#[derive(Debug)]
pub struct FakeMilvus {
    address: SocketAddr,
    management: SocketAddr,
    state: Arc<Mutex<FakeState>>,
    /// The server's own runtime, with which it serves blocking tests too and stops at once.
    runtime: Option<Runtime>,
}

impl FakeMilvus {
    /// Starts a server on free loopback ports.
    ///
    /// # Panics
    /// Panics if no port or no thread is available.
    pub fn start(config: FakeConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a thread");
        let state = Arc::new(Mutex::new(FakeState::new(&config)));
        let (address, listener) = listen_on_free_port(&runtime);
        let service = MilvusServiceServer::new(Service::new(Arc::clone(&state), config.login))
            .max_decoding_message_size(LARGEST_MESSAGE);
        let server = tonic::transport::Server::builder().add_service(service);
        runtime.spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        let (management, listener) = listen_on_free_port(&runtime);
        runtime.spawn(management::serve(listener, Arc::clone(&state)));
        Self { address, management, state, runtime: Some(runtime) }
    }

    /// Returns the IP address on which the server listens.
    pub fn host(&self) -> String {
        self.address.ip().to_string()
    }

    /// Returns the port of the gRPC API.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns `host:port` of the metrics port, which serves the management routes of the version.
    pub fn management_endpoint(&self) -> String {
        self.management.to_string()
    }

    /// Adds a fault, which may happen from now on.
    pub fn inject(&self, fault: Fault) {
        state::lock_state(&self.state).faults.add_fault(fault);
    }

    /// Changes the time for which segments stay in their states.
    pub fn delay(&self, delays: SegmentDelays) {
        state::lock_state(&self.state).delays = delays;
    }

    /// Returns the names of all calls so far in order, and the management routes with their queries.
    pub fn calls(&self) -> Vec<String> {
        state::lock_state(&self.state).calls.clone()
    }
}

impl Drop for FakeMilvus {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Opens a listener on a free loopback port.
fn listen_on_free_port(runtime: &Runtime) -> (SocketAddr, TcpListener) {
    let _inside = runtime.enter();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket that does not block");
    (listener.local_addr().expect("a bound port"), TcpListener::from_std(listener).expect("a listener"))
}
