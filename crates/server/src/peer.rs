//! The other end of a connection.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// The first half of an IPv6 address, which names the network.
const NETWORK: u128 = !(u64::MAX as u128);

/// The other end of a connection; an extension of each of its requests.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    /// The address of the peer.
    pub address: SocketAddr,
    /// The names in the client certificate; empty without one.
    pub names: Arc<[String]>,
}

impl Peer {
    /// Returns the address under which the peer is counted as one client.
    ///
    /// It is the network of an IPv6 address, because an IPv6 host has a network of addresses to itself.
    pub(super) fn client(&self) -> IpAddr {
        match self.address.ip() {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & NETWORK).into(),
            ip @ IpAddr::V4(_) => ip,
        }
    }
}

impl Default for Peer {
    fn default() -> Self {
        Self { address: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0), names: Arc::default() }
    }
}
