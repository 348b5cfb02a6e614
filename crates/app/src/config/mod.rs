//! The configuration: found, read, resolved over its layers, checked, and turned into what the engine takes.
//!
//! Both schemas end as values of v2 keys ([`schema`]), each with its true source. The environment is read here only.

mod convert;
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

pub(crate) use convert::{LogFile, LogSettings};
pub(crate) use environment::Environment;
pub(crate) use error::ConfigError;
pub(crate) use find::DEFAULT_FILE;
pub(crate) use layers::FlagValue;
pub(crate) use migrate::migrate;
pub(crate) use schema::{Schema, parse_bool};
pub(crate) use show::Row;

use document::Item;
use error::Problem;
use find::Found;
use layers::{Layers, Resolved};
use overrides::Overrides;
use value::{Source, Values};

/// What the command line says about the configuration.
pub(crate) struct Request<'a> {
    /// The file, as given; empty for none.
    pub file: &'a str,
    /// The arguments of `--set`.
    pub set: &'a [String],
    /// Values set by flags.
    pub flags: &'a [FlagValue],
}

/// An effective configuration. Not `Debug` on purpose; [`Config::rows`] shows it with its secrets masked.
pub(crate) struct Config {
    values: Values,
    /// The schema of the file.
    pub schema: Schema,
    /// The file, if there is one.
    pub file: Option<PathBuf>,
    /// What was odd, a line each.
    pub warnings: Vec<String>,
}

impl Config {
    /// Finds, reads and resolves the configuration.
    pub(crate) fn load(request: &Request<'_>, environment: &Environment) -> Result<Self, ConfigError> {
        let file = find::find(request.file, environment)?;
        let overrides = Overrides::parse(request.set)?;
        let schema = schema_of(file.as_ref())?;
        let layers = Layers { flags: request.flags, overrides: &overrides, environment, file: file.as_ref() };
        let mut resolved = resolve(&layers, schema).map_err(ConfigError::Values)?;
        let problems = validate::problems(&resolved.values);
        if !problems.is_empty() {
            return Err(ConfigError::Values(problems));
        }
        resolved.warnings.extend(convert::root_warnings(&resolved.values));
        resolved.warnings.extend(unknown::unknown_keys(schema, file.as_ref(), &overrides));
        if file.is_none() {
            resolved.warnings.extend(inert_variables(environment));
        }
        Ok(Self {
            values: resolved.values,
            schema,
            file: file.map(|found| found.path),
            warnings: resolved.warnings,
        })
    }
}

/// A file without a version is v1; no file at all means v2.
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
        Schema::V1 => translate::translate(&layers.resolve(Schema::V1)?),
    }
}

/// Without a file v2 holds, which reads fewer variables than a v1 file would.
fn inert_variables(environment: &Environment) -> impl Iterator<Item = String> {
    let of_v2 = |name| Schema::V2.keys().any(|key| key.env == Some(name));
    let inert = Schema::V1.keys().filter_map(|key| Some((key.env?, key.becomes?)));
    inert.filter(move |(name, _)| !of_v2(name) && environment.get(name).is_some()).map(|(name, key)| {
        format!("environment variable {name} is not read without a v1 configuration file; use --set {key}=…")
    })
}
