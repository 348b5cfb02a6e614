//! Parses JSON as Go's `encoding/json` does: keys of messages match in any case, unknown keys are ignored, `null` is a
//! missing value, the last of repeated keys counts, and data after the first value is ignored. Values of a wrong type
//! are errors.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor,
};
use serde::{Deserialize, Deserializer, forward_to_deserialize_any};
use serde_json::{Error, Number};

/// Parses a message into a struct whose fields all have defaults.
pub(super) fn from_slice<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    match Tree::deserialize(&mut serde_json::Deserializer::from_slice(body))? {
        tree @ Tree::Object(_) => T::deserialize(tree),
        _ => Err(Error::custom("expected an object")),
    }
}

/// JSON with its keys in their original order and case.
enum Tree {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Tree;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Bool(value))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Number(value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Number(value.into()))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Tree, E> {
                Number::from_f64(value).map(Tree::Number).ok_or_else(|| E::custom("no number"))
            }

            fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
                Ok(Tree::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = list.next_element()? {
                    elements.push(element);
                }
                Ok(Tree::List(elements))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Tree::Object(entries))
            }
        }
        from.deserialize_any(Any)
    }
}

impl IntoDeserializer<'_, Error> for Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Number(number) => number.deserialize_any(visitor),
            Self::Text(text) => visitor.visit_string(text),
            Self::List(elements) => visitor.visit_seq(SeqDeserializer::new(elements.into_iter())),
            Self::Object(entries) => visitor.visit_map(MapDeserializer::new(entries.into_iter())),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_none(),
            given => visitor.visit_some(given),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_str(""),
            given => given.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let entries = match self {
            Self::Null => Vec::new(),
            Self::Object(entries) => entries,
            // serde would accept a list too.
            _ => return Err(Error::custom("expected an object")),
        };
        visitor.visit_map(Fields { given: known(entries, fields).into_iter(), current: None })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Returns the given fields by their declared names, each once.
fn known(entries: Vec<(String, Tree)>, fields: &'static [&'static str]) -> Vec<(&'static str, Tree)> {
    let mut given: Vec<(&'static str, Tree)> = Vec::new();
    for (key, value) in entries {
        let exact = fields.iter().find(|field| **field == key);
        let folded = || fields.iter().find(|field| field.eq_ignore_ascii_case(&key));
        if let Some(field) = exact.or_else(folded) {
            given.retain(|(earlier, _)| earlier != field);
            if !matches!(value, Tree::Null) {
                given.push((field, value));
            }
        }
    }
    given
}

/// The fields of a struct; errors about a value start with the name of its field.
struct Fields {
    given: std::vec::IntoIter<(&'static str, Tree)>,
    current: Option<(&'static str, Tree)>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.current = self.given.next();
        self.current.as_ref().map(|(name, _)| seed.deserialize((*name).into_deserializer())).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let (name, value) = self.current.take().ok_or_else(|| Error::custom("no value"))?;
        seed.deserialize(value).map_err(|error| Error::custom(format!("{name}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Message {
        #[serde(rename = "requestId")]
        id: String,
        on: bool,
        number: i32,
        names: Vec<String>,
        inner: Option<Inner>,
        map: BTreeMap<String, Inner>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default)]
    struct Inner {
        name: String,
    }

    fn read(json: &str) -> Result<Message, String> {
        from_slice(json.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn keys_match_without_case_and_the_last_counts() {
        let wanted = Message { id: "b".to_owned(), on: true, ..Message::default() };
        for json in [
            r#"{"requestId":"b","on":true}"#,
            r#"{"REQUESTID":"b","On":true,"other":{"on":1}}"#,
            r#"{"requestid":"a","on":false,"requestId":"b","ON":true}"#,
            r#"{"requestId":"b","on":true} and more"#,
        ] {
            assert_eq!(read(json).as_ref(), Ok(&wanted), "{json}");
        }
    }

    #[test]
    fn null_is_a_missing_value_everywhere() {
        assert_eq!(
            read(r#"{"requestId":null,"on":null,"number":null,"names":null,"inner":null,"map":null}"#),
            Ok(Message::default())
        );
        let read = read(r#"{"names":["a",null],"map":{"x":null,"Y":{"NAME":null}},"inner":{}}"#).unwrap();
        assert_eq!(read.names, ["a", ""]);
        assert_eq!(read.map.keys().collect::<Vec<_>>(), ["Y", "x"], "keys of maps keep their case");
        assert_eq!(read.inner, Some(Inner::default()));
    }

    #[test]
    fn wrong_types_are_named() {
        for (json, word) in [
            (r#"{"on":"true"}"#, "on: "),
            (r#"{"number":1.5}"#, "number: "),
            (r#"{"number":1.0}"#, "number: "),
            (r#"{"number":2147483648}"#, "number: "),
            (r#"{"names":{}}"#, "names: "),
            (r#"{"inner":{"name":1}}"#, "inner: name: "),
            (r#"{"inner":[]}"#, "inner: "),
            ("[]", "an object"),
            ("null", "an object"),
            ("", "EOF"),
            (r#"{"on": "#, "EOF"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(word), "{json}: {error}");
        }
    }
}
