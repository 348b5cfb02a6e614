//! The encoding of plain values: numbers, texts, bytes, and lists and maps of them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::codec::{Decode, Encode, Encoded, Object, decode_each};
use crate::ids::{CollectionId, FieldId, LogId, PartitionId, SegmentId, Tso};
use crate::manifest::{BackupFormat, ConsistencyLevel, DataType, LoadState, ManifestSummary};
use crate::segment::StorageVersion;

macro_rules! plain {
    ($($type:ty),+) => {$(
        impl Decode for $type {
            fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Self::deserialize(from)
            }
        }

        impl Encode for $type {
            fn is_zero(&self) -> bool {
                *self == Self::default()
            }

            fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.serialize(to)
            }
        }
    )+};
}
plain!(bool, i32, i64, u64, String);

macro_rules! newtype {
    ($($type:ident),+) => {$(
        impl Decode for $type {
            fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                Decode::decode(from).map(Self)
            }
        }

        impl Encode for $type {
            fn is_zero(&self) -> bool {
                self.0.is_zero()
            }

            fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                self.0.encode(to)
            }
        }
    )+};
}
newtype!(
    CollectionId,
    PartitionId,
    SegmentId,
    FieldId,
    LogId,
    Tso,
    DataType,
    ConsistencyLevel,
    StorageVersion
);

/// A zero value is read as `None`.
impl<T: Decode + PartialEq> Decode for Option<T> {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::decode(from).map(|value| (value != T::default()).then_some(value))
    }
}

impl<T: Encode> Encode for Option<T> {
    fn is_zero(&self) -> bool {
        self.as_ref().is_none_or(T::is_zero)
    }

    fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Some(value) => value.encode(to),
            None => to.serialize_none(),
        }
    }
}

/// Bytes are encoded as Base64 with the standard alphabet and padding.
impl Decode for Vec<u8> {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        BASE64.decode(String::deserialize(from)?).map_err(D::Error::custom)
    }
}

impl Encode for Vec<u8> {
    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64.encode(self))
    }
}

fn decode_list<'de, T: Decode, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    let mut list = Vec::new();
    decode_each(from, |element| list.push(element))?;
    list.shrink_to_fit();
    Ok(list)
}

macro_rules! list {
    ($(($($part:ident)?) $type:ty),+) => {$(
        impl $(<$part: Decode + Object>)? Decode for Vec<$type> {
            fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                decode_list(from)
            }
        }

        impl $(<$part: Encode + Object>)? Encode for Vec<$type> {
            fn is_zero(&self) -> bool {
                self.is_empty()
            }

            fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_seq(self.iter().map(Encoded))
            }
        }
    )+};
}
list!(() String, () i64, (T) T);

impl<T: Decode> Decode for BTreeMap<String, T> {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        super::codec::decode_object(from)
    }
}

impl<T: Decode> Object for BTreeMap<String, T> {
    fn read_entry<'de, A: serde::de::MapAccess<'de>>(
        &mut self,
        key: &str,
        map: &mut A,
    ) -> Result<(), A::Error> {
        self.insert(key.to_owned(), super::codec::read_value(map)?);
        Ok(())
    }
}

impl<T: Encode> Encode for BTreeMap<String, T> {
    fn is_zero(&self) -> bool {
        self.is_empty()
    }

    fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter().map(|(key, value)| (key, Encoded(value))))
    }
}

impl Decode for LoadState {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::decode(from).map(|word| Self::from_word(&word))
    }
}

impl Encode for LoadState {
    fn is_zero(&self) -> bool {
        false
    }

    fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl Decode for BackupFormat {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Ok(match String::decode(from)?.as_str() {
            "" => Self::Binlog,
            "snapshot" => Self::Snapshot,
            other => Self::Other(other.to_owned()),
        })
    }
}

impl Encode for BackupFormat {
    fn is_zero(&self) -> bool {
        *self == Self::Binlog
    }

    fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(match self {
            Self::Binlog => "",
            Self::Snapshot => "snapshot",
            Self::Other(other) => other,
        })
    }
}

/// A summary that cannot be read, such as one of a later version, counts as missing: it only saves `list` some work.
impl Decode for ManifestSummary {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(from)?;
        Ok(serde_json::from_value(value).unwrap_or_default())
    }
}

impl Encode for ManifestSummary {
    fn is_zero(&self) -> bool {
        *self == Self::default()
    }

    fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.serialize(to)
    }
}

/// A value that the caller does not need is skipped.
impl Decode for () {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(from).map(drop)
    }
}
