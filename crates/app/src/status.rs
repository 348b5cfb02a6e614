//! The one table from what happened to an exit code, an HTTP status, a gRPC code and a code of the Go tool, and the
//! failure that carries it out of a verb or a request.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use tonic::Code;
use utoipa::ToSchema;

use crate::config::ConfigError;

/// Everything was done.
pub(crate) const DONE: u8 = 0;

/// What kind of failure: those of the engine, and those of the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// It failed.
    Failed,
    /// The request or the configuration is wrong.
    Usage,
    /// No such backup, collection or job.
    NotFound,
    /// It exists already.
    AlreadyExists,
    /// Somebody else is at it.
    Busy,
    /// Milvus, a store or the server cannot be reached, or does not let us in.
    Unreachable,
    /// Some of it is done.
    Partial,
    /// The backup is damaged.
    Damaged,
    /// It was interrupted.
    Interrupted,
    /// This version does not do it.
    Unsupported,
    /// Nobody known asks.
    Unauthenticated,
    /// Who asks may not.
    Forbidden,
    /// The request is too large.
    TooLarge,
    /// Too many requests, or jobs.
    TooMany,
    /// It took too long.
    Timeout,
}

impl From<engine::FailureKind> for Kind {
    fn from(kind: engine::FailureKind) -> Self {
        match kind {
            engine::FailureKind::Failed => Self::Failed,
            engine::FailureKind::Usage => Self::Usage,
            engine::FailureKind::NotFound => Self::NotFound,
            engine::FailureKind::AlreadyExists => Self::AlreadyExists,
            engine::FailureKind::Busy => Self::Busy,
            engine::FailureKind::Unreachable => Self::Unreachable,
            engine::FailureKind::Partial => Self::Partial,
            engine::FailureKind::Damaged => Self::Damaged,
            engine::FailureKind::Interrupted => Self::Interrupted,
        }
    }
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Status {
    /// The name in JSON.
    pub name: &'static str,
    /// The exit code.
    pub exit: u8,
    /// The HTTP status.
    pub http: StatusCode,
    /// The gRPC code.
    pub grpc: Code,
    /// The Go tool's `ResponseCode`.
    pub go: i32,
}

/// The Go tool's `ResponseCode`: not supported.
const NOT_SUPPORT: i32 = 1;
/// The Go tool's `ResponseCode`: anything that went wrong.
const FAIL: i32 = 3;
/// The Go tool's `ResponseCode`: the request is rejected.
const PARAMETER_ERROR: i32 = 400;
/// The Go tool's `ResponseCode`: no such backup.
const NOT_FOUND: i32 = 404;

impl Kind {
    /// Its line of the table.
    pub(crate) const fn status(self) -> Status {
        use StatusCode as H;
        let (name, exit, http, grpc, go) = match self {
            Self::Failed => ("failed", 1, H::INTERNAL_SERVER_ERROR, Code::Internal, FAIL),
            Self::Usage => ("usage", 2, H::BAD_REQUEST, Code::InvalidArgument, PARAMETER_ERROR),
            Self::NotFound => ("not_found", 3, H::NOT_FOUND, Code::NotFound, NOT_FOUND),
            Self::AlreadyExists => ("already_exists", 4, H::CONFLICT, Code::AlreadyExists, PARAMETER_ERROR),
            Self::Busy => ("busy", 1, H::CONFLICT, Code::Aborted, FAIL),
            Self::Unreachable => ("unreachable", 5, H::SERVICE_UNAVAILABLE, Code::Unavailable, FAIL),
            Self::Partial => ("partial", 6, H::INTERNAL_SERVER_ERROR, Code::Internal, FAIL),
            Self::Damaged => ("damaged", 7, H::INTERNAL_SERVER_ERROR, Code::DataLoss, FAIL),
            Self::Interrupted => ("interrupted", 130, H::SERVICE_UNAVAILABLE, Code::Cancelled, FAIL),
            Self::Unsupported => ("unsupported", 2, H::NOT_IMPLEMENTED, Code::Unimplemented, NOT_SUPPORT),
            Self::Unauthenticated => ("unauthenticated", 5, H::UNAUTHORIZED, Code::Unauthenticated, 2),
            Self::Forbidden => ("forbidden", 5, H::FORBIDDEN, Code::PermissionDenied, 2),
            Self::TooLarge => {
                ("too_large", 2, H::PAYLOAD_TOO_LARGE, Code::ResourceExhausted, PARAMETER_ERROR)
            }
            Self::TooMany => ("too_many", 1, H::TOO_MANY_REQUESTS, Code::ResourceExhausted, FAIL),
            Self::Timeout => ("timeout", 5, H::GATEWAY_TIMEOUT, Code::DeadlineExceeded, FAIL),
        };
        Status { name, exit, http, grpc, go }
    }

    /// Every kind.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 15] = [
        Self::Failed,
        Self::Usage,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Busy,
        Self::Unreachable,
        Self::Partial,
        Self::Damaged,
        Self::Interrupted,
        Self::Unsupported,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::TooLarge,
        Self::TooMany,
        Self::Timeout,
    ];
}

/// The exit code of a kind of failure.
pub(crate) fn exit_code(kind: impl Into<Kind>) -> u8 {
    kind.into().status().exit
}

/// The name of a kind of failure in JSON.
pub(crate) fn kind_name(kind: impl Into<Kind>) -> &'static str {
    kind.into().status().name
}

/// Why a verb ended without its result.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What kind; decides the exit code and the statuses.
    pub kind: Kind,
    /// What happened, to what, with its causes in one breath.
    pub message: String,
    /// What was done when it happened.
    pub context: Option<String>,
    /// What to do.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without context and hint.
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: None, hint: None }
    }

    /// A request that cannot be carried out because it is wrong in itself.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Something that this version does not do yet.
    pub(crate) fn later(what: &str) -> Self {
        Self::new(Kind::Unsupported, format!("{what} comes with a later version of milvus-backup"))
    }

    /// What cannot be read is the asker's fault, whatever else such an error means.
    pub(crate) fn of_usage(mut self) -> Self {
        self.kind = Kind::Usage;
        self
    }

    /// The same with a hint.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        Self {
            kind: Kind::Usage,
            message: format!("{error}{cause}"),
            context: None,
            hint: Some(error.hint()),
        }
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        Self {
            kind: error.kind().into(),
            message: error.chain(),
            context: error.context().map(str::to_owned),
            hint: error.hint(),
        }
    }
}

impl From<jobs::JobFailure> for Failure {
    fn from(failure: jobs::JobFailure) -> Self {
        let jobs::JobFailure { kind, message, context, hint } = failure;
        Self { kind: kind.into(), message, context, hint }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Kind::Failed, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_own_name_and_none_is_success() {
        let names: std::collections::BTreeSet<_> = Kind::ALL.iter().map(|kind| kind_name(*kind)).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for status in Kind::ALL.map(Kind::status) {
            assert_ne!(status.exit, DONE, "{status:?}");
            assert!(status.http.is_client_error() || status.http.is_server_error(), "{status:?}");
            assert_ne!(status.grpc, Code::Ok, "{status:?}");
            assert_ne!(status.go, 0, "{status:?}");
        }
    }
}
