//! Types for Milvus's identifiers. Special values of Milvus's protocol (-1, 0) are converted where messages are parsed.

use std::fmt;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}

id! {
    /// Identifies a collection within one Milvus instance.
    CollectionId,
    /// Identifies a partition within one Milvus instance.
    PartitionId,
    /// Identifies a segment within one Milvus instance.
    SegmentId,
    /// Identifies a field within a schema; 0 is the row id, 1 the timestamp, user fields start at 100.
    FieldId,
    /// Identifies one binlog file; unique within one Milvus instance.
    LogId,
}

impl FieldId {
    /// The system field with the row ids.
    pub const ROW_ID: Self = Self(0);
    /// The system field with the timestamps of the rows.
    pub const TIMESTAMP: Self = Self(1);
    /// The smallest id of a field that a user has declared.
    pub const FIRST_USER_FIELD: Self = Self(100);
}

/// Identifies one file of a segment: an insert binlog of a field, or a delta log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// The segment that the file belongs to.
    pub segment: SegmentId,
    /// The field of an insert binlog; `None` for a delta log.
    pub field: Option<FieldId>,
    /// The id of the file.
    pub log: LogId,
}

/// The partitions that a segment belongs to: one, or all of its collection (L0 segments).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartitionScope {
    /// All partitions of the collection; Milvus writes -1 in messages and paths.
    All,
    /// Only the partition with this id.
    One(PartitionId),
}

impl PartitionScope {
    /// Returns the number that Milvus uses in messages and paths.
    pub const fn to_wire(self) -> i64 {
        match self {
            Self::All => -1,
            Self::One(id) => id.0,
        }
    }

    /// Converts the number that Milvus uses in messages and paths.
    pub const fn from_wire(raw: i64) -> Self {
        if raw == -1 { Self::All } else { Self::One(PartitionId(raw)) }
    }
}

/// A hybrid timestamp: physical milliseconds since 1970 shifted left by 18, plus a logical counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tso(pub u64);

impl Tso {
    /// Returns the physical time in milliseconds since 1970.
    pub const fn milliseconds(self) -> i64 {
        (self.0 >> LOGICAL_BITS).cast_signed()
    }

    /// Returns the first timestamp of the same millisecond.
    #[must_use]
    pub const fn without_counter(self) -> Self {
        Self(self.0 >> LOGICAL_BITS << LOGICAL_BITS)
    }

    /// Returns the physical time in seconds since 1970.
    pub const fn seconds(self) -> i64 {
        self.milliseconds() / 1000
    }
}

/// The number of bits of the logical counter.
const LOGICAL_BITS: u32 = 18;
