//! What can go wrong in a call.

use std::error::Error;
use std::fmt;

/// A call that failed: what could not be done, to what, and the server's reason.
#[derive(Debug, thiserror::Error)]
#[error("cannot {call}: {reason}")]
pub struct MilvusError {
    call: String,
    reason: String,
    kind: ErrorKind,
    temporary: bool,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What a failure means to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No connection, or the server is starting or ending.
    Unreachable,
    /// The user, password or token is missing or wrong.
    Unauthenticated,
    /// The user may not do this.
    PermissionDenied,
    /// There is no such collection.
    CollectionNotFound,
    /// There is no such database.
    DatabaseNotFound,
    /// There is no such partition, index, alias, segment or job.
    NotFound,
    /// The name is taken.
    AlreadyExists,
    /// The collection is not loaded.
    NotLoaded,
    /// This server cannot do it.
    Unsupported,
    /// The server asked to slow down, for longer than we were willing to wait.
    RateLimited,
    /// A quota of the server is used up, or writing is denied.
    Quota,
    /// The server refused what was asked, or the configuration cannot be used.
    Invalid,
    /// No answer in time.
    Timeout,
    /// The server gave the call up.
    Cancelled,
    /// Anything else the server reported.
    Server,
}

impl MilvusError {
    pub(crate) fn new(kind: ErrorKind, call: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { call: call.into(), reason: reason.into(), kind, temporary: false, source: None }
    }

    pub(crate) fn temporary(self, temporary: bool) -> Self {
        Self { temporary, ..self }
    }

    pub(crate) fn caused_by(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// What the failure means.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later; it has already been repeated for a while.
    pub fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// The server's own words.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// The texts of an error and its causes in one line, for causes that cannot be kept.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        next = cause.source();
    }
    text
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "unreachable",
            Self::Unauthenticated => "not authenticated",
            Self::PermissionDenied => "permission denied",
            Self::CollectionNotFound => "collection not found",
            Self::DatabaseNotFound => "database not found",
            Self::NotFound => "not found",
            Self::AlreadyExists => "already exists",
            Self::NotLoaded => "not loaded",
            Self::Unsupported => "unsupported",
            Self::RateLimited => "rate limited",
            Self::Quota => "quota exceeded",
            Self::Invalid => "invalid",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Server => "server error",
        })
    }
}
