//! Why a configuration cannot be used.

use std::fmt;
use std::path::PathBuf;

use wire::Failure;

use super::value::Source;

/// A configuration that cannot be used; always the user's to mend (exit code 2).
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// No file where one was looked for.
    #[error("there is no configuration file {wanted}")]
    Missing {
        /// As given with `--config`.
        wanted: String,
        /// Every place looked at.
        looked: Vec<PathBuf>,
    },
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A file in another format.
    #[error("{} is neither YAML nor JSON", .0.display())]
    Format(PathBuf),
    /// A file that is no mapping of keys.
    #[error("{}{}: {reason}", path.display(), line.map(|line| format!(" line {line}")).unwrap_or_default())]
    Syntax {
        path: PathBuf,
        /// Where, counted from 1.
        line: Option<u64>,
        reason: String,
    },
    /// A `--set` argument without a key or value.
    #[error("--set {0}: expected KEY=VALUE")]
    Set(String),
    /// Values that do not fit, all of them.
    #[error("{}", Listed(.0))]
    Values(Vec<Problem>),
    /// `config migrate` on a file that is version 2 already.
    #[error("{} is a v2 configuration already", .0.display())]
    AlreadyV2(PathBuf),
    /// A destination that exists.
    #[error("{} exists", .0.display())]
    Exists(PathBuf),
    /// A destination that cannot be written.
    #[error("cannot write {}", path.display())]
    Unwritable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
}

impl ConfigError {
    /// What the user can do.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Missing { looked, .. } => {
                let places: Vec<_> = looked.iter().map(|path| path.display().to_string()).collect();
                format!(
                    "looked for {}; name one with --config FILE, or use --config \"\" for the defaults alone",
                    places.join(", ")
                )
            }
            Self::Format(_) => "rewrite it as YAML; a sample lies in configs/backup.yaml".to_owned(),
            Self::Set(_) => {
                "for example --set milvus.grpc.port=19530; several are separated by commas".to_owned()
            }
            Self::Exists(_) => "use --force to overwrite it".to_owned(),
            Self::Values(_) => "a sample that explains every key lies in configs/backup.yaml".to_owned(),
            Self::Syntax { .. } => {
                "indent with spaces and quote texts that hold `: ` or ` #`; a sample lies in configs/backup.yaml"
                    .to_owned()
            }
            Self::Unreadable { .. } => "compare its path and its permissions".to_owned(),
            Self::AlreadyV2(_) => "it needs no migration; `milvus-backup config show` shows what it says".to_owned(),
            Self::Unwritable { .. } => "choose another file with --output, or print it with --output -".to_owned(),
        }
    }
}

impl From<Problem> for ConfigError {
    fn from(problem: Problem) -> Self {
        Self::Values(vec![problem])
    }
}

/// One value that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The key, as the user wrote it where he did.
    pub key: String,
    /// Where the value comes from.
    pub source: Source,
    /// What is wrong with it; never the text of a secret.
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

struct Listed<'a>(&'a [Problem]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [one] => one.fmt(f),
            many => {
                write!(f, "{} configuration values cannot be used", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self::usage(format!("{error}{cause}")).hint(error.hint())
    }
}
