//! The table from a kind of failure to exit code, HTTP status, gRPC code and code of the Go tool.

use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The exit code of a command that did everything that was requested.
pub const DONE: u8 = 0;

/// The kind of a failure; it decides the exit code and the status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The operation failed for a reason that no other kind names.
    Failed,
    /// The request or the configuration is invalid.
    Usage,
    /// The backup, collection or job does not exist.
    NotFound,
    /// The backup or target collection exists already.
    AlreadyExists,
    /// Another job or process uses the backup or collection.
    Busy,
    /// Milvus, a store or the server is unreachable or rejects the credentials.
    Unreachable,
    /// A part of the request was carried out, which the report describes.
    Partial,
    /// The backup is damaged or unfinished.
    Damaged,
    /// The operation was interrupted by a signal or by the end of the server.
    Interrupted,
    /// This version does not support the request.
    Unsupported,
    /// The request has no valid credentials.
    Unauthenticated,
    /// The caller does not have the permission.
    Forbidden,
    /// The body or the header of the request is too large.
    TooLarge,
    /// The caller sends too many requests, or too many jobs are queued.
    TooMany,
    /// The operation exceeded its deadline.
    Timeout,
}

impl From<engine::FailureKind> for FailureKind {
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

/// The codes of one kind of failure.
#[derive(Clone, Copy, Debug)]
pub struct StatusCodes {
    /// The name of the kind in JSON.
    pub name: &'static str,
    /// The exit code of the command line.
    pub exit: u8,
    /// The HTTP status.
    pub http: StatusCode,
    /// The number of the gRPC status code.
    pub grpc: i32,
    /// The `ResponseCode` of the Go tool.
    pub go: i32,
}

/// The `ResponseCode` of the Go tool for a request that is not supported.
const NOT_SUPPORT: i32 = 1;
/// The `ResponseCode` of the Go tool for an operation that failed.
const FAIL: i32 = 3;
/// The `ResponseCode` of the Go tool for a request that is rejected.
const PARAMETER_ERROR: i32 = 400;
/// The `ResponseCode` of the Go tool for a backup that does not exist.
const NOT_FOUND: i32 = 404;

/// The numbers of the gRPC status codes, which this crate names without a dependency on tonic.
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

impl FailureKind {
    /// Returns the codes of this kind.
    pub const fn codes(self) -> StatusCodes {
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
        StatusCodes { name, exit, http, grpc, go }
    }

    /// All kinds.
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

/// Returns the exit code of a kind of failure.
pub fn exit_code(kind: impl Into<FailureKind>) -> u8 {
    kind.into().codes().exit
}

/// Returns the name of a kind of failure in JSON.
pub fn kind_name(kind: impl Into<FailureKind>) -> &'static str {
    kind.into().codes().name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_unique_name_and_no_code_of_success() {
        let names: std::collections::BTreeSet<_> =
            FailureKind::ALL.iter().map(|kind| kind_name(*kind)).collect();
        assert_eq!(names.len(), FailureKind::ALL.len());
        for codes in FailureKind::ALL.map(FailureKind::codes) {
            assert_ne!(codes.exit, DONE, "{codes:?}");
            assert!(codes.http.is_client_error() || codes.http.is_server_error(), "{codes:?}");
            assert_ne!(codes.grpc, 0, "{codes:?}");
            assert_ne!(codes.go, 0, "{codes:?}");
        }
    }
}
