//! The parameters of lists.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use wire::Failure;

/// The default number of items of a page.
const DEFAULT_LIMIT: usize = 100;
/// The largest number of items of a page.
const MAX_LIMIT: usize = 1000;

/// The requested number of items.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(pub usize);

impl Default for Limit {
    fn default() -> Self {
        Self(DEFAULT_LIMIT)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let limit = text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit));
        limit
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("expected a number from 1 to {MAX_LIMIT}, not {text:?}")))
    }
}

/// Parses a parameter with several values, separated by commas.
pub(super) fn parse_list<T: serde::de::DeserializeOwned>(
    name: &str,
    text: Option<&str>,
) -> Result<Vec<T>, Failure> {
    let parse_list = text.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    parse_list
        .filter(|word| !word.is_empty())
        .map(|word| {
            let read =
                T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word));
            read.map_err(|error| Failure::usage(format!("{name}={word}: {error}")))
        })
        .collect()
}
