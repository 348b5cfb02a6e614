//! Parses a configuration file (YAML or JSON) into flat keys.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

/// The values of a configuration file by lower-case dotted key.
///
/// Not `Debug`, because values may be secrets.
#[derive(Default)]
pub(super) struct Document {
    entries: BTreeMap<String, Entry>,
    sections: BTreeMap<String, u64>,
}

/// One key with a value.
pub(super) struct Entry {
    /// The key as in the file.
    pub key: String,
    /// The line of the key, counted from 1.
    pub line: u64,
    pub item: Item,
}

/// A value. Scalars keep their text in the file, so that `0123` remains `0123`.
#[derive(Clone)]
pub(super) enum Item {
    /// The text of one scalar.
    Scalar(String),
    /// A list of scalars.
    List(Vec<String>),
}

/// The reason why a file is not a YAML mapping of keys to scalars and lists.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub(super) struct DocumentError {
    /// The line if it is known, counted from 1.
    pub line: Option<u64>,
    /// What is wrong, in words; does not quote the file.
    pub reason: String,
}

impl DocumentError {
    fn at(line: u64, reason: impl Into<String>) -> Self {
        Self { line: (line > 0).then_some(line), reason: reason.into() }
    }
}

impl Document {
    /// Parses the text of a file. Keys with a null value count as absent.
    pub(super) fn parse(text: &str) -> Result<Self, DocumentError> {
        // A snippet could contain a password.
        let options = serde_saphyr::options! { with_snippet: false };
        let root: Option<Spanned<Node>> =
            serde_saphyr::from_str_with_options(text, options).map_err(|error| {
                let line = error.location().map_or(0, |place| place.line());
                DocumentError::at(line, reason_of(&error))
            })?;
        let mut document = Self::default();
        match root {
            None => {}
            Some(root) => match root.value {
                Node::Null => {}
                Node::Map(fields) => document.take(text, "", fields)?,
                Node::Text(_) | Node::Typed | Node::List(_) => {
                    return Err(DocumentError::at(
                        root.referenced.line(),
                        "expected keys with values (`milvus:` …)",
                    ));
                }
            },
        }
        Ok(document)
    }

    /// The entry of a key, which must be in lower case.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The line of a section (a key with keys below it), which must be in lower case.
    pub(super) fn section(&self, key: &str) -> Option<u64> {
        self.sections.get(key).copied()
    }

    /// All entries with their lower-case keys.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), entry))
    }

    fn take(&mut self, text: &str, above: &str, fields: Vec<Field>) -> Result<(), DocumentError> {
        for Field { name, node } in fields {
            let line = name.referenced.line();
            let key = if above.is_empty() { name.value } else { format!("{above}.{}", name.value) };
            let item = match node.value {
                Node::Null => continue,
                Node::Map(fields) => {
                    self.sections.insert(key.to_lowercase(), line);
                    self.take(text, &key, fields)?;
                    continue;
                }
                Node::List(items) => Item::List(
                    items
                        .into_iter()
                        .map(|item| scalar(text, item).map_err(|line| not_scalar(line, &key)))
                        .collect::<Result<_, _>>()?,
                ),
                Node::Text(_) | Node::Typed => {
                    Item::Scalar(scalar(text, node).map_err(|line| not_scalar(line, &key))?)
                }
            };
            let lower = key.to_lowercase();
            if let Some(first) = self.entries.get(&lower) {
                let reason = format!("{key} is also set in line {} (keys are case-insensitive)", first.line);
                return Err(DocumentError::at(line, reason));
            }
            self.entries.insert(lower, Entry { key, line, item });
        }
        Ok(())
    }
}

fn not_scalar(line: u64, key: &str) -> DocumentError {
    DocumentError::at(line, format!("{key}: expected a plain value"))
}

/// The text of a scalar, or the line of a node that is not a scalar.
fn scalar(text: &str, node: Spanned<Node>) -> Result<String, u64> {
    match node.value {
        Node::Text(value) => Ok(value),
        Node::Typed => {
            let span = node.defined.span();
            span.byte_offset()
                .zip(span.byte_len())
                .and_then(|(start, len)| {
                    let start = usize::try_from(start).ok()?;
                    text.get(start..start.checked_add(usize::try_from(len).ok()?)?)
                })
                .map(|raw| raw.trim().to_owned())
                .ok_or(node.referenced.line())
        }
        Node::Null | Node::List(_) | Node::Map(_) => Err(node.referenced.line()),
    }
}

