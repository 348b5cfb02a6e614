//! Things that go wrong on purpose.

/// Something that goes wrong; each happens once, or as often as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is refused because of a rate limit.
    RateLimited {
        /// The call, e.g. `Flush`.
        call: &'static str,
        /// How often.
        times: u32,
    },
    /// The call ends in gRPC's UNAVAILABLE, without having been done.
    Unavailable {
        /// The call.
        call: &'static str,
        /// How often.
        times: u32,
    },
    /// The call is never answered.
    Hangs {
        /// The call.
        call: &'static str,
    },
    /// The collection is dropped just before a call is served.
    CollectionVanishes {
        /// A collection of the database `default`.
        collection: String,
        /// The call, about this collection or another.
        before: &'static str,
    },
    /// The database is dropped, with what it holds, just before a call is served.
    DatabaseVanishes {
        /// The database.
        database: String,
        /// The call, about this database or another.
        before: &'static str,
    },
    /// Compaction replaces the collection's segments, and their files, just after they were listed.
    Compacted {
        /// A collection of the database `default`.
        collection: String,
    },
    /// A flush takes this many looks at its state.
    SlowFlush {
        /// How many looks answer that it is not done.
        looks: u32,
    },
    /// The next import job fails with this reason.
    ImportFails(String),
    /// The next import job begins and never ends.
    ImportStuck,
    /// The next import job completes without rows, as if its files could not be read.
    ImportEmpty,
    /// A management route answers 500.
    ManagementFails,
}

/// The faults that are still to happen.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self(faults)
    }

    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Takes the first fault of a kind; counted ones stay until they are used up.
    pub(super) fn take(&mut self, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let at = self.0.iter().position(wanted)?;
        let left = match self.0.get_mut(at) {
            Some(
                Fault::RateLimited { times: left, .. }
                | Fault::Unavailable { times: left, .. }
                | Fault::SlowFlush { looks: left },
            ) => {
                *left = left.saturating_sub(1);
                *left
            }
            _ => 0,
        };
        if left == 0 { Some(self.0.remove(at)) } else { self.0.get(at).cloned() }
    }

    /// Whether this very fault still waits; takes it.
    pub(super) fn happens(&mut self, fault: &Fault) -> bool {
        self.take(|each| each == fault).is_some()
    }
}
