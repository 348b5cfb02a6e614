//! Faults: failures and concurrent changes that a test injects.

/// A failure or a concurrent change; each happens once, or as many times as it states.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call is rejected because of a rate limit.
    RateLimited {
        /// The name of the call, e.g. `Flush`.
        call: &'static str,
        /// The number of times that the fault happens.
        times: u32,
    },
    /// The call fails with the gRPC status UNAVAILABLE and has no effect.
    Unavailable {
        /// The name of the call.
        call: &'static str,
        /// The number of times that the fault happens.
        times: u32,
    },
    /// The call is executed, but is answered with the gRPC status UNAVAILABLE, once.
    AnswerLost {
        /// The name of the call.
        call: &'static str,
    },
    /// The next request for an import is executed after the one that follows it.
    ImportArrivesLate,
    /// The call never gets a reply.
    Hangs {
        /// The name of the call.
        call: &'static str,
    },
    /// A collection is dropped just before a call is served.
    CollectionVanishes {
        /// The name of a collection in the database `default`.
        collection: String,
        /// The name of the call, which may concern another collection.
        before: &'static str,
    },
    /// A database is dropped with its collections just before a call is served.
    DatabaseVanishes {
        /// The name of the database.
        database: String,
        /// The name of the call, which may concern another database.
        before: &'static str,
    },
    /// Compaction replaces the collection's segments and their files just after the segments were listed.
    Compacted {
        /// The name of a collection in the database `default`.
        collection: String,
    },
    /// Compaction replaces the collection's segments just after the segments were listed; the old files stay.
    CompactedKeepingFiles {
        /// The name of a collection in the database `default`.
        collection: String,
    },
    /// The user lacks the privilege for a call; this fault is permanent.
    Denied {
        /// The name of the call.
        call: &'static str,
    },
    /// A partition is dropped just before a call is served.
    PartitionVanishes {
        /// The name of a collection in the database `default`.
        collection: String,
        /// The name of the partition.
        partition: String,
        /// The name of the call, which may concern another collection.
        before: &'static str,
    },
    /// A client writes rows just before a call is served. They are in a growing segment, which is not listed, but parts
    /// of it are in the store already, so that the statistics count them.
    Written {
        /// The name of a collection in the database `default`.
        collection: String,
        /// The number of additional rows.
        rows: u64,
        /// The name of the call, which may concern another collection.
        before: &'static str,
    },
    /// A call fails because an existing object is reported as missing: a segment for `GetPersistentSegmentInfo` (as while
    /// compaction replaces it), the job for `GetImportState`, the database for `ShowCollections`, otherwise the
    /// collection.
    NotFound {
        /// The name of the call.
        call: &'static str,
        /// The number of times that the fault happens.
        times: u32,
    },
    /// One segment is missing in a list of segments, another one each time.
    SegmentUnlisted {
        /// The name of the collection, in any database.
        collection: String,
        /// The number of times that the fault happens.
        times: u32,
    },
    /// The statistics count rows that no segment contains.
    CountsMore {
        /// The name of the collection, in any database.
        collection: String,
        /// The number of additional rows.
        rows: u64,
        /// The number of times that the fault happens.
        times: u32,
    },
    /// An import of another client is not finished: the list contains its segment, and the statistics count its rows;
    /// this fault is permanent.
    OtherImport {
        /// The name of the collection, in any database.
        collection: String,
        /// The rows of the segment.
        rows: u64,
    },
    /// The next import job fails with this reason.
    ImportFails(String),
    /// The next import job starts and never finishes.
    ImportStuck,
    /// The next import job completes without rows, as if its files could not be read.
    ImportEmpty,
    /// The next export or restore of a snapshot fails with this reason after it started.
    SnapshotJobFails(String),
    /// The next export or restore of a snapshot starts and never finishes.
    SnapshotJobStuck,
    /// A management route replies with status 500.
    ManagementFails,
}

/// The faults that have not happened yet.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn new(faults: Vec<Fault>) -> Self {
        Self(faults)
    }

    pub(super) fn add_fault(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Removes and returns the first fault that `wanted` accepts; a fault that happens several times is removed at its
    /// last time.
    pub(super) fn take_first(&mut self, wanted: impl Fn(&Fault) -> bool) -> Option<Fault> {
        let at = self.0.iter().position(wanted)?;
        let remaining = match self.0.get_mut(at) {
            Some(
                Fault::RateLimited { times: remaining, .. }
                | Fault::Unavailable { times: remaining, .. }
                | Fault::NotFound { times: remaining, .. }
                | Fault::SegmentUnlisted { times: remaining, .. }
                | Fault::CountsMore { times: remaining, .. },
            ) => {
                *remaining = remaining.saturating_sub(1);
                *remaining
            }
            _ => 0,
        };
        if remaining == 0 { Some(self.0.remove(at)) } else { self.0.get(at).cloned() }
    }

    /// Returns whether the user lacks the privilege for a call.
    pub(super) fn denies(&self, call: &str) -> bool {
        self.0.iter().any(|fault| matches!(fault, Fault::Denied { call: denied } if *denied == call))
    }

    /// Returns the rows of an unfinished import of another client into a collection.
    pub(super) fn other_import(&self, name: &str) -> Option<u64> {
        self.0.iter().find_map(|fault| match fault {
            Fault::OtherImport { collection, rows } if collection == name => Some(*rows),
            _ => None,
        })
    }

    /// Takes a [`Fault::NotFound`] for a call; returns whether there was one.
    pub(super) fn take_not_found(&mut self, call: &str) -> bool {
        self.take_first(|fault| matches!(fault, Fault::NotFound { call: denied, .. } if *denied == call))
            .is_some()
    }

    /// Takes a fault that equals `fault`; returns whether there was one.
    pub(super) fn take_equal(&mut self, fault: &Fault) -> bool {
        self.take_first(|each| each == fault).is_some()
    }
}
