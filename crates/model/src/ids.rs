//! Milvus's identifiers as types; the wire's sentinels (-1, 0) stay at the wire.

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
    /// The system field that holds row ids.
    pub const ROW_ID: Self = Self(0);
    /// The system field that holds row timestamps.
    pub const TIMESTAMP: Self = Self(1);
}

/// Tells whether something belongs to one partition or to all of a collection (L0 deletes).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartitionScope {
    /// All partitions; -1 on the wire and in paths.
    All,
    /// One partition.
    One(PartitionId),
}

impl PartitionScope {
    /// The number Milvus uses on the wire and in paths.
    pub const fn wire(self) -> i64 {
        match self {
            Self::All => -1,
            Self::One(id) => id.0,
        }
    }

    /// Reads the number Milvus uses on the wire and in paths.
    pub const fn from_wire(raw: i64) -> Self {
        if raw == -1 { Self::All } else { Self::One(PartitionId(raw)) }
    }
}

/// A hybrid timestamp: physical milliseconds since 1970 shifted left by 18, plus a logical counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tso(pub u64);

impl Tso {
    /// Milliseconds since 1970 (UTC).
    pub const fn physical_ms(self) -> u64 {
        self.0 >> 18
    }
}
