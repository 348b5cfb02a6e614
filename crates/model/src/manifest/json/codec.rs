//! The encoding of the Go releases: plain JSON over their messages, zero values left out.
//!
//! Reading: unknown keys are passed over, keys match without regard to case, the last duplicate wins, `null` is a
//! missing value; quoted or broken numbers are errors. Writing: zero values are omitted but for keys marked `always`.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A value that can be read; its default is what a missing one means.
pub(super) trait Decode: Default {
    fn decode<'de, D: Deserializer<'de>>(from: D) -> Result<Self, D::Error>;
}

/// A value that can be written.
pub(super) trait Encode {
    /// Whether it is left out.
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

/// A JSON object, read key by key.
pub(super) trait Object: Default {
    /// Takes the value of one key, or passes over it.
    fn take<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Declares the keys of an object once, for reading and writing; `legacy` keys are only read.
macro_rules! object {
    ($type:ident $(<$($part:ident),+>)? {
        $($key:literal $($always:ident)? => $field:ident),+ $(,)?
    } $(legacy { $($old:literal => $take:path),+ })?) => {
        impl $(<$($part: super::codec::Decode),+>)? super::codec::Object for $type $(<$($part),+>)? {
            fn take<'de, Source: ::serde::de::MapAccess<'de>>(
                &mut self,
                key: &str,
                map: &mut Source,
            ) -> Result<(), Source::Error> {
                $(if key.eq_ignore_ascii_case($key) {
                    self.$field = super::codec::value(map)?;
                    return Ok(());
                })+
                $($(if key.eq_ignore_ascii_case($old) {
                    $take(self, super::codec::value(map)?);
                    return Ok(());
                })+)?
                super::codec::pass(map)
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
                $(super::codec::entry(
                    &mut map,
                    $key,
                    &self.$field,
                    !<[&str]>::is_empty(&[$(stringify!($always))?]),
                )?;)+
                ::serde::ser::SerializeMap::end(map)
            }
        }
    };
}
pub(super) use object;

/// Reads the value of the current key; `null` means a missing one.
pub(super) fn value<'de, T: Decode, A: MapAccess<'de>>(map: &mut A) -> Result<T, A::Error> {
    map.next_value_seed(Value(PhantomData))
}

/// Passes over the value of the current key.
pub(super) fn pass<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    map.next_value::<IgnoredAny>().map(drop)
}

/// Writes a key unless its value is zero.
pub(super) fn entry<M: SerializeMap, T: Encode>(
    map: &mut M,
    key: &str,
    value: &T,
    always: bool,
) -> Result<(), M::Error> {
    if always || !value.is_zero() { map.serialize_entry(key, &Encoded(value)) } else { Ok(()) }
}

/// Lets serde write a value of ours.
pub(super) struct Encoded<T>(pub(super) T);

impl<T: Encode> Serialize for Encoded<T> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.encode(to)
    }
}

/// Lets serde read a value of ours, or `null`.
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

/// Reads an object.
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
                object.take(&key, &mut map)?;
            }
            Ok(object)
        }
    }
    from.deserialize_map(Keys(PhantomData))
}

/// Reads a key into a buffer that is used again and again: there are three keys a file of a backup.
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

/// Reads a list element by element, so that `each` may keep less than what it is given.
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
