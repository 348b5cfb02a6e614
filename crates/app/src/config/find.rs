//! Finds and reads the configuration file.

use std::path::{Path, PathBuf};

use super::document::Document;
use super::environment::Environment;
use super::error::ConfigError;

/// The default of `--config`.
pub(crate) const DEFAULT_FILE: &str = "backup.yaml";

/// A configuration file that was read.
pub(super) struct Found {
    /// The path; relative if it was given so.
    pub path: PathBuf,
    /// The keys and values in it.
    pub document: Document,
}

/// Finds and reads the file: `wanted`, else its file name below `$MILVUSCONF`, else below `configs`.
///
/// Returns `None` if `wanted` is empty.
pub(super) fn find(wanted: &str, environment: &Environment) -> Result<Option<Found>, ConfigError> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let given = PathBuf::from(wanted);
    let base = given.file_name().map(PathBuf::from).unwrap_or_default();
    let mut candidates = vec![given];
    candidates.extend(environment.config_dir().map(|dir| dir.join(&base)));
    candidates.push(Path::new("configs").join(&base));
    match candidates.iter().find(|path| path.is_file()) {
        Some(path) => read(path).map(Some),
        None => Err(ConfigError::Missing { wanted: wanted.to_owned(), candidates }),
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
