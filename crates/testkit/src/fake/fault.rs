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
    /// The user lacks the privilege for a call; this fault stays.
    Denied {
        /// The call.
        call: &'static str,
    },
    /// A partition is dropped just before a call is served.
    PartitionVanishes {
        /// A collection of the database `default`.
        collection: String,
        /// The partition.
        partition: String,
        /// The call, about this collection or another.
        before: &'static str,
    },
    /// Somebody writes rows just before a call is served. They are in a growing segment, which no list holds, but parts
    /// of it are on the store already, so that the statistics count them.
    Written {
        /// A collection of the database `default`.
        collection: String,
        /// How many.
        rows: u64,
        /// The call, about this collection or another.
        before: &'static str,
    },
    /// A call is answered that what it asks about does not exist, although it does: a segment for
    /// `GetPersistentSegmentInfo` (as while compaction replaces it), the job for `GetImportState`, the database for
    /// `ShowCollections`, else the collection.
    NotFound {
        /// The call.
        call: &'static str,
        /// How often.
        times: u32,
    },
    /// The newest segment is missing in a list.
    SegmentUnlisted {
        /// The collection.
        collection: String,
        /// How often.
        times: u32,
    },
    /// The statistics count rows that no segment holds.
    CountsMore {
        /// The collection.
        collection: String,
        /// How many.
        rows: u64,
        /// How often.
        times: u32,
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
                | Fault::NotFound { times: left, .. }
                | Fault::SegmentUnlisted { times: left, .. }
                | Fault::CountsMore { times: left, .. },
            ) => {
                *left = left.saturating_sub(1);
                *left
            }
            _ => 0,
        };
        if left == 0 { Some(self.0.remove(at)) } else { self.0.get(at).cloned() }
    }

    /// Whether the user lacks the privilege for a call.
    pub(super) fn denies(&self, call: &str) -> bool {
        self.0.iter().any(|fault| matches!(fault, Fault::Denied { call: denied } if *denied == call))
    }

    /// Whether a call is answered that what it asks about does not exist; takes it.
    pub(super) fn denies_existence(&mut self, call: &str) -> bool {
        self.take(|fault| matches!(fault, Fault::NotFound { call: denied, .. } if *denied == call)).is_some()
    }

    /// Whether this very fault still waits; takes it.
    pub(super) fn happens(&mut self, fault: &Fault) -> bool {
        self.take(|each| each == fault).is_some()
    }
}
