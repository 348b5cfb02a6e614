//! What a reply's status means.
//!
//! Since 2.3 a status holds a number of the new kind (`code`) and one of the old kind (`error_code`); 2.2 sets
//! only the old one, mostly to "unexpected", and the text tells more. They disagree: the new number is believed
//! first, then the old one, then the text. Success is zero in both.

use proto::common::Status;
use proto::{common, milvus as wire};

use crate::error::{ErrorKind, chain};
use crate::reason::plain;

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
    let again = match again(kind) {
        Again::Never if kind != ErrorKind::Quota && (status.code == 106 || status.retriable) => {
            Again::MaybeDone
        }
        again => again,
    };
    let reason = if status.reason.is_empty() {
        format!("the server gave no reason (code {}, error code {})", status.code, status.error_code)
    } else {
        plain(&status.reason)
    };
    Some(Failure { kind, reason, again })
}

/// Whether waiting helps against a failure of this kind.
fn again(kind: ErrorKind) -> Again {
    match kind {
        ErrorKind::RateLimited => Again::NotDone,
        ErrorKind::Unreachable => Again::MaybeDone,
        _ => Again::Never,
    }
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
    let absent = says("not found") || says("not exist") || says("n't exist");
    // the second and third for a moment after a restart of one of its parts
    if ["not ready", "node not match", "find no available"].into_iter().any(says) {
        ErrorKind::Unreachable
    } else if says("rate limit exceeded") || says("rejected by grpc ratelimiter") {
        ErrorKind::RateLimited
    } else if says("quota exceeded") || says("deny") {
        ErrorKind::Quota
    } else if says("already exist") || says("already aliased") {
        ErrorKind::AlreadyExists
    } else if says("not loaded") || says("not been loaded") {
        ErrorKind::NotLoaded
    } else if says("can't find collection") && !names_database(&reason) {
        // before the rest, whose words may stand in the name of the collection
        ErrorKind::CollectionNotFound
    } else if absent && ["index", "partition", "segment", "alias", "task"].into_iter().any(says) {
        ErrorKind::NotFound
    } else if absent && (says("database:") || says("database not")) {
        ErrorKind::DatabaseNotFound
    } else if absent && says("collection") {
        ErrorKind::CollectionNotFound
    } else if absent {
        ErrorKind::NotFound
    } else if says("invalid") {
        ErrorKind::Invalid
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
        Code::Unknown | Code::Internal | Code::Cancelled if transport => {
            (ErrorKind::Unreachable, Again::MaybeDone)
        }
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
        _ => {
            let kind = by_text(status.message());
            (kind, again(kind))
        }
    };
    let mut reason = plain(status.message());
    if let Some(cause) = std::error::Error::source(status) {
        let cause = chain(cause);
        reason = if cause.contains(&reason) { cause } else { format!("{reason}: {cause}") };
    }
    if reason.is_empty() {
        status.code().description().clone_into(&mut reason);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(code: i32, error_code: i32, reason: &str) -> Failure {
        let status = Status { code, error_code, reason: reason.to_owned(), ..Status::default() };
        failure(&status).expect("a failure")
    }

    #[test]
    fn success_is_zero_in_both_numbers() {
        assert!(failure(&Status::default()).is_none());
        assert!(failure(&Status { reason: "done".to_owned(), ..Status::default() }).is_none());
    }

    #[test]
    fn the_new_number_is_believed_before_the_old_one_and_the_text() {
        assert_eq!(told(100, 1, "quota exceeded").kind, ErrorKind::CollectionNotFound);
        assert_eq!(told(0, 4, "quota exceeded").kind, ErrorKind::CollectionNotFound);
        assert_eq!(told(0, 1, "quota exceeded").kind, ErrorKind::Quota);
        assert_eq!(told(65535, 1, "database already exist: a").kind, ErrorKind::AlreadyExists);
    }

    #[test]
    fn an_unknown_database_is_told_from_an_unknown_collection() {
        let database = told(100, 1, "collection not found[database=a]");
        assert_eq!(database.kind, ErrorKind::DatabaseNotFound);
        let collection = told(100, 1, "collection not found[database=a][collection=b]");
        assert_eq!(collection.kind, ErrorKind::CollectionNotFound);
    }

    #[test]
    fn texts_of_2_2_are_understood() {
        for (reason, kind) in [
            ("can't find collection: a", ErrorKind::CollectionNotFound),
            (
                "can't find collection collection not found[database=default][collection=task_index]",
                ErrorKind::CollectionNotFound,
            ),
            ("collection not exists: a", ErrorKind::CollectionNotFound),
            ("DescribeCollection failed: collection a not found", ErrorKind::CollectionNotFound),
            ("ShowCollections failed: database:a not found", ErrorKind::DatabaseNotFound),
            ("partition ID not found for partition name 'p' in collection 'a'", ErrorKind::NotFound),
            ("index doesn't exist, collectionID 1", ErrorKind::NotFound),
            ("import task id doesn't exist", ErrorKind::NotFound),
            ("alias exists and already aliased to another collection", ErrorKind::AlreadyExists),
            ("collection a was not loaded into memory", ErrorKind::NotLoaded),
            ("Invalid collection name: no-dashes.", ErrorKind::Invalid),
            (
                "request is rejected by grpc RateLimiter middleware, please retry later",
                ErrorKind::RateLimited,
            ),
            ("quota exceeded, please allocate more resources", ErrorKind::Quota),
            (
                "service unavailable: internal: Milvus Proxy is not ready yet. please wait",
                ErrorKind::Unreachable,
            ),
            ("something else", ErrorKind::Server),
        ] {
            assert_eq!(told(0, 1, reason).kind, kind, "{reason}");
        }
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        assert_eq!(told(8, 49, "").again, Again::NotDone);
        assert_eq!(told(1, 1, "").again, Again::MaybeDone);
        assert_eq!(told(106, 1, "").again, Again::MaybeDone);
        assert_eq!(told(9, 48, "").again, Again::Never);
        assert_eq!(told(100, 4, "").again, Again::Never);
        let quota = Status { code: 9, retriable: true, ..Status::default() };
        assert_eq!(failure(&quota).map(|failure| failure.again), Some(Again::Never));
        let other = Status { code: 5, retriable: true, ..Status::default() };
        assert_eq!(failure(&other).map(|failure| failure.again), Some(Again::MaybeDone));
    }

    #[test]
    fn codes_of_the_transport_are_understood() {
        use tonic::Code;
        for (code, text, kind, again) in [
            (Code::Unavailable, "", ErrorKind::Unreachable, Again::MaybeDone),
            (Code::Unauthenticated, "auth check failure", ErrorKind::Unauthenticated, Again::Never),
            (Code::Unimplemented, "unknown method", ErrorKind::Unsupported, Again::Never),
            (Code::ResourceExhausted, "slow down", ErrorKind::RateLimited, Again::NotDone),
            (Code::ResourceExhausted, "message larger than max", ErrorKind::Invalid, Again::Never),
            (Code::Unknown, "Milvus Proxy is not ready yet", ErrorKind::Unreachable, Again::MaybeDone),
        ] {
            let failure = rpc_failure(&tonic::Status::new(code, text));
            assert_eq!((failure.kind, failure.again), (kind, again), "{code:?} {text}");
            assert!(!failure.reason.is_empty());
        }
    }
}
