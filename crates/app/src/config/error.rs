//! The errors of a configuration.

use std::fmt;
use std::path::PathBuf;

use wire::Failure;

use super::value::Source;

/// The reason why a configuration cannot be used. The exit code is 2.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file does not exist.
    #[error("there is no configuration file {wanted}")]
    Missing {
        /// The value of `--config`.
        wanted: String,
        /// Every path that was tried.
        candidates: Vec<PathBuf>,
    },
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The file has another format.
    #[error("{} is neither YAML nor JSON", .0.display())]
    Format(PathBuf),
    /// The file is not a YAML mapping of keys to values.
    #[error("{}{}: {reason}", path.display(), line.map(|line| format!(" line {line}")).unwrap_or_default())]
    Syntax {
        path: PathBuf,
        /// The line, counted from 1.
        line: Option<u64>,
        reason: String,
    },
    /// A value of `--set` lacks a key or a value.
    #[error("--set {0}: expected KEY=VALUE")]
    Set(String),
    /// Some values are invalid.
    #[error("{}", ProblemList { problems, warnings })]
    Values {
        /// All of them.
        problems: Vec<Problem>,
        /// Warnings about unknown keys, which may be the cause.
        warnings: Vec<String>,
    },
    /// `config migrate` was called for a v2 file.
    #[error("{} is already a v2 configuration", .0.display())]
    AlreadyV2(PathBuf),
    /// The file to write exists.
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl ConfigError {
    /// The next step of the user.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Missing { candidates, .. } if candidates.is_empty() => "name a file with --config FILE".to_owned(),
            Self::Missing { candidates, .. } => {
                let paths: Vec<_> = candidates.iter().map(|path| path.display().to_string()).collect();
                format!(
                    "tried {}; name a file with --config FILE, or use --config \"\" to run with the defaults",
                    paths.join(", ")
                )
            }
            Self::Format(_) => "write it as YAML; see the sample configs/backup.yaml".to_owned(),
            Self::Set(_) => {
                "for example --set milvus.user=root; separate several by commas".to_owned()
            }
            Self::Exists(_) => "add --force to overwrite it".to_owned(),
            Self::Values { .. } => "to see every key with its meaning: milvus-backup config sample".to_owned(),
            Self::Syntax { .. } => {
                "indent with spaces, and quote texts that contain `: ` or ` #`; see the sample configs/backup.yaml"
                    .to_owned()
            }
            Self::Unreadable { .. } => "check its path and permissions".to_owned(),
            Self::AlreadyV2(_) => "it needs no migration; to show its values: milvus-backup config show".to_owned(),
            Self::Unwritable { .. } => "choose another file with --output FILE, or print to stdout with --output -".to_owned(),
        }
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self::Values { problems: vec![problem], warnings: Vec::new() }
    }
}

/// One invalid value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The name of the key.
    pub key: String,
    /// The source of the value.
    pub source: Source,
    /// What is wrong, in words; never contains a secret.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Default => write!(f, "{}: {}", self.key, self.reason),
            Source::File { path, line, key } => write!(f, "{path} line {line}: {key}: {}", self.reason),
            Source::Env(name) => write!(f, "environment variable {name}: {}", self.reason),
            Source::Set(key) => write!(f, "--set {key}: {}", self.reason),
            Source::Flag(flag) => write!(f, "{flag}: {}", self.reason),
        }
    }
}

struct ProblemList<'a> {
    problems: &'a [Problem],
    warnings: &'a [String],
}

impl fmt::Display for ProblemList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems {
            [one] => one.fmt(f)?,
            many => {
                write!(f, "{} configuration values are invalid", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  {problem}"))?;
            }
        }
        self.warnings.iter().try_for_each(|warning| write!(f, "\n  warning: {warning}"))
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::usage(format!("{error}{cause}")).hint(error.hint())
    }
}
