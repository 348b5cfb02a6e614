//! The options of a fake server.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::fault::Fault;
use super::segment::SegmentDelays;
use crate::object_store::ObjectStore;

/// The options of a fake server.
#[derive(Clone, Debug)]
pub struct FakeConfig {
    pub(super) version: String,
    pub(super) root: PathBuf,
    /// The endpoint and the directory of the object store that contains `root`.
    pub(super) objects: Option<(String, PathBuf)>,
    pub(super) login: Option<String>,
    pub(super) faults: Vec<Fault>,
    pub(super) delays: SegmentDelays,
    pub(super) flush_limit: bool,
    pub(super) l0_import: bool,
    pub(super) disk_full: bool,
    pub(super) cipher: bool,
    pub(super) grpc_only: bool,
    pub(super) listen: SocketAddr,
    pub(super) management: SocketAddr,
}

impl FakeConfig {
    /// Configures a server of this release, e.g. `2.3.5`, that stores its files below `root`.
    pub fn new(version: &str, root: impl Into<PathBuf>) -> Self {
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            version: version.to_owned(),
            root: root.into(),
            objects: None,
            login: None,
            faults: Vec::new(),
            delays: SegmentDelays::default(),
            flush_limit: false,
            l0_import: false,
            disk_full: false,
            cipher: false,
            grpc_only: false,
            listen: any_port,
            management: any_port,
        }
    }

    /// Keeps the files in an object store: `root` is a directory below that of a bucket, the paths of imports are keys in
    /// that bucket, and snapshots are exported to `minio://ENDPOINT/BUCKET/KEY` or `s3://BUCKET/KEY`. Without an object
    /// store, exports fail.
    #[must_use]
    pub fn object_store(mut self, store: &ObjectStore) -> Self {
        self.objects = Some((store.endpoint(), store.directory().to_owned()));
        self
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

    /// Limits the flushes of each collection to one in ten seconds, as 2.4 and later do by default.
    #[must_use]
    pub fn flush_limit(mut self) -> Self {
        self.flush_limit = true;
        self
    }

    /// Lets 3.0 import deletes (`dataCoord.import.enableL0Import`), which it refuses by default.
    #[must_use]
    pub fn l0_import(mut self) -> Self {
        self.l0_import = true;
        self
    }

    /// Exceeds the disk quota, so that imports fail unless they skip its check.
    #[must_use]
    pub fn disk_full(mut self) -> Self {
        self.disk_full = true;
        self
    }

    /// Lets 2.6 and later create encrypted databases, for which they refuse the properties without a plugin.
    #[must_use]
    pub fn cipher(mut self) -> Self {
        self.cipher = true;
        self
    }

    /// Serves only gRPC, as behind a gateway that passes on nothing else.
    #[must_use]
    pub fn grpc_only(mut self) -> Self {
        self.grpc_only = true;
        self
    }

    /// Listens on these addresses, for the API and for the management routes, instead of free loopback ports.
    #[must_use]
    pub fn listen(mut self, api: SocketAddr, management: SocketAddr) -> Self {
        (self.listen, self.management) = (api, management);
        self
    }
}
