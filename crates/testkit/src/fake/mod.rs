//! A simulated Milvus, which serves from memory the calls that this project uses, as the release of its version would.
//!
//! It rejects the requests that the real server rejects, with the error codes and texts of the release. Rows are kept;
//! a flush writes them to binlogs of the release's storage version under the real keys, and an import reads them from
//! there. It reads and writes these files by its own code, so that a mistake in the code of the product cannot hide
//! itself. Queries other than `count(*)` and `KEY >= x`, and deletes by other expressions than keys, are not supported.
#![expect(
    clippy::trivially_copy_pass_by_ref,
    clippy::unnecessary_wraps,
    reason = "all handlers of calls have the same signature"
)]

mod aliases;
mod authorization;
mod binlogs;
mod catalog;
mod cell;
mod collection;
mod compaction;
mod config;
mod container;
mod contents;
mod conversion;
mod data;
mod databases;
mod delete;
mod delta_logs;
mod denials;
mod external;
mod fault;
mod fields;
mod files;
mod flush_all;
mod grants;
mod groups;
mod hash;
mod import;
mod import_v1;
mod import_v1_files;
mod index;
mod index_types;
mod insert;
mod insert_checks;
mod job_checks;
mod job_content;
mod jobs;
mod limits;
mod load;
mod management;
mod names;
mod parquet;
mod partition;
mod privilege_groups;
mod privileges;
mod properties;
mod query;
mod rbac;
mod reply;
mod rest;
mod rest_body;
mod row_json;
mod schema;
mod schema_check;
mod segment;
mod segments;
mod server;
mod service;
mod snapshot_bundle;
mod snapshot_jobs;
mod snapshots;
mod state;
mod target;
mod users;
mod values;
mod words;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub use config::FakeConfig;
pub use fault::Fault;
pub use segment::SegmentDelays;
use state::FakeState;

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
    /// Starts a server, on free loopback ports unless the configuration names others.
    ///
    /// # Panics
    /// Panics if no port or no thread is available.
    #[expect(clippy::needless_pass_by_value, reason = "a configuration is used once")]
    pub fn start(config: FakeConfig) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a thread");
        let state = Arc::new(Mutex::new(FakeState::new(&config)));
        let (address, listener) = open_listener(&runtime, config.listen);
        runtime.spawn(server::serve(listener, Arc::clone(&state), &config));
        let (management, listener) = open_listener(&runtime, config.management);
        let routes = management::routes(Arc::clone(&state));
        runtime.spawn(async move { axum::serve(listener, routes).await });
        Self { address, management, state, runtime: Some(runtime) }
    }

    /// Returns the IP address on which the server listens.
    pub fn host(&self) -> String {
        self.address.ip().to_string()
    }

    /// Returns the port of the gRPC API and the REST API.
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

    /// Returns the names of all gRPC calls so far in order, the paths of REST requests, and the management routes with
    /// their queries.
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

/// Opens a listener.
fn open_listener(runtime: &Runtime, address: SocketAddr) -> (SocketAddr, TcpListener) {
    let _inside = runtime.enter();
    let listener = std::net::TcpListener::bind(address).expect("a free port");
    listener.set_nonblocking(true).expect("a socket that does not block");
    (listener.local_addr().expect("a bound port"), TcpListener::from_std(listener).expect("a listener"))
}
