//! Places for connections: so many in all, and so many of one client.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Limits;

/// How often it is told that places ran out.
const TOLD: Duration = Duration::from_secs(10);

/// The places of all listeners.
pub(super) struct Places {
    most: usize,
    most_of_one: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
    /// When it was last told that there were none left, and how many were refused since.
    told: Option<Instant>,
    refused: usize,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Arc<Self> {
        let (most, most_of_one) = (limits.max_connections, limits.max_connections_per_client);
        Arc::new(Self { most, most_of_one, taken: Mutex::default() })
    }

    /// A place for a connection of this client, if one is left; it is given back when it is dropped.
    pub(super) fn take(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let of_client = taken.by_client.get(&client).copied().unwrap_or_default();
        if taken.all >= self.most || of_client >= self.most_of_one {
            taken.refused += 1;
            // Not each of them: a flood of connections shall not be one of lines.
            if taken.told.is_none_or(|told| told.elapsed() >= TOLD) {
                let (connections, refused) = (taken.all, std::mem::take(&mut taken.refused));
                tracing::warn!(%client, of_client, connections, refused, "too many connections; those beyond are refused");
                taken.told = Some(Instant::now());
            }
            return None;
        }
        taken.all += 1;
        taken.by_client.insert(client, of_client + 1);
        Some(Place { places: Arc::clone(self), client })
    }
}

/// A place that is taken.
pub(super) struct Place {
    places: Arc<Places>,
    client: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(of_client) = taken.by_client.get_mut(&self.client) {
            *of_client -= 1;
            if *of_client == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_client_cannot_take_the_places_of_all() {
        let places = Arc::new(Places { most: 5, most_of_one: 3, taken: Mutex::default() });
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let take = |client| places.take(client);
        let mut held: Vec<_> = (0..10).filter_map(|_| take(one)).collect();
        assert_eq!(held.len(), 3);
        let others: Vec<_> = (0..10).filter_map(|_| take(other)).collect();
        assert_eq!(others.len(), 2);
        held.pop();
        assert!(take(other).is_some(), "a place that was given back is free");
        drop((held, others));
        let taken = places.taken.lock().unwrap();
        assert_eq!((taken.all, taken.by_client.len()), (0, 0));
    }
}
