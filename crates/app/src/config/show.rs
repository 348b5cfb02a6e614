//! The rows of `config show`.

use serde::Serialize;

use super::Config;
use super::data::Data;
use super::schema::Schema;
use super::value::Source;

/// One key of `config show`.
#[derive(Serialize)]
pub(crate) struct Row {
    /// The name of the key in schema v2.
    pub key: &'static str,
    /// The value as text; `****` for a secret that is set.
    pub value: String,
    /// `default`, `FILE:LINE`, `env NAME`, `--set`, or `flag NAME`.
    pub source: String,
    /// The name under which the value was set, if it differs from `key`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_key: Option<String>,
    /// The key from which the value is inherited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inherited_from: Option<&'static str>,
    /// Whether the value is a secret.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

impl Config {
    /// Every v2 key with its effective value and source.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let values = Schema::V2.keys().filter_map(|key| Some((key.name, self.values.get(key.name)?)));
        values
            .map(|(key, value)| Row {
                key,
                value: value.data.shown(),
                source: value.source.to_string(),
                source_key: value
                    .source
                    .key()
                    .filter(|set| !set.eq_ignore_ascii_case(key))
                    .map(str::to_owned),
                inherited_from: value.inherited.filter(|_| value.source != Source::Default),
                secret: matches!(value.data, Data::Secret(_) | Data::Secrets(_)),
            })
            .collect()
    }
}
