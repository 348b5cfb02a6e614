//! What a reply's status means.
//!
//! Since 2.3 a status holds a number of the new kind (`code`) and one of the old kind (`error_code`); 2.2 sets
//! only the old one, mostly to "unexpected", and the text tells more. They disagree: the new number is believed
//! first, then the old one, then the text. Success is zero in both.

use proto::common::Status;
use proto::{common, milvus as wire};

use crate::error::{ErrorKind, chain};

/// A failed try of a call.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) reason: String,
    pub(crate) again: Again,
}

/// Whether a failed call may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It would fail again.
    Never,
    /// It may succeed, but the server may have done it already.
    MaybeDone,
    /// It may succeed, and the server has surely not done it.
    NotDone,
}

/// A reply that holds a status.
pub(crate) trait Reply {
    fn status(&self) -> Option<&Status>;
}

impl Reply for Status {
    fn status(&self) -> Option<&Status> {
        Some(self)
    }
}

macro_rules! replies {
    ($($name:ident),* $(,)?) => {$(
        impl Reply for wire::$name {
            fn status(&self) -> Option<&Status> {
                self.status.as_ref()
            }
        }
    )*};
}

replies!(
    BoolResponse,
    ConnectResponse,
    DescribeCollectionResponse,
    DescribeIndexResponse,
    FlushResponse,
    GetCollectionStatisticsResponse,
    GetFlushStateResponse,
    GetImportStateResponse,
    GetLoadStateResponse,
    GetPersistentSegmentInfoResponse,
    GetVersionResponse,
    ImportResponse,
    ListAliasesResponse,
    ListDatabasesResponse,
    MutationResult,
    QueryResults,
    ShowCollectionsResponse,
    ShowPartitionsResponse,
);

/// The failure a status reports, if it reports one.
pub(crate) fn failure(status: &Status) -> Option<Failure> {
    if status.code == 0 && status.error_code == 0 {
        return None;
    }
    let kind = by_code(status).or_else(|| by_error_code(status)).unwrap_or_else(|| by_text(&status.reason));
    let again = match (kind, status.code) {
        (ErrorKind::RateLimited, _) => Again::NotDone,
        (ErrorKind::Quota, _) => Again::Never,
        (_, 1 | 2 | 106) => Again::MaybeDone,
        _ if status.retriable => Again::MaybeDone,
        _ => Again::Never,
    };
    let reason = if status.reason.is_empty() {
        format!("the server gave no reason (code {}, error code {})", status.code, status.error_code)
    } else {
        status.reason.clone()
    };
    Some(Failure { kind, reason, again })
}

fn by_code(status: &Status) -> Option<ErrorKind> {
    Some(match status.code {
        1 | 2 => ErrorKind::Unreachable,
        3 | 7 | 9 => ErrorKind::Quota,
        8 => ErrorKind::RateLimited,
        // 2.3 reports an unknown database as an unknown collection
        100 if names_database(&status.reason) => ErrorKind::DatabaseNotFound,
        100 => ErrorKind::CollectionNotFound,
        101 | 103 => ErrorKind::NotLoaded,
        200 | 600 | 700 | 1000 | 1600 => ErrorKind::NotFound,
        800 => ErrorKind::DatabaseNotFound,
        802 | 1100 | 1101 | 1102 => ErrorKind::Invalid,
        1400 => ErrorKind::Unauthenticated,
        1401 => ErrorKind::PermissionDenied,
        1601 | 1602 => ErrorKind::AlreadyExists,
        10 | 3000 => ErrorKind::Unsupported,
        10000 => ErrorKind::Cancelled,
        10001 => ErrorKind::Timeout,
        _ => return None,
    })
}

fn by_error_code(status: &Status) -> Option<ErrorKind> {
    use common::ErrorCode;
    Some(match status.error_code() {
        ErrorCode::CollectionNotExists if names_database(&status.reason) => ErrorKind::DatabaseNotFound,
        ErrorCode::CollectionNotExists => ErrorKind::CollectionNotFound,
        ErrorCode::PermissionDenied => ErrorKind::PermissionDenied,
        ErrorCode::IllegalArgument => ErrorKind::Invalid,
        ErrorCode::IndexNotExist | ErrorCode::SegmentNotFound => ErrorKind::NotFound,
        ErrorCode::RateLimit => ErrorKind::RateLimited,
        ErrorCode::ForceDeny | ErrorCode::MemoryQuotaExhausted | ErrorCode::DiskQuotaExhausted => {
            ErrorKind::Quota
        }
        _ => return None,
    })
}

fn names_database(reason: &str) -> bool {
    reason.contains("collection not found[database=") && !reason.contains("[collection=")
}

fn by_text(reason: &str) -> ErrorKind {
    let reason = reason.to_lowercase();
    let says = |words: &str| reason.contains(words);
    if says("database not found") {
        ErrorKind::DatabaseNotFound
    } else if says("can't find collection") || says("collection") && says("not found") {
        ErrorKind::CollectionNotFound
    } else if says("rate limit exceeded") || says("rejected by grpc ratelimiter") {
        ErrorKind::RateLimited
    } else if says("quota exceeded") || says("deny") {
        ErrorKind::Quota
    } else if says("already exist") {
        ErrorKind::AlreadyExists
    } else if says("not loaded") || says("not been loaded") {
        ErrorKind::NotLoaded
    } else if says("doesn't exist") || says("does not exist") || says("not found") {
        ErrorKind::NotFound
    } else {
        ErrorKind::Server
    }
}

/// The failure of a call that brought no reply.
pub(crate) fn rpc_failure(status: &tonic::Status) -> Failure {
    use tonic::Code;
    let transport = std::error::Error::source(status).is_some();
    let (kind, again) = match status.code() {
        _ if never_sent(status) => (ErrorKind::Unreachable, Again::NotDone),
        Code::Unavailable => (ErrorKind::Unreachable, Again::MaybeDone),
        Code::Unknown | Code::Internal if transport => (ErrorKind::Unreachable, Again::MaybeDone),
        Code::ResourceExhausted if status.message().contains("larger than max") => {
            (ErrorKind::Invalid, Again::Never)
        }
        Code::ResourceExhausted => (ErrorKind::RateLimited, Again::NotDone),
        Code::Unauthenticated => (ErrorKind::Unauthenticated, Again::Never),
        Code::PermissionDenied => (ErrorKind::PermissionDenied, Again::Never),
        Code::Unimplemented => (ErrorKind::Unsupported, Again::Never),
        Code::DeadlineExceeded => (ErrorKind::Timeout, Again::MaybeDone),
        Code::Cancelled => (ErrorKind::Cancelled, Again::Never),
        Code::InvalidArgument | Code::OutOfRange => (ErrorKind::Invalid, Again::Never),
        _ => (by_text(status.message()), Again::Never),
    };
    let mut reason = status.message().to_owned();
    if let Some(cause) = std::error::Error::source(status) {
        let cause = chain(cause);
        reason = if cause.contains(&reason) { cause } else { format!("{reason}: {cause}") };
    }
    if reason.is_empty() {
        reason = status.code().description().to_owned();
    }
    Failure { kind, reason, again }
}

/// Whether no connection could be made, so that the request never left.
fn never_sent(status: &tonic::Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
