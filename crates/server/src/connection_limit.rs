//! The limits on concurrent connections, of all clients and of each one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::ServerLimits;

/// The shortest interval between two warnings about rejected connections.
const WARNING_INTERVAL: Duration = Duration::from_secs(10);

/// The connections of all listeners.
pub(super) struct ConnectionLimit {
    max: usize,
    max_per_client: usize,
    connections: Mutex<Connections>,
}

#[derive(Default)]
struct Connections {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
    /// The time of the last warning, and the connections that were rejected after it.
    warned: Option<Instant>,
    refused: usize,
}

impl ConnectionLimit {
    pub(super) fn new(limits: &ServerLimits) -> Arc<Self> {
        let (max, max_per_client) = (limits.max_connections, limits.max_connections_per_client);
        Arc::new(Self { max, max_per_client, connections: Mutex::default() })
    }

    /// Returns a permit for a connection of this client; `None` if a limit is reached.
    pub(super) fn acquire(self: &Arc<Self>, client: IpAddr) -> Option<ConnectionPermit> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        let from_client = connections.by_client.get(&client).copied().unwrap_or_default();
        if connections.all >= self.max || from_client >= self.max_per_client {
            connections.refused += 1;
            // Not for each connection: a flood of connections must not flood the log.
            if connections.warned.is_none_or(|warned| warned.elapsed() >= WARNING_INTERVAL) {
                let (open, refused) = (connections.all, std::mem::take(&mut connections.refused));
                tracing::warn!(%client, from_client, connections = open, refused, "too many connections; new ones are rejected");
                connections.warned = Some(Instant::now());
            }
            return None;
        }
        connections.all += 1;
        connections.by_client.insert(client, from_client + 1);
        Some(ConnectionPermit { limit: Arc::clone(self), client })
    }
}

/// The permit for one connection.
pub(super) struct ConnectionPermit {
    limit: Arc<ConnectionLimit>,
    client: IpAddr,
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut connections = self.limit.connections.lock().unwrap_or_else(PoisonError::into_inner);
        connections.all -= 1;
        if let Some(from_client) = connections.by_client.get_mut(&self.client) {
            *from_client -= 1;
            if *from_client == 0 {
                connections.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_cannot_use_all_connections() {
        let limit = Arc::new(ConnectionLimit { max: 5, max_per_client: 3, connections: Mutex::default() });
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let take = |client| limit.acquire(client);
        let mut held: Vec<_> = (0..10).filter_map(|_| take(one)).collect();
        assert_eq!(held.len(), 3);
        let others: Vec<_> = (0..10).filter_map(|_| take(other)).collect();
        assert_eq!(others.len(), 2);
        held.pop();
        assert!(take(other).is_some(), "a dropped permit is available again");
        drop((held, others));
        let connections = limit.connections.lock().unwrap();
        assert_eq!((connections.all, connections.by_client.len()), (0, 0));
    }
}