/// The first line of the parser's message, without the position.
fn reason_of(error: &serde_saphyr::Error) -> String {
    let message = error.without_snippet().to_string();
    let first = message.lines().next().unwrap_or_default();
    let first = first.strip_prefix("error: ").unwrap_or(first);
    let first = first.split(", set DuplicateKeyPolicy").next().unwrap_or(first);
    match first.split_once(": ") {
        Some((place, rest)) if place.starts_with("line ") => rest.to_owned(),
        _ => first.split(" at line ").next().unwrap_or(first).to_owned(),
    }
}

struct Field {
    name: Spanned<String>,
    node: Spanned<Node>,
}

enum Node {
    Null,
    Text(String),
    /// A number or boolean, whose text is taken from the file.
    Typed,
    List(Vec<Spanned<Node>>),
    Map(Vec<Field>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or keys with values")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
        Ok(Node::Typed)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
        Ok(Node::Typed)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
        Ok(Node::Typed)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
        Ok(Node::Typed)
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, node)) = map.next_entry()? {
            fields.push(Field { name, node });
        }
        Ok(Node::Map(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalar_of(document: &Document, key: &str) -> String {
        match document.get(key).map(|entry| &entry.item) {
            Some(Item::Scalar(text)) => text.clone(),
            Some(Item::List(items)) => items.join("|"),
            None => "(absent)".to_owned(),
        }
    }

    #[test]
    fn scalars_keep_their_text_and_keys_ignore_case() {
        let text = "Milvus:\n  PORT: 19530\n  password: 0123\n  user: 1e3\n  a: yes\n  b: ~\n  c: ''\n  d: \"x y\"\n  e: -1.50 # note\n  f: 0x1F\n  list: [a, 2, \"c\"]\n";
        let document = Document::parse(text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(scalar_of(&document, "milvus.port"), "19530");
        assert_eq!(scalar_of(&document, "milvus.password"), "0123");
        assert_eq!(scalar_of(&document, "milvus.user"), "1e3");
        assert_eq!(scalar_of(&document, "milvus.a"), "yes");
        assert_eq!(scalar_of(&document, "milvus.b"), "(absent)");
        assert_eq!(scalar_of(&document, "milvus.c"), "");
        assert_eq!(scalar_of(&document, "milvus.d"), "x y");
        assert_eq!(scalar_of(&document, "milvus.e"), "-1.50");
        assert_eq!(scalar_of(&document, "milvus.f"), "0x1F");
        assert_eq!(scalar_of(&document, "milvus.list"), "a|2|c");
        let entry = document.get("milvus.port").unwrap();
        assert_eq!((entry.key.as_str(), entry.line), ("Milvus.PORT", 2));
        assert_eq!(document.section("milvus"), Some(1));
    }

    #[test]
    fn json_is_read_too() {
        let text = "{\n\t\"milvus\": {\n\t\t\"port\": 19531, \"user\": \"ä\\u00e9\", \"x\": null, \"tls\": true\n\t}\n}\n";
        let document = Document::parse(text).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(scalar_of(&document, "milvus.port"), "19531");
        assert_eq!(scalar_of(&document, "milvus.user"), "äé");
        assert_eq!(scalar_of(&document, "milvus.tls"), "true");
        assert_eq!(document.get("milvus.port").unwrap().line, 3);
    }

    #[test]
    fn aliases_and_empty_files_are_fine() {
        let document = Document::parse("a: &x 12\nb: *x\n").unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(scalar_of(&document, "b"), "12");
        for empty in ["", "\n", "# nothing\n", "---\n", "~"] {
            assert_eq!(Document::parse(empty).unwrap_or_else(|e| panic!("{e}")).entries().count(), 0);
        }
    }

    #[test]
    fn errors_name_the_line_and_do_not_quote_the_file() {
        for (text, line, part) in [
            ("milvus:\n  password: hunter2\n  port: [1\n", None, ""),
            ("milvus:\n  password: hunter2\n   port: 1\n", Some(3), ""),
            ("a: 1\nA: 2\n", Some(2), "a: 1"),
            ("a: 1\na: 2\n", Some(2), ""),
            ("- a\n- b\n", Some(1), "expected keys"),
            ("a:\n  - b: 1\n", Some(2), "a: expected a plain value"),
        ] {
            let Err(error) = Document::parse(text) else { panic!("{text} was read") };
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(!error.to_string().is_empty() && !error.to_string().contains('\n'), "{error}");
            if line.is_some() {
                assert_eq!(error.line, line, "{text}: {error}");
            }
            if part.starts_with("expected") || part.starts_with("a: e") {
                assert!(error.to_string().contains(part), "{error}");
            }
        }
    }
}
