//! A Milvus that is not one: it serves our subset of the protocol from memory, as a release of its version would.
//!
//! What the real server refuses it refuses too, with the real numbers and texts of 2.2 or 2.3. Rows are counted, not
//! kept; a flush writes small files where the real binlogs would lie, which only the fake itself can import. Deletes
//! and queries other than `count(*)` are not served.
#![expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    clippy::unused_self,
    reason = "all handlers of calls have one shape"
)]

mod catalog;
mod collection;
mod data;
mod fault;
mod files;
mod import;
mod index;
mod management;
mod reply;
mod segment;
mod service;
mod state;

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
use state::State;

/// What real servers take in one message, in bytes.
const LARGEST_MESSAGE: usize = 64 << 20;

/// What a fake server shall be like.
#[derive(Clone, Debug)]
pub struct FakeConfig {
    version: String,
    root: PathBuf,
    login: Option<String>,
    faults: Vec<Fault>,
    delays: SegmentDelays,
}

impl FakeConfig {
    /// A server of this release, e.g. `2.3.5`, that keeps its files below `root`.
    pub fn new(version: &str, root: impl Into<PathBuf>) -> Self {
        Self {
            version: version.to_owned(),
            root: root.into(),
            login: None,
            faults: Vec::new(),
            delays: SegmentDelays::default(),
        }
    }

    /// With this `user:password` required.
    #[must_use]
    pub fn login(mut self, credentials: &str) -> Self {
        self.login = Some(credentials.to_owned());
        self
    }

    /// With segments that stay in their states for a while after a flush.
    #[must_use]
    pub fn delays(mut self, delays: SegmentDelays) -> Self {
        self.delays = delays;
        self
    }

    /// With something that goes wrong.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }
}

/// A running fake server; it ends, connections and all, when this is dropped.
#[derive(Debug)]
pub struct FakeMilvus {
    address: SocketAddr,
    management: SocketAddr,
    state: Arc<Mutex<State>>,
    /// Of its own, so that it serves blocking tests too, and dies at once.
    runtime: Option<Runtime>,
}

impl FakeMilvus {
    /// Starts a server on free ports of this machine.
    ///
    /// # Panics
    /// Where no port or no thread is to be had.
    pub fn start(config: FakeConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a thread");
        let state = Arc::new(Mutex::new(State::new(&config)));
        let (address, listener) = listen(&runtime);
        let service = MilvusServiceServer::new(Service::new(Arc::clone(&state), config.login))
            .max_decoding_message_size(LARGEST_MESSAGE);
        let server = tonic::transport::Server::builder().add_service(service);
        runtime.spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        let (management, listener) = listen(&runtime);
        runtime.spawn(management::serve(listener, Arc::clone(&state)));
        Self { address, management, state, runtime: Some(runtime) }
    }

    /// The host it listens on.
    pub fn host(&self) -> String {
        self.address.ip().to_string()
    }

    /// The gRPC port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// `host:port` of the metrics port, with the management routes of its version.
    pub fn management_endpoint(&self) -> String {
        self.management.to_string()
    }

    /// Makes something go wrong from now on.
    pub fn inject(&self, fault: Fault) {
        state::lock(&self.state).faults.add(fault);
    }

    /// Changes how long segments stay in their states.
    pub fn delay(&self, delays: SegmentDelays) {
        state::lock(&self.state).delays = delays;
    }

    /// The names of all calls so far, in order; management routes with their query.
    pub fn calls(&self) -> Vec<String> {
        state::lock(&self.state).calls.clone()
    }
}

impl Drop for FakeMilvus {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn listen(runtime: &Runtime) -> (SocketAddr, TcpListener) {
    let _inside = runtime.enter();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket that does not block");
    (listener.local_addr().expect("a bound port"), TcpListener::from_std(listener).expect("a listener"))
}
