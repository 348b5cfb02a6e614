//! Parses delete entries that are stored as text.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

use super::KeyType;

/// The key of deleted rows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKey {
    /// An integer.
    Int64(i64),
    /// Text.
    VarChar(String),
}

/// The JSON form: `{"pk":1,"ts":470781178013286844,"pkType":5}`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonEntry {
    pk: RowKey,
    ts: u64,
    pk_type: i32,
}

/// Parses the JSON form, or `key,timestamp` of releases before 2.2, for keys of this type.
pub(super) fn parse(text: &[u8], key_type: KeyType) -> Result<(RowKey, u64), String> {
    let (key, time) = if text.first() == Some(&b'{') {
        let entry: JsonEntry = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let declared = match entry.pk_type {
            5 => KeyType::Int64,
            20 | 21 => KeyType::VarChar,
            other => return Err(format!("unknown key type {other}")),
        };
        if declared != key_type {
            return Err("a key of another type than the primary key".to_owned());
        }
        (entry.pk, entry.ts)
    } else {
        let text = str::from_utf8(text).map_err(|error| error.to_string())?;
        let (key, time) = text.split_once(',').ok_or("neither JSON nor a key and a timestamp")?;
        let key = key.parse().map_err(|_| "the key is not a number of 64 bits")?;
        (RowKey::Int64(key), time.parse().map_err(|_| "the timestamp is not a number of 64 bits")?)
    };
    match (&key, key_type) {
        (RowKey::Int64(_), KeyType::Int64) | (RowKey::VarChar(_), KeyType::VarChar) => Ok((key, time)),
        _ => Err("a key of another type than the primary key".to_owned()),
    }
}

impl<'de> Deserialize<'de> for RowKey {
    /// Reads a number exactly, which a detour over floating point would not.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl Visitor<'_> for KeyVisitor {
            type Value = RowKey;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a key: a number of 64 bits or text")
            }

            fn visit_i64<E: Error>(self, key: i64) -> Result<RowKey, E> {
                Ok(RowKey::Int64(key))
            }

            fn visit_u64<E: Error>(self, key: u64) -> Result<RowKey, E> {
                let key =
                    i64::try_from(key).map_err(|_| E::invalid_value(Unexpected::Unsigned(key), &self))?;
                Ok(RowKey::Int64(key))
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<RowKey, E> {
                Ok(RowKey::VarChar(key.to_owned()))
            }
        }

        deserializer.deserialize_any(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_are_parsed_exactly() {
        let int = |text: &str| parse(text.as_bytes(), KeyType::Int64);
        let json = format!(r#"{{"pk":{},"ts":{},"pkType":5}}"#, i64::MAX, u64::MAX);
        assert_eq!(int(&json), Ok((RowKey::Int64(i64::MAX), u64::MAX)));
        assert_eq!(
            int("-9007199254740993,470781178013286845"),
            Ok((RowKey::Int64(-9_007_199_254_740_993), 470_781_178_013_286_845))
        );
        let text = parse(br#"{"pk":"\u003c\u00e9\"","ts":1,"pkType":21}"#, KeyType::VarChar);
        assert_eq!(text, Ok((RowKey::VarChar("<é\"".to_owned()), 1)));
    }

    #[test]
    fn entries_that_say_something_else_are_refused() {
        for text in [
            "",
            "1",
            "1,",
            "1,2,3",
            "1.0,2",
            "99999999999999999999,2",
            r#"{"pk":1,"ts":2}"#,
            r#"{"pk":1.5,"ts":2,"pkType":5}"#,
            r#"{"pk":"1","ts":2,"pkType":5}"#,
            r#"{"pk":1,"ts":2,"pkType":21}"#,
            r#"{"pk":1,"ts":-2,"pkType":5}"#,
            r#"{"pk":1,"ts":2,"pkType":7}"#,
            r#"{"pk":9223372036854775808,"ts":2,"pkType":5}"#,
        ] {
            assert!(parse(text.as_bytes(), KeyType::Int64).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_without_panic(bytes: Vec<u8>) {
            drop(parse(&bytes, KeyType::Int64));
            drop(parse(&[b"{", &bytes[..]].concat(), KeyType::VarChar));
        }
    }
}
