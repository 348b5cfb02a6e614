//! Lists in pages.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use wire::Failure;

/// How many items a page has where nobody says.
const USUAL: usize = 100;
/// How many it has at most.
const MOST: usize = 1000;

/// How many items are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limit(pub usize);

impl Default for Limit {
    fn default() -> Self {
        Self(USUAL)
    }
}

impl<'de> Deserialize<'de> for Limit {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let limit = text.parse().ok().filter(|limit| (1..=MOST).contains(limit));
        limit
            .map(Self)
            .ok_or_else(|| D::Error::custom(format!("expected a number from 1 to {MOST}, not {text:?}")))
    }
}

/// The words of a parameter that takes several, by commas.
pub(super) fn words<T: serde::de::DeserializeOwned>(
    name: &str,
    text: Option<&str>,
) -> Result<Vec<T>, Failure> {
    let words = text.into_iter().flat_map(|text| text.split(',')).map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(|word| {
            let read =
                T::deserialize(serde::de::value::StrDeserializer::<serde::de::value::Error>::new(word));
            read.map_err(|error| Failure::usage(format!("{name}={word}: {error}")))
        })
        .collect()
}
