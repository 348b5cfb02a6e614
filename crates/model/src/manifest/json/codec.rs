//! The encoding of the Go releases: plain JSON of their messages, without zero values.
//!
//! When reading, unknown keys are ignored, keys match regardless of case, the last duplicate is used, and `null` means
//! a missing value; quoted and invalid numbers are errors. When writing, zero values are omitted, except those of keys
//! that are marked `always`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A value that can be read; a missing value means the default.
pub(super) trait Decode: Default {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error>;
}

/// A value that can be written, unless it is zero.
pub(super) trait Encode {
    /// Returns whether the value is omitted.
    fn is_zero(&self) -> bool;
    fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error>;
}

impl<T: Encode> Encode for &T {
    fn is_zero(&self) -> bool {
        T::is_zero(self)
    }

    fn encode<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        T::encode(self, to)
    }
}

/// A JSON object that is read key by key.
pub(super) trait Object: Default {
    /// Reads the value of one key, or ignores the value of an unknown key.
    fn read_entry<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Declares the keys of an object once for reading and writing; `legacy` keys are only read, with a setter function.
macro_rules! object {
    ($type:ident $(<$($part:ident),+>)? {
        $($key:literal $($always:ident)? => $field:ident $(. $part_of:ident)?),+ $(,)?
    } $(legacy { $($old:literal => $set:path),+ })?) => {
        impl $(<$($part: super::codec::Decode),+>)? super::codec::Object for $type $(<$($part),+>)? {
            fn read_entry<'de, Source: ::serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut Source,
            ) -> Result<(), Source::Error> {
                $(if key.eq_ignore_ascii_case($key) {
                    self.$field $(.$part_of)? = super::codec::read_value(map)?;
                    return Ok(());
                })+
                $($(if key.eq_ignore_ascii_case($old) {
                    $set(self, super::codec::read_value(map)?);
                    return Ok(());
                })+)?
                super::codec::skip_value(map)
            }
        }
        impl $(<$($part: super::codec::Decode),+>)? super::codec::Decode for $type $(<$($part),+>)? {
            fn decode<'de, Source: ::serde::Deserializer<'de>>(
                from: Source,
            ) -> Result<Self, Source::Error> {
                super::codec::decode_object(from)
            }
        }
        impl $(<$($part: super::codec::Encode),+>)? super::codec::Encode for $type $(<$($part),+>)? {
            fn is_zero(&self) -> bool {
                false
            }

            fn encode<Sink: ::serde::Serializer>(&self, to: Sink) -> Result<Sink::Ok, Sink::Error> {
                let mut map = ::serde::ser::Serializer::serialize_map(to, None)?;
                $(super::codec::write_entry(
                    &mut map,
                    $key,
                    &self.$field $(.$part_of)?,
                    !<[&str]>::is_empty(&[$(stringify!($always))?]),
                )?;)+
                ::serde::ser::SerializeMap::end(map)
            }
        }
    };
}
pub(super) use object;

/// Reads the value of the current key; `null` means a missing value.
pub(super) fn read_value<'de, T: Decode, A: MapAccess<'de>>(map: &mut A) -> Result<T, A::Error> {
    map.next_value_seed(Value(PhantomData))
}

/// Skips the value of the current key.
pub(super) fn skip_value<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// Writes a key with its value, unless the value is zero and `always` is false.
pub(super) fn write_entry<M: SerializeMap, T: Encode>(
    map: &mut M,
    key: &str,
    value: &T,
    always: bool,
) -> Result<(), M::Error> {
    if always || !value.is_zero() { map.serialize_entry(key, &Encoded(value)) } else { Ok(()) }
}

/// Adapter with which serde writes an [`Encode`] value.
pub(super) struct Encoded<T>(pub(super) T);

impl<T: Encode> Serialize for Encoded<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.encode(to)
    }
}

/// Adapter with which serde reads a [`Decode`] value or `null`.
struct Value<T>(PhantomData<T>);

impl<'de, T: Decode> DeserializeSeed<'de> for Value<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        from.deserialize_option(self)
    }
}

impl<'de, T: Decode> Visitor<'de> for Value<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        T::decode(from)
    }
}

/// Reads a JSON object key by key.
pub(super) fn decode_object<'de, T: Object, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    struct Keys<T>(PhantomData<T>);

    impl<'de, T: Object> Visitor<'de> for Keys<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
            let mut object = T::default();
            let mut key = String::new();
            while map.next_key_seed(Key(&mut key))?.is_some() {
                object.read_entry(&key, &mut map)?;
            }
            Ok(object)
        }
    }
    from.deserialize_map(Keys(PhantomData))
}

/// Reads a key into a buffer that all keys share: a backup has three keys for each of its files.
struct Key<'b>(&'b mut String);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<(), E> {
        self.0.clear();
        self.0.push_str(key);
        Ok(())
    }
}

/// Reads a list and passes each element to `each`, which may store only a part of it.
pub(super) fn decode_each<'de, T: Decode, D: Deserializer<'de>>(
    from: D,
    each: impl FnMut(T),
) -> Result<(), D::Error> {
    struct Elements<T, F>(F, PhantomData<T>);

    impl<'de, T: Decode, F: FnMut(T)> Visitor<'de> for Elements<T, F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
            while let Some(element) = list.next_element_seed(Value(PhantomData))? {
                self.0(element);
            }
            Ok(())
        }
    }
    from.deserialize_seq(Elements(each, PhantomData))
}
