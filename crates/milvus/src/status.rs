//! Classification of the status in a reply.
//!
//! Since 2.3, a status contains a new number (`code`) and an old one (`error_code`). 2.2 sets only the old one, mostly
//! to "unexpected", and the text is more exact. They may contradict each other: the new number takes precedence over
//! the old one, and the old one over the text. Both are zero on success.

use proto::common::Status;
use proto::{common, milvus as wire};

use crate::error::{MilvusErrorKind, error_chain_text};
use crate::reason::clean_reason;

/// The failure of one attempt of a call.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: MilvusErrorKind,
    pub(crate) reason: String,
    pub(crate) retry: Retry,
}

/// When a failed call may be retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    /// A retry would fail too.
    Never,
    /// A retry may succeed, but the server may already have executed the call.
    IfRepeatable,
    /// A retry may succeed, and the server has certainly not executed the call.
    Always,
}

/// A reply that contains a status.
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
    BackupRbacMetaResponse,
    BoolResponse,
    ConnectResponse,
    DescribeCollectionResponse,
    DescribeDatabaseResponse,
    DescribeIndexResponse,
    DescribeSnapshotResponse,
    ExportSnapshotResponse,
    FlushAllResponse,
    FlushResponse,
    GetCollectionStatisticsResponse,
    GetExportSnapshotStateResponse,
    GetFlushAllStateResponse,
    GetFlushStateResponse,
    GetImportStateResponse,
    ListImportTasksResponse,
    GetLoadStateResponse,
    GetPersistentSegmentInfoResponse,
    GetRestoreSnapshotStateResponse,
    GetVersionResponse,
    ImportResponse,
    ListAliasesResponse,
    ListDatabasesResponse,
    ListSnapshotsResponse,
    MutationResult,
    PinSnapshotDataResponse,
    QueryResults,
    RestoreExternalSnapshotResponse,
    SelectGrantResponse,
    SelectUserResponse,
    ShowCollectionsResponse,
    ShowPartitionsResponse,
);

impl Reply for wire::AlterCollectionSchemaResponse {
    fn status(&self) -> Option<&Status> {
        self.alter_status.as_ref()
    }
}

/// Returns the failure that a status reports, or `None` on success.
pub(crate) fn status_failure(status: &Status) -> Option<Failure> {
    if status.code == 0 && status.error_code == 0 {
        return None;
    }
    let kind = kind_by_code(status)
        .or_else(|| kind_by_error_code(status))
        .unwrap_or_else(|| kind_by_text(&status.reason));
    let retry = match retry_for_kind(kind) {
        Retry::Never if kind != MilvusErrorKind::Quota && (status.code == 106 || status.retriable) => {
            Retry::IfRepeatable
        }
        retry => retry,
    };
    let reason = if status.reason.is_empty() {
        format!("the server gave no reason (code {}, error code {})", status.code, status.error_code)
    } else {
        clean_reason(&status.reason)
    };
    Some(Failure { kind, reason, retry })
}

/// Returns when a call that failed with this kind of error may be retried, if nothing else is known.
fn retry_for_kind(kind: MilvusErrorKind) -> Retry {
    match kind {
        MilvusErrorKind::RateLimited => Retry::Always,
        MilvusErrorKind::Unreachable => Retry::IfRepeatable,
        _ => Retry::Never,
    }
}

/// Classifies a status by its new number (2.3 and later).
fn kind_by_code(status: &Status) -> Option<MilvusErrorKind> {
    Some(match status.code {
        1 | 2 => MilvusErrorKind::Unreachable,
        3 | 7 | 9 => MilvusErrorKind::Quota,
        8 | 1807 => MilvusErrorKind::RateLimited,
        // 2.3 reports an unknown database as an unknown collection.
        100 if names_only_database(&status.reason) => MilvusErrorKind::DatabaseNotFound,
        100 => MilvusErrorKind::CollectionNotFound,
        101 | 103 => MilvusErrorKind::NotLoaded,
        200 | 300 | 600 | 700 | 1000 | 1600 => MilvusErrorKind::NotFound,
        2600 => MilvusErrorKind::SnapshotNotFound,
        2601 => MilvusErrorKind::SnapshotPinned,
        800 => MilvusErrorKind::DatabaseNotFound,
        802 | 1100 | 1101 | 1102 | 1801 | 1802 => MilvusErrorKind::Invalid,
        1400 | 1800 => MilvusErrorKind::Unauthenticated,
        1401 => MilvusErrorKind::PermissionDenied,
        1601 | 1602 => MilvusErrorKind::AlreadyExists,
        10 | 3000 => MilvusErrorKind::Unsupported,
        10000 => MilvusErrorKind::Cancelled,
        10001 => MilvusErrorKind::Timeout,
        _ => return None,
    })
}

