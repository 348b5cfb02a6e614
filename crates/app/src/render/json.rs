//! Documents as they are printed for programs; those of outcomes are in [`wire`].

use serde::Serialize;

use crate::config::{Config, Row};

/// A document as it is printed.
pub(crate) fn text(document: &impl Serialize) -> String {
    // Our documents have text keys and finite numbers, so this cannot fail.
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

/// The document of `config show`.
#[derive(Serialize)]
pub(crate) struct Configuration<'a> {
    schema: &'static str,
    file: Option<String>,
    values: Vec<Row>,
    warnings: &'a [String],
}

/// Every value and its source, secrets masked.
pub(crate) fn config(config: &Config) -> Configuration<'_> {
    Configuration {
        schema: config.schema.name(),
        file: config.file.as_ref().map(|file| file.display().to_string()),
        values: config.rows(),
        warnings: &config.warnings,
    }
}
