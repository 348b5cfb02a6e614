//! Where the configuration file lies.

use std::path::{Path, PathBuf};

use super::document::Document;
use super::environment::Environment;
use super::error::ConfigError;

/// The name looked for where `--config` is not given.
pub(crate) const DEFAULT_FILE: &str = "backup.yaml";

/// A configuration file, read.
pub(super) struct Found {
    /// As found, relative to the working directory where it was given so.
    pub path: PathBuf,
    /// The keys and values in it.
    pub document: Document,
}

/// Finds and reads the file: `wanted` itself, then its base name below `$MILVUSCONF`, then below `configs`.
///
/// An empty name means no file.
pub(super) fn find(wanted: &str, environment: &Environment) -> Result<Option<Found>, ConfigError> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let given = PathBuf::from(wanted);
    let base = given.file_name().map(PathBuf::from).unwrap_or_default();
    let mut looked = vec![given];
    looked.extend(environment.config_dir().map(|dir| dir.join(&base)));
    looked.push(Path::new("configs").join(&base));
    match looked.iter().find(|path| path.is_file()) {
        Some(path) => read(path).map(Some),
        None => Err(ConfigError::Missing { wanted: wanted.to_owned(), looked }),
    }
}

fn read(path: &Path) -> Result<Found, ConfigError> {
    let extension = path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase);
    if matches!(
        extension.as_deref(),
        Some("toml" | "properties" | "props" | "prop" | "hcl" | "dotenv" | "env" | "ini")
    ) {
        return Err(ConfigError::Format(path.to_owned()));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
    let document = Document::parse(&text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: error.line,
        reason: error.reason,
    })?;
    Ok(Found { path: path.to_owned(), document })
}
