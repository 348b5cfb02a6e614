//! Errors of calls to Milvus.

use std::error::Error;
use std::fmt;

use crate::status::Retry;

/// Describes a failed call in one sentence: the action, its object, and the reason given by the server.
#[derive(Debug, thiserror::Error)]
#[error("cannot {call}: {reason}")]
pub struct MilvusError {
    call: String,
    reason: String,
    kind: MilvusErrorKind,
    temporary: bool,
    never_sent: bool,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// Kinds of errors that a caller may handle differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MilvusErrorKind {
    /// No connection could be made, or the server is starting or stopping.
    Unreachable,
    /// The user, password or token is missing or wrong.
    Unauthenticated,
    /// The user lacks the permission for the call.
    PermissionDenied,
    /// The collection does not exist.
    CollectionNotFound,
    /// The database does not exist.
    DatabaseNotFound,
    /// The partition, index, alias, segment or job does not exist.
    NotFound,
    /// The snapshot does not exist.
    SnapshotNotFound,
    /// The snapshot is pinned, so it cannot be dropped.
    SnapshotPinned,
    /// An object of this name already exists.
    AlreadyExists,
    /// The collection is not loaded.
    NotLoaded,
    /// This server does not support the call.
    Unsupported,
    /// The server asked for fewer requests for longer than [`CallLimits::busy`](crate::CallLimits::busy).
    RateLimited,
    /// A quota of the server is exhausted, or writing is denied.
    Quota,
    /// The server rejected the request as invalid, or the configuration is invalid.
    Invalid,
    /// The server did not answer within the time limit.
    Timeout,
    /// The server cancelled the call.
    Cancelled,
    /// Any other error reported by the server.
    Server,
}

impl MilvusError {
    pub(crate) fn new(kind: MilvusErrorKind, call: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            call: call.into(),
            reason: reason.into(),
            kind,
            temporary: false,
            never_sent: false,
            source: None,
        }
    }

    /// Records when the call could be retried.
    pub(crate) fn retried(self, retry: Retry) -> Self {
        Self { temporary: retry != Retry::Never, never_sent: retry == Retry::Always, ..self }
    }

    /// Makes a server that does not answer in time an unreachable one, for the calls that open a connection.
    pub(crate) fn while_connecting(self) -> Self {
        let kind =
            if self.kind == MilvusErrorKind::Timeout { MilvusErrorKind::Unreachable } else { self.kind };
        Self { kind, ..self }
    }

    pub(crate) fn caused_by(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Box::new(source)), ..self }
    }

    /// Returns the kind, by which a caller can handle the error.
    pub fn kind(&self) -> MilvusErrorKind {
        self.kind
    }

    /// Returns whether the same call may succeed later; retries have already failed within the limits.
    pub fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// Returns whether the server has certainly not executed the call.
    pub fn was_never_executed(&self) -> bool {
        self.never_sent
    }

    /// Returns the reason given by the server, without the call.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// Joins the texts of an error and its causes in one line, for causes that cannot be kept as a source.
pub(crate) fn error_chain_text(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

impl fmt::Display for MilvusErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "unreachable",
            Self::Unauthenticated => "not authenticated",
            Self::PermissionDenied => "permission denied",
            Self::CollectionNotFound => "collection not found",
            Self::DatabaseNotFound => "database not found",
            Self::NotFound => "not found",
            Self::SnapshotNotFound => "snapshot not found",
            Self::SnapshotPinned => "snapshot pinned",
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
