//! An S3 store over a directory, for tests that need an object store and no real one.
//!
//! Each bucket is a directory, and each object a file below it, so that the simulated Milvus and a test reach the same
//! objects as files. Addresses are of the path style. A name cannot be both an object and a prefix of others.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::servers::S3Server;

/// A running store, which stops when this is dropped; its objects stay.
///
/// Its only user has the keys [`S3Server::ACCESS_KEY_ID`] and [`S3Server::SECRET_ACCESS_KEY`].
#[derive(Debug)]
pub struct ObjectStore {
    address: SocketAddr,
    directory: PathBuf,
    /// The store's own runtime, with which it serves blocking tests too and stops at once.
    runtime: Option<Runtime>,
}

impl ObjectStore {
    /// Starts a store on a free loopback port; its buckets are the directories in `directory`.
    ///
    /// # Panics
    /// Panics if no port or no thread is available, or if the directory cannot be created.
    pub fn start(directory: impl Into<PathBuf>) -> Self {
        let directory = directory.into();
        std::fs::create_dir_all(&directory).expect("a directory");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a thread");
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("a bound port");
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(&directory).expect("a directory"));
        builder.set_auth(SimpleAuth::from_single(S3Server::ACCESS_KEY_ID, S3Server::SECRET_ACCESS_KEY));
        runtime.spawn(accept(listener, builder.build()));
        Self { address, directory, runtime: Some(runtime) }
    }

    /// Returns `host:port`; the store speaks HTTP without TLS.
    pub fn endpoint(&self) -> String {
        self.address.to_string()
    }

    /// Returns the directory of all buckets.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the directory of a bucket, which is created if it is missing.
    ///
    /// # Panics
    /// Panics if the directory cannot be created.
    pub fn bucket(&self, name: &str) -> PathBuf {
        let directory = self.directory.join(name);
        std::fs::create_dir_all(&directory).expect("a directory");
        directory
    }
}

impl Drop for ObjectStore {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: std::net::TcpListener, service: S3Service) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    while let Ok((socket, _)) = listener.accept().await {
        // The error is ignored, because clients close connections when they end.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service.clone()));
    }
}
