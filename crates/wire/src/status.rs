//! The one table from what happened to an exit code, an HTTP status, a gRPC code and a code of the Go tool, and the
//! failure that carries it out of a verb or a request.

use engine::Advice;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::advice::{Reword, Terms, hint_of, reword_hint};

/// Everything was done.
pub const DONE: u8 = 0;

/// What kind of failure: those of the engine, and those of the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
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
pub struct Status {
    /// The name in JSON.
    pub name: &'static str,
    /// The exit code.
    pub exit: u8,
    /// The HTTP status.
    pub http: StatusCode,
    /// The number of the gRPC code.
    pub grpc: i32,
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

/// The numbers of gRPC status codes.
mod grpc {
    pub(super) const CANCELLED: i32 = 1;
    pub(super) const INVALID_ARGUMENT: i32 = 3;
    pub(super) const DEADLINE_EXCEEDED: i32 = 4;
    pub(super) const NOT_FOUND: i32 = 5;
    pub(super) const ALREADY_EXISTS: i32 = 6;
    pub(super) const PERMISSION_DENIED: i32 = 7;
    pub(super) const RESOURCE_EXHAUSTED: i32 = 8;
    pub(super) const ABORTED: i32 = 10;
    pub(super) const UNIMPLEMENTED: i32 = 12;
    pub(super) const INTERNAL: i32 = 13;
    pub(super) const UNAVAILABLE: i32 = 14;
    pub(super) const DATA_LOSS: i32 = 15;
    pub(super) const UNAUTHENTICATED: i32 = 16;
}

impl Kind {
    /// Its line of the table.
    pub const fn status(self) -> Status {
        use StatusCode as H;
        let (name, exit, http, grpc, go) = match self {
            Self::Failed => ("failed", 1, H::INTERNAL_SERVER_ERROR, grpc::INTERNAL, FAIL),
            Self::Usage => ("usage", 2, H::BAD_REQUEST, grpc::INVALID_ARGUMENT, PARAMETER_ERROR),
            Self::NotFound => ("not_found", 3, H::NOT_FOUND, grpc::NOT_FOUND, NOT_FOUND),
            Self::AlreadyExists => ("already_exists", 4, H::CONFLICT, grpc::ALREADY_EXISTS, PARAMETER_ERROR),
            Self::Busy => ("busy", 1, H::CONFLICT, grpc::ABORTED, FAIL),
            Self::Unreachable => ("unreachable", 5, H::SERVICE_UNAVAILABLE, grpc::UNAVAILABLE, FAIL),
            Self::Partial => ("partial", 6, H::INTERNAL_SERVER_ERROR, grpc::INTERNAL, FAIL),
            Self::Damaged => ("damaged", 7, H::INTERNAL_SERVER_ERROR, grpc::DATA_LOSS, FAIL),
            Self::Interrupted => ("interrupted", 130, H::SERVICE_UNAVAILABLE, grpc::CANCELLED, FAIL),
            Self::Unsupported => ("unsupported", 2, H::NOT_IMPLEMENTED, grpc::UNIMPLEMENTED, NOT_SUPPORT),
            Self::Unauthenticated => ("unauthenticated", 5, H::UNAUTHORIZED, grpc::UNAUTHENTICATED, 2),
            Self::Forbidden => ("forbidden", 5, H::FORBIDDEN, grpc::PERMISSION_DENIED, 2),
            Self::TooLarge => {
                ("too_large", 2, H::PAYLOAD_TOO_LARGE, grpc::RESOURCE_EXHAUSTED, PARAMETER_ERROR)
            }
            Self::TooMany => ("too_many", 1, H::TOO_MANY_REQUESTS, grpc::RESOURCE_EXHAUSTED, FAIL),
            Self::Timeout => ("timeout", 5, H::GATEWAY_TIMEOUT, grpc::DEADLINE_EXCEEDED, FAIL),
        };
        Status { name, exit, http, grpc, go }
    }

    /// Every kind.
    pub const ALL: [Self; 15] = [
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
pub fn exit_code(kind: impl Into<Kind>) -> u8 {
    kind.into().status().exit
}

/// The name of a kind of failure in JSON.
pub fn kind_name(kind: impl Into<Kind>) -> &'static str {
    kind.into().status().name
}

/// Why a verb ended without its result.
#[derive(Debug)]
pub struct Failure {
    /// What kind; decides the exit code and the statuses.
    pub kind: Kind,
    /// What happened, to what, with its causes in one breath.
    pub message: String,
    /// What was done when it happened.
    pub context: Option<String>,
    /// The suggested next step, in the terms of the API or, if it is not an [`Advice`], as it was written.
    pub hint: Option<String>,
    /// The suggested next step as data.
    pub advice: Option<Box<Advice>>,
}

impl Failure {
    /// A failure without context and hint.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), context: None, hint: None, advice: None }
    }

    /// A request that cannot be carried out because it is wrong in itself.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Something that this version does not do yet.
    pub fn later(what: &str) -> Self {
        Self::new(Kind::Unsupported, format!("{what} comes with a later version of milvus-backup"))
    }

    /// What cannot be read is the asker's fault, whatever else such an error means.
    #[must_use]
    pub fn of_usage(mut self) -> Self {
        self.kind = Kind::Usage;
        self
    }

    /// Creates a failure with an advice.
    pub fn with_advice(kind: Kind, message: impl Into<String>, advice: Advice) -> Self {
        Self { hint: hint_of(Some(&advice)), advice: Some(Box::new(advice)), ..Self::new(kind, message) }
    }

    /// The same with this hint instead of an advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self.advice = None;
        self
    }
}

impl From<engine::Error> for Failure {
    fn from(error: engine::Error) -> Self {
        let advice = error.advice();
        Self {
            kind: error.kind().into(),
            message: error.chain(),
            context: error.context(),
            hint: hint_of(advice.as_ref()),
            advice: advice.map(Box::new),
        }
    }
}

impl From<&engine::CollectionFailure> for Failure {
    fn from(failure: &engine::CollectionFailure) -> Self {
        Self {
            kind: failure.kind.into(),
            message: failure.message.clone(),
            context: None,
            hint: hint_of(failure.advice.as_ref()),
            advice: failure.advice.clone().map(Box::new),
        }
    }
}

impl From<jobs::JobFailure> for Failure {
    fn from(failure: jobs::JobFailure) -> Self {
        let jobs::JobFailure { kind, message, context, advice } = failure;
        Self {
            kind: kind.into(),
            message,
            context,
            hint: hint_of(advice.as_ref()),
            advice: advice.map(Box::new),
        }
    }
}

impl From<jobs::JobsError> for Failure {
    fn from(error: jobs::JobsError) -> Self {
        let failure = Self::from(jobs::JobFailure::from(&error));
        let kind = match error {
            jobs::JobsError::QueueFull(_) => Kind::TooMany,
            _ => failure.kind,
        };
        Self { kind, hint: error.hint().or(failure.hint), ..failure }
    }
}

impl Reword for Failure {
    fn reword(&mut self, terms: &dyn Terms) {
        reword_hint(&mut self.hint, self.advice.as_deref(), terms);
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
            assert_ne!(status.grpc, 0, "{status:?}");
            assert_ne!(status.go, 0, "{status:?}");
        }
    }
}