/// Classifies a status by its old number.
fn kind_by_error_code(status: &Status) -> Option<MilvusErrorKind> {
    use common::ErrorCode;
    Some(match status.error_code() {
        ErrorCode::CollectionNotExists if names_only_database(&status.reason) => {
            MilvusErrorKind::DatabaseNotFound
        }
        ErrorCode::CollectionNotExists => MilvusErrorKind::CollectionNotFound,
        ErrorCode::PermissionDenied => MilvusErrorKind::PermissionDenied,
        ErrorCode::IllegalArgument => MilvusErrorKind::Invalid,
        ErrorCode::IndexNotExist | ErrorCode::SegmentNotFound => MilvusErrorKind::NotFound,
        ErrorCode::RateLimit => MilvusErrorKind::RateLimited,
        ErrorCode::ForceDeny | ErrorCode::MemoryQuotaExhausted | ErrorCode::DiskQuotaExhausted => {
            MilvusErrorKind::Quota
        }
        _ => return None,
    })
}

/// Returns whether the text "collection not found" names only a database, which is then what does not exist.
fn names_only_database(reason: &str) -> bool {
    reason.contains("collection not found[database=") && !reason.contains("[collection=")
}

/// Classifies a failure by words in its text; `Server` if none is known.
fn kind_by_text(reason: &str) -> MilvusErrorKind {
    let reason = reason.to_lowercase();
    let says = |words: &str| reason.contains(words);
    let absent = says("not found") || says("not exist") || says("n't exist");
    // Milvus reports the second and the third for a short time after one of its components restarted.
    if ["not ready", "node not match", "find no available"].into_iter().any(says) {
        MilvusErrorKind::Unreachable
    } else if says("rate limit exceeded")
        || says("rejected by grpc ratelimiter")
        || says("number of jobs has reached the limit")
    {
        MilvusErrorKind::RateLimited
    } else if says("quota exceeded") || says("deny") {
        MilvusErrorKind::Quota
    } else if says("already exist") || says("already aliased") {
        MilvusErrorKind::AlreadyExists
    } else if says("not loaded") || says("not been loaded") {
        MilvusErrorKind::NotLoaded
    } else if says("can't find collection") && !names_only_database(&reason) {
        // Checked before the conditions below, whose words may occur in the name of the collection.
        MilvusErrorKind::CollectionNotFound
    } else if absent && ["index", "partition", "segment", "alias", "task"].into_iter().any(says) {
        MilvusErrorKind::NotFound
    } else if absent && (says("database:") || says("database not")) {
        MilvusErrorKind::DatabaseNotFound
    } else if absent && says("collection") {
        MilvusErrorKind::CollectionNotFound
    } else if absent {
        MilvusErrorKind::NotFound
    } else if says("invalid") {
        MilvusErrorKind::Invalid
    } else {
        MilvusErrorKind::Server
    }
}

/// Classifies the failure of a call that got no reply.
pub(crate) fn rpc_failure(status: &tonic::Status) -> Failure {
    use tonic::Code;
    let transport = std::error::Error::source(status).is_some();
    let (kind, retry) = match status.code() {
        _ if was_never_sent(status) => (MilvusErrorKind::Unreachable, Retry::Always),
        Code::Unavailable => (MilvusErrorKind::Unreachable, Retry::IfRepeatable),
        Code::Unknown | Code::Internal | Code::Cancelled if transport => {
            (MilvusErrorKind::Unreachable, Retry::IfRepeatable)
        }
        Code::ResourceExhausted if status.message().contains("larger than max") => {
            (MilvusErrorKind::Invalid, Retry::Never)
        }
        Code::ResourceExhausted => (MilvusErrorKind::RateLimited, Retry::Always),
        Code::Unauthenticated => (MilvusErrorKind::Unauthenticated, Retry::Never),
        Code::PermissionDenied => (MilvusErrorKind::PermissionDenied, Retry::Never),
        Code::Unimplemented => (MilvusErrorKind::Unsupported, Retry::Never),
        Code::DeadlineExceeded => (MilvusErrorKind::Timeout, Retry::IfRepeatable),
        Code::Cancelled => (MilvusErrorKind::Cancelled, Retry::Never),
        Code::InvalidArgument | Code::OutOfRange => (MilvusErrorKind::Invalid, Retry::Never),
        _ => {
            let kind = kind_by_text(status.message());
            (kind, retry_for_kind(kind))
        }
    };
    let mut reason = clean_reason(status.message());
    if let Some(cause) = std::error::Error::source(status) {
        let cause = error_chain_text(cause);
        reason = if cause.contains(&reason) { cause } else { format!("{reason}: {cause}") };
    }
    if reason.is_empty() {
        status.code().description().clone_into(&mut reason);
    }
    Failure { kind, reason, retry }
}

