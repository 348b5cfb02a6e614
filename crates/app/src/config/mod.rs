//! The configuration: finds and reads the file, resolves the layers, validates the values, and converts them for the
//! engine and the server.
//!
//! Both schemas end as values of v2 keys ([`schema`]), each with its true source. Only this module reads the environment.

mod convert;
mod data;
mod document;
mod environment;
mod error;
mod find;
mod layers;
mod migrate;
mod overrides;
mod provider;
mod schema;
mod server;
mod show;
mod storage_keys;
#[cfg(test)]
mod tests;
mod translate;
mod unknown;
mod validate;
mod value;

use std::path::PathBuf;

pub(crate) use convert::{LogFile, LogSettings, Usage};
pub(crate) use environment::Environment;
pub(crate) use error::ConfigError;
pub(crate) use find::DEFAULT_FILE;
pub(crate) use layers::FlagValue;
pub(crate) use migrate::migrate;
pub(crate) use schema::{Schema, keys, parse_bool};
pub(crate) use show::Row;

use document::Item;
use error::Problem;
use find::Found;
use layers::{Layers, Resolved};
use overrides::Overrides;
use value::{Source, Values};

/// The part of the command line that concerns the configuration.
pub(crate) struct Request<'a> {
    /// The path of the file as given; empty for none.
    pub file: &'a str,
    /// The values of `--set`.
    pub set: &'a [String],
    /// The values that other flags set.
    pub flags: &'a [FlagValue],
}

/// An effective configuration. Not `Debug`, because it contains secrets; [`Config::rows`] masks them.
pub(crate) struct Config {
    values: Values,
    /// The schema of the file.
    pub schema: Schema,
    /// The path of the file, if one was read.
    pub file: Option<PathBuf>,
    /// Warnings, one line each.
    pub warnings: Vec<String>,
}

impl Config {
    /// Finds, reads, resolves and validates the configuration.
    pub(crate) fn load(request: &Request<'_>, environment: &Environment) -> Result<Self, ConfigError> {
        let file = find::find(request.file, environment)?;
        let overrides = Overrides::parse(request.set)?;
        let schema = schema_of(file.as_ref())?;
        let layers = Layers { flags: request.flags, overrides: &overrides, environment, file: file.as_ref() };
        let unknown = unknown::find_unknown_keys(schema, file.as_ref(), &overrides);
        let mut resolved = match resolve(&layers, schema) {
            Ok(resolved) => resolved,
            Err(problems) => return Err(unknown.into_error(problems)),
        };
        let problems = validate::problems(&resolved.values, schema);
        if !problems.is_empty() || !unknown.problems.is_empty() {
            return Err(unknown.into_error(problems));
        }
        resolved.warnings.extend(validate::warnings(&resolved.values, schema));
        resolved.warnings.extend(convert::root_warnings(&resolved.values, schema));
        resolved.warnings.extend(unknown.into_warnings());
        if file.is_none() {
            resolved.warnings.extend(ignored_variables(environment));
        }
        Ok(Self {
            values: resolved.values,
            schema,
            file: file.map(|found| found.path),
            warnings: resolved.warnings,
        })
    }
}

/// The schema that applies: v1 for a file without a version, v2 without a file.
fn schema_of(file: Option<&Found>) -> Result<Schema, Problem> {
    let Some(file) = file else { return Ok(Schema::V2) };
    let entry = file.document.get(&schema::VERSION_KEY.to_lowercase());
    let text = entry.map(|entry| match &entry.item {
        Item::Scalar(text) => text.clone(),
        Item::List(items) => items.join(","),
    });
    validate::version(text.as_deref().zip(entry.map(|entry| Source::File {
        path: file.path.display().to_string(),
        line: entry.line,
        key: entry.key.clone(),
    })))
}

/// The effective values under v2 keys.
fn resolve(layers: &Layers<'_>, schema: Schema) -> Result<Resolved, Vec<Problem>> {
    match schema {
        Schema::V2 => layers.resolve(Schema::V2),
        Schema::V1 => layers.resolve(Schema::V1).map(|v1| translate::translate(&v1)),
    }
}

/// Warnings about variables that only a v1 configuration reads, if there is no file and so v2 applies.
fn ignored_variables(environment: &Environment) -> impl Iterator<Item = String> {
    let of_v2 = |name| Schema::V2.keys().any(|key| key.env == Some(name));
    let v1_variables = Schema::V1.keys().filter_map(|key| Some((key.env?, key.becomes?)));
    v1_variables.filter(move |(name, _)| !of_v2(name) && environment.get(name).is_some()).map(
        |(name, key)| {
            format!(
                "environment variable {name} is ignored without a v1 configuration file; use --set {key}=…"
            )
        },
    )
}