/// Returns whether no connection could be opened, so that the request was never sent.
fn was_never_sent(status: &tonic::Status) -> bool {
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

    fn classify(code: i32, error_code: i32, reason: &str) -> Failure {
        let status = Status { code, error_code, reason: reason.to_owned(), ..Status::default() };
        status_failure(&status).expect("a failure")
    }

    #[test]
    fn a_status_with_both_numbers_zero_is_a_success() {
        assert!(status_failure(&Status::default()).is_none());
        assert!(status_failure(&Status { reason: "done".to_owned(), ..Status::default() }).is_none());
    }

    #[test]
    fn the_new_number_takes_precedence_over_the_old_one_and_the_text() {
        assert_eq!(classify(100, 1, "quota exceeded").kind, MilvusErrorKind::CollectionNotFound);
        assert_eq!(classify(0, 4, "quota exceeded").kind, MilvusErrorKind::CollectionNotFound);
        assert_eq!(classify(0, 1, "quota exceeded").kind, MilvusErrorKind::Quota);
        assert_eq!(classify(65535, 1, "database already exist: a").kind, MilvusErrorKind::AlreadyExists);
    }

    #[test]
    fn an_unknown_database_is_distinguished_from_an_unknown_collection() {
        let database = classify(100, 1, "collection not found[database=a]");
        assert_eq!(database.kind, MilvusErrorKind::DatabaseNotFound);
        let collection = classify(100, 1, "collection not found[database=a][collection=b]");
        assert_eq!(collection.kind, MilvusErrorKind::CollectionNotFound);
    }

    #[test]
    fn error_texts_of_2_2_are_classified() {
        for (reason, kind) in [
            ("can't find collection: a", MilvusErrorKind::CollectionNotFound),
            (
                "can't find collection collection not found[database=default][collection=task_index]",
                MilvusErrorKind::CollectionNotFound,
            ),
            ("collection not exists: a", MilvusErrorKind::CollectionNotFound),
            ("DescribeCollection failed: collection a not found", MilvusErrorKind::CollectionNotFound),
            ("ShowCollections failed: database:a not found", MilvusErrorKind::DatabaseNotFound),
            ("partition ID not found for partition name 'p' in collection 'a'", MilvusErrorKind::NotFound),
            ("index doesn't exist, collectionID 1", MilvusErrorKind::NotFound),
            ("import task id doesn't exist", MilvusErrorKind::NotFound),
            ("alias exists and already aliased to another collection", MilvusErrorKind::AlreadyExists),
            ("collection a was not loaded into memory", MilvusErrorKind::NotLoaded),
            ("Invalid collection name: no-dashes.", MilvusErrorKind::Invalid),
            (
                "request is rejected by grpc RateLimiter middleware, please retry later",
                MilvusErrorKind::RateLimited,
            ),
            ("quota exceeded, please allocate more resources", MilvusErrorKind::Quota),
            (
                "service unavailable: internal: Milvus Proxy is not ready yet. please wait",
                MilvusErrorKind::Unreachable,
            ),
            ("something else", MilvusErrorKind::Server),
        ] {
            assert_eq!(classify(0, 1, reason).kind, kind, "{reason}");
        }
    }

    #[test]
    fn only_temporary_failures_are_retried() {
        assert_eq!(classify(8, 49, "").retry, Retry::Always);
        assert_eq!(classify(1, 1, "").retry, Retry::IfRepeatable);
        assert_eq!(classify(106, 1, "").retry, Retry::IfRepeatable);
        assert_eq!(classify(9, 48, "").retry, Retry::Never);
        assert_eq!(classify(100, 4, "").retry, Retry::Never);
        let quota = Status { code: 9, retriable: true, ..Status::default() };
        assert_eq!(status_failure(&quota).map(|failure| failure.retry), Some(Retry::Never));
        let other = Status { code: 5, retriable: true, ..Status::default() };
        assert_eq!(status_failure(&other).map(|failure| failure.retry), Some(Retry::IfRepeatable));
    }

    #[test]
    fn grpc_codes_are_classified() {
        use tonic::Code;
        for (code, text, kind, retry) in [
            (Code::Unavailable, "", MilvusErrorKind::Unreachable, Retry::IfRepeatable),
            (Code::Unauthenticated, "auth check failure", MilvusErrorKind::Unauthenticated, Retry::Never),
            (Code::Unimplemented, "unknown method", MilvusErrorKind::Unsupported, Retry::Never),
            (Code::ResourceExhausted, "slow down", MilvusErrorKind::RateLimited, Retry::Always),
            (Code::ResourceExhausted, "message larger than max", MilvusErrorKind::Invalid, Retry::Never),
            (
                Code::Unknown,
                "Milvus Proxy is not ready yet",
                MilvusErrorKind::Unreachable,
                Retry::IfRepeatable,
            ),
        ] {
            let failure = rpc_failure(&tonic::Status::new(code, text));
            assert_eq!((failure.kind, failure.retry), (kind, retry), "{code:?} {text}");
            assert!(!failure.reason.is_empty());
        }
    }
}
